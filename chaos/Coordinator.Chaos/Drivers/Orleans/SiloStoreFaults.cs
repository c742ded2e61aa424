using Coordinator.Chaos.Drivers.Faults;
using Coordinator.Chaos.Drivers.Network;
using Coordinator.Chaos.Drivers.Postgres;
using Coordinator.Chaos.Victims.Faults;

namespace Coordinator.Chaos.Drivers.Orleans;

/// <summary>What stands between silos and the store that they share: their links to it (N06, N08), the membership in it (G03), and grains that are active twice (G04).</summary>
internal sealed class SiloStoreFaults(SiloFleet fleet, ServerLink[] links, LogServer server, Wounds wounds)
{
    private const string Cut = "silo cut from the store", HalfOpen = "silo's link to the store half-open", NoMembership = "silo killed while the membership is locked", Twins = "grains active twice";
    private const string Lock = "BEGIN; LOCK TABLE orleansmembershiptable, orleansmembershipversiontable IN ACCESS EXCLUSIVE MODE";
    private static readonly TimeSpan s_twinTime = TimeSpan.FromSeconds(2.5);

    public IReadOnlyList<Fault> All =>
    [
        new(Cut, () => CutAsync(Cut, new LinkFault.Cut())) { Weight = 2, HealAsync = () => ServerLink.HealAsync(links) },
        new(HalfOpen, () => CutAsync(HalfOpen, new LinkFault.Swallow())) { HealAsync = () => ServerLink.HealAsync(links) },
        new(NoMembership, KillWithoutMembershipAsync) { Weight = 2 },
        new(Twins, TwinAsync) { IsCore = true, Weight = 2, HealAsync = () => fleet.TellAllAsync("twins", false) },
    ];

    /// <summary>It can decide nothing, the others must, and what it has in hand must not land when it comes back.</summary>
    private async Task CutAsync(string kind, LinkFault fault)
    {
        var victim = await fleet.AnyAsync(wounds.Random);
        var link = links[fleet.PlaceOf(victim)];
        var blow = wounds.Now(kind, victim);
        link.Set(fault, fault);
        await wounds.DisplaceAsync(blow, link.Heal);
    }

    /// <summary>Nobody can be declared dead and nobody can join, and all the same everything is decided.</summary>
    private async Task KillWithoutMembershipAsync()
    {
        var members = await fleet.MembersAsync(3);
        await using var connection = await server.ConnectAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = Lock;
        await command.ExecuteNonQueryAsync();
        await wounds.MeasureAsync(wounds.Strike(NoMembership, members[wounds.Random.Next(members.Count)], Signals.Kill));
        command.CommandText = "ROLLBACK";
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Each silo has its own activation of lists and purses, under load, and then one of the silos dies as well.</summary>
    private async Task TwinAsync()
    {
        var members = await fleet.MembersAsync(2);
        await fleet.TellAllAsync("twins", true);
        await Task.Delay(s_twinTime);
        await wounds.MeasureAsync(wounds.Strike(Twins, members[wounds.Random.Next(members.Count)], Signals.Kill));
    }
}
