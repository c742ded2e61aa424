using Coordinator.Chaos.Drivers.Faults;
using Coordinator.Chaos.Drivers.Network;

namespace Coordinator.Chaos.Drivers.Orleans;

/// <summary>
/// Faults of the network between silos, all of which reach the store (N01, N04, N06, N07, N09, N10, N12). That a link was in use before, and that nothing came through what was cut, is seen in
/// what it has carried.
/// </summary>
internal sealed class NetworkFaults(SiloFleet fleet, SiloNetwork network, Wounds wounds)
{
    private const int NarrowBytesPerSecond = 1000;

    // Past the silence of 2 s that would count if the heartbeats went this way, and far short of an eviction by Orleans' defaults.
    private static readonly TimeSpan s_badTime = TimeSpan.FromSeconds(3.5), s_lateness = TimeSpan.FromMilliseconds(150);

    public IReadOnlyList<Fault> All =>
    [
        Cutting("silos cut from each other", isCore: true, PairAsync, new LinkFault.Cut()),
        Cutting("silos half-open to each other", isCore: false, PairAsync, new LinkFault.Swallow()),
        Cutting("silo cut from all others", isCore: false, AllOfOneAsync, new LinkFault.Cut()),
        Cutting("silos cut from each other one way", isCore: false, OneWayAsync, new LinkFault.Swallow()),
        Cutting("messages between silos held up", isCore: false, PairAsync, new LinkFault.Hold()),
        Hampering("network between silos slow", new LinkFault.Delay(s_lateness)),
        Hampering("network between silos narrow", new LinkFault.Narrow(NarrowBytesPerSecond)),
    ];

    private Fault Cutting(string name, bool isCore, Func<Task<Link[]>> drawAsync, LinkFault fault) =>
        new(name, () => CutAsync(name, drawAsync, fault)) { IsCore = isCore, Weight = 2, HealAsync = HealAsync };

    private Fault Hampering(string name, LinkFault fault) => new(name, () => HamperAsync(name, fault)) { HealAsync = HealAsync };

    /// <summary>Everything that was open is known while the links are still cut: each side asks the log.</summary>
    private async Task CutAsync(string kind, Func<Task<Link[]>> drawAsync, LinkFault fault)
    {
        var links = await drawAsync();
        await InUseAsync(links);
        var blow = wounds.Now(kind);
        Set(links, fault);
        var before = Carried(links);
        await wounds.MeasureAsync(blow);
        await Wounds.UntilAsync(blow.StruckAt + s_badTime);
        if (Carried(links) is var after && after != before)
        {
            wounds.History.Violated($"{after - before} bytes came through links that were cut ('{kind}')");
        }
    }

    /// <summary>For a while everything takes long; what it was too long for must be over soon after that.</summary>
    private async Task HamperAsync(string kind, LinkFault fault)
    {
        var links = await PairAsync();
        await InUseAsync(links);
        var began = History.Now;
        Set(links, fault);
        await Task.Delay(s_badTime);
        network.Heal();
        await wounds.MeasureAsync(wounds.Now(kind) with { StruckAt = began, UpAgainAt = History.Now });
    }

    private async Task<Link[]> PairAsync()
    {
        var (one, other) = await TwoAsync();
        return BothWays(one, other);
    }

    private async Task<Link[]> OneWayAsync()
    {
        var (from, to) = await TwoAsync();
        return [network.LinkOf(from, to)];
    }

    private async Task<Link[]> AllOfOneAsync()
    {
        var (one, _) = await TwoAsync();
        return [.. Enumerable.Range(0, fleet.Hosts.Count).Where(other => other != one).SelectMany(other => BothWays(one, other))];
    }

    private Link[] BothWays(int one, int other) => [network.LinkOf(one, other), network.LinkOf(other, one)];

    private async Task<(int One, int Other)> TwoAsync()
    {
        var two = (await fleet.MembersAsync(3)).Select(fleet.PlaceOf).OrderBy(_ => wounds.Random.Next()).Take(2).ToArray();
        return (two[0], two[1]);
    }

    /// <summary>Waits until each of the links carries something: a cut of what nobody uses shows nothing.</summary>
    private static async Task InUseAsync(Link[] links)
    {
        foreach (var link in links)
        {
            var deadline = History.Now + Wounds.Patience;
            for (var before = link.CarriedBytes; link.CarriedBytes == before; await Task.Delay(20))
            {
                if (History.Now > deadline)
                {
                    throw new TimeoutException($"Nothing goes from {link}");
                }
            }
        }
    }

    private static long Carried(Link[] links) => links.Sum(static link => link.CarriedBytes);

    private static void Set(Link[] links, LinkFault fault) => Array.ForEach(links, link => link.Set(fault));

    private Task HealAsync()
    {
        network.Heal();
        return Task.CompletedTask;
    }
}
