using Coordinator.Chaos.Drivers.Fleets;
using Coordinator.Chaos.Victims.Faults;

namespace Coordinator.Chaos.Drivers.Faults;

/// <summary>Faults that only silence can tell, where hosts take over from whoever is silent: killed as on another machine, frozen.</summary>
internal sealed class SilenceFaults(OwnerFleet fleet, Wounds wounds)
{
    private const string Silent = "owner killed, only its silence counts";

    /// <summary>The protocol's own time: how long an owner must be silent.</summary>
    public static TimeSpan Silence { get; } = TimeSpan.FromSeconds(2);

    // A beat may have been heard half a second before the kill, in a look that was made half a second before that.
    private static readonly TimeSpan s_unseen = TimeSpan.FromSeconds(1);

    public IReadOnlyList<Fault> All =>
    [
        new(Silent, KillSilentlyAsync) { IsCore = true },
        new("owner frozen", async () => await wounds.DisplaceFrozenAsync(wounds.Strike("owner frozen", await fleet.OwnerAsync(), Signals.Stop))) { Weight = 2, HealAsync = fleet.ThawAsync },
        new("owner frozen before an append", () => FreezeAtAsync("owner frozen before an append", "append.before")) { IsCore = true, HealAsync = fleet.ThawAsync },
        new("owner frozen behind an append", () => FreezeAtAsync("owner frozen behind an append", "append.after")) { HealAsync = fleet.ThawAsync },
        new("standby frozen", FreezeStandbyAsync) { HealAsync = fleet.ThawAsync },
    ];

    private async Task KillSilentlyAsync()
    {
        var (owner, others) = await fleet.SettledAsync();
        await fleet.OnlySilenceAsync(true, others);
        var recovery = await wounds.MeasureAsync(wounds.Strike(Silent, owner, Signals.Kill));
        if (recovery.Served < Silence - s_unseen)
        {
            wounds.History.Violated($"a host took over {recovery.Served.TotalSeconds:F2} s after a kill that only silence could tell");
        }

        await fleet.OnlySilenceAsync(false, fleet.Hosts);
    }

    private async Task FreezeAtAsync(string kind, string point) =>
        await wounds.DisplaceFrozenAsync(await wounds.FreezeAtAsync(kind, fleet.OwnerAsync, point, occurrenceMax: 30));

    /// <summary>Nobody needs it, and nobody may notice.</summary>
    private async Task FreezeStandbyAsync()
    {
        var (_, others) = await fleet.SettledAsync(1);
        var blow = wounds.Strike("standby frozen", others[wounds.Random.Next(others.Count)], Signals.Stop) with { SparesOwner = true };
        await wounds.MeasureAsync(blow);
        await Task.Delay(Wounds.DisplacedMin); // nobody can tell when a sleep has been long enough
        blow.Victim!.Signal(Signals.Continue);
    }
}
