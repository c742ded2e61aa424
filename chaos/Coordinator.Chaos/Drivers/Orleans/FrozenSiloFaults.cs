using Coordinator.Chaos.Drivers.Faults;
using Coordinator.Chaos.Victims.Faults;

namespace Coordinator.Chaos.Drivers.Orleans;

/// <summary>Silos that are stopped in their tracks past the heartbeat and the vote's deadline, and go on with their work in hand (C27, C28, G02, G08).</summary>
internal sealed class FrozenSiloFaults(SiloFleet fleet, Wounds wounds)
{
    public IReadOnlyList<Fault> All =>
    [
        new("silo frozen", async () => await wounds.DisplaceFrozenAsync(wounds.Strike("silo frozen", await fleet.AnyAsync(wounds.Random), Signals.Stop))) { Weight = 2, HealAsync = fleet.ThawAsync },
        At("silo frozen before an append", "append.before", isCore: true),
        At("silo frozen behind an append", "append.after", isCore: false),
        At("silo frozen before a vote", "vote.before", isCore: false),
        At("silo frozen before it tells a decision", "decision.before", isCore: false),
    ];

    private Fault At(string name, string point, bool isCore) => new(name, () => FreezeAtAsync(name, point)) { IsCore = isCore, HealAsync = fleet.ThawAsync };

    private async Task FreezeAtAsync(string kind, string point) =>
        await wounds.DisplaceFrozenAsync(await wounds.FreezeAtAsync(kind, () => fleet.AnyAsync(wounds.Random), point, occurrenceMax: 20));
}
