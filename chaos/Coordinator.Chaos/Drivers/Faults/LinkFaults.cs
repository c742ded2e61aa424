using Coordinator.Chaos.Drivers.Fleets;
using Coordinator.Chaos.Drivers.Network;
using Coordinator.Chaos.Drivers.Postgres;

namespace Coordinator.Chaos.Drivers.Faults;

/// <summary>Faults of the link between one host and the store, while the others reach it (N05, N06, N08, N10, N12).</summary>
internal sealed class LinkFaults(OwnerFleet fleet, ServerLink[] links, Wounds wounds)
{
    private static readonly TimeSpan s_badTime = TimeSpan.FromSeconds(2.5);
    private static readonly LinkFault s_cut = new LinkFault.Cut(), s_lost = new LinkFault.Swallow();
    private static readonly LinkFault s_slow = new LinkFault.Delay(TimeSpan.FromMilliseconds(250)), s_narrow = new LinkFault.Narrow(BytesPerSecond: 1000);

    public IReadOnlyList<Fault> All =>
    [
        Displacing("owner's link cut", s_cut, s_cut, isCore: false),
        Displacing("owner's link half-open", s_lost, s_lost, isCore: false),
        Displacing("owner's link cut towards the server", s_lost, null, isCore: false),
        Displacing("owner's link cut from the server", null, s_lost, isCore: true),
        Of("owner's link cut in a message", () => BreakAsync("owner's link cut in a message"), isCore: true),
        Of("owner's link slow", () => HamperAsync("owner's link slow", s_slow), isCore: false),
        Of("owner's link narrow", () => HamperAsync("owner's link narrow", s_narrow), isCore: false),
        Of("standby's link cut", CutStandbyAsync, isCore: false),
    ];

    private Fault Of(string name, Func<Task> strikeAsync, bool isCore) => new(name, strikeAsync) { IsCore = isCore, HealAsync = () => ServerLink.HealAsync(links) };

    private Fault Displacing(string name, LinkFault? outbound, LinkFault? inbound, bool isCore) => Of(name, () => DisplaceAsync(name, outbound, inbound), isCore);

    /// <summary>The owner can't decide any more, another one must, and what the first has in hand must not land when it comes back.</summary>
    private async Task DisplaceAsync(string kind, LinkFault? outbound, LinkFault? inbound)
    {
        var owner = await fleet.OwnerAsync();
        var link = links[fleet.PlaceOf(owner)];
        var blow = wounds.Now(kind, owner);
        link.Set(outbound, inbound);
        await wounds.DisplaceAsync(blow, link.Heal);
    }

    private async Task BreakAsync(string kind)
    {
        var owner = await fleet.OwnerAsync();
        var blow = wounds.Now(kind);
        links[fleet.PlaceOf(owner)].Set(new LinkFault.CutInMessage(), null);
        await wounds.MeasureAsync(blow);
    }

    /// <summary>For a while everything takes long; what it was too long for must be over soon after that.</summary>
    private async Task HamperAsync(string kind, LinkFault fault)
    {
        var owner = await fleet.OwnerAsync();
        var link = links[fleet.PlaceOf(owner)];
        var began = History.Now;
        link.Set(fault, fault);
        await Task.Delay(s_badTime);
        link.Heal();
        await wounds.MeasureAsync(wounds.Now(kind) with { StruckAt = began, UpAgainAt = History.Now });
        if (await Fleet.RoleAsync(owner) is not "Owner")
        {
            await wounds.WakeAsync(owner, static () => { }); // it was too long for the others, too
        }
    }

    private async Task CutStandbyAsync()
    {
        var (_, others) = await fleet.SettledAsync(1);
        var link = links[fleet.PlaceOf(others[wounds.Random.Next(others.Count)])];
        var blow = wounds.Now("standby's link cut") with { SparesOwner = true };
        link.Set(s_cut, s_cut);
        await wounds.MeasureAsync(blow);
        await Task.Delay(s_badTime);
    }
}
