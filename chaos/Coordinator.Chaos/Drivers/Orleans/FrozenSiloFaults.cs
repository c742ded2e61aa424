using Coordinator.Chaos.Drivers.Faults;
using Coordinator.Chaos.Drivers.Fleets;
using Coordinator.Chaos.Victims.Faults;

namespace Coordinator.Chaos.Drivers.Orleans;

/// <summary>Silos that are stopped in their tracks past the heartbeat and the vote's deadline, and go on with their work in hand (C27, C28, G02, G08).</summary>
internal sealed class FrozenSiloFaults(SiloFleet fleet, Wounds wounds)
{
    // Longer than the silence that the others judge by, and than the deadline for votes: both are 2 s.
    private static readonly TimeSpan s_frozenMin = TimeSpan.FromSeconds(3.5);

    public IReadOnlyList<Fault> All =>
    [
        new("silo frozen", async () => await WakeLaterAsync(wounds.Strike("silo frozen", await AnyAsync(), Signals.Stop))) { Weight = 2, HealAsync = ThawAsync },
        At("silo frozen before an append", "append.before", isCore: true),
        At("silo frozen behind an append", "append.after", isCore: false),
        At("silo frozen before a vote", "vote.before", isCore: false),
        At("silo frozen before it tells a decision", "decision.before", isCore: false),
    ];

    private Fault At(string name, string point, bool isCore) => new(name, () => FreezeAtAsync(name, point)) { IsCore = isCore, HealAsync = ThawAsync };

    private async Task<VictimHost> AnyAsync()
    {
        var members = await fleet.MembersAsync(2);
        return members[wounds.Random.Next(members.Count)];
    }

    private async Task FreezeAtAsync(string kind, string point)
    {
        var victim = await AnyAsync();
        await Wounds.ArmAsync(victim, point, wounds.Random.Next(1, 20), Signals.Stop);
        using var patience = new CancellationTokenSource(Wounds.Patience);
        await victim.FrozenAsync(patience.Token);
        await WakeLaterAsync(wounds.Now(kind, victim));
    }

    private async Task WakeLaterAsync(Blow blow)
    {
        await wounds.MeasureAsync(blow);
        await UntilAsync(blow.StruckAt + s_frozenMin);
        await wounds.WakeAsync(blow.Victim!, () => blow.Victim!.Signal(Signals.Continue));
    }

    private static Task UntilAsync(TimeSpan time) => time - History.Now is { } left && left > TimeSpan.Zero ? Task.Delay(left) : Task.CompletedTask;

    private Task ThawAsync()
    {
        foreach (var host in fleet.Hosts)
        {
            host.Signal(Signals.Continue);
        }

        return Task.CompletedTask;
    }
}
