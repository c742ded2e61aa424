using Coordinator.Chaos.Drivers.Fleets;

namespace Coordinator.Chaos.Drivers.Faults;

/// <summary>Does the faults of a plan one after the other, each to hosts that work; a client is killed in between.</summary>
internal sealed class Nemesis(Fleet fleet, Wounds wounds)
{
    // Of the clients' sixteen: a blow to a log that nobody is using shows little.
    private const int OpenMin = 4;

    private int _blows;

    /// <summary>Does one fault, measures it, and heals it.</summary>
    public async Task StrikeAsync(Fault fault, Round round)
    {
        await fleet.ReadyAsync();
        await wounds.History.ServedAsync(History.Now, notBy: null).WaitAsync(Wounds.Patience);
        await Task.Delay(wounds.Random.Next(50, 300)); // at any moment of the work
        await wounds.History.BusyAsync(OpenMin).WaitAsync(Wounds.Patience);
        if (_blows++ % 2 == 0)
        {
            round.KillClient(wounds.Random); // its next life asks while the hosts recover
        }

        try
        {
            await fault.StrikeAsync();
        }
        finally
        {
            await fault.HealAsync();
        }
    }
}
