using System.Collections.Immutable;

namespace Coordinator.Protocol.Ownership;

/// <summary>A host that beats.</summary>
/// <param name="Host">Which.</param>
/// <param name="Shards">Those that its last beat lists.</param>
internal readonly record struct LivingHost(ulong Host, ImmutableArray<ushort> Shards);

/// <summary>A shard that waits for an owner: it never had one, was handed over, or its owner is silent.</summary>
/// <param name="Shard">Which.</param>
/// <param name="FreeFor">For how long, on the evidence of the host that looks.</param>
internal readonly record struct FreeShard(ushort Shard, TimeSpan FreeFor);

/// <summary>What one host sees of how the shards are shared.</summary>
/// <param name="Host">The host itself.</param>
/// <param name="Living">The hosts that are not silent; what is said of the host itself has no meaning.</param>
/// <param name="ShardCount">Shards of the log.</param>
/// <param name="Owned">Its own shards, those that it is claiming just now included, those that it is handing over not.</param>
/// <param name="BeginsOn">The one of them on which new transactions begin, or null.</param>
/// <param name="Free">The shards that wait for an owner.</param>
internal sealed record SharingView(
    ulong Host,
    ImmutableArray<LivingHost> Living,
    int ShardCount,
    ImmutableArray<ushort> Owned,
    ushort? BeginsOn,
    ImmutableArray<FreeShard> Free);

/// <summary>What a host does for a fair share.</summary>
/// <param name="ShareMax">How many shards it may hold: all, divided by the living, rounded up.</param>
/// <param name="HandOver">The shard to hand over now; null for none.</param>
/// <param name="Claims">The free shards that it may claim now.</param>
internal readonly record struct SharingStep(int ShareMax, ushort? HandOver, ImmutableArray<ushort> Claims);

/// <summary>
/// Which of the hosts that share a log holds which shards (design section 3). It is liveness only: the log decides who owns a shard, and
/// hosts that see different things at worst claim in vain, or hand one over too many.
/// </summary>
/// <remarks>
/// <para>Fair is a difference of at most one. As long as it is greater, the host that holds the most (of several the one with the lowest id)
/// hands one over to whoever holds the least. A limit alone does not get there: <em>of 4 shards and 3 hosts, with 2, 2 and 0, nobody
/// holds more than his share of 2; of 10 and 4, with 4, 2, 2 and 2, nobody holds fewer than 2.</em></para>
/// <para>Beats are old by up to a period. So a hand-over waits until the one before has been taken and is listed by its taker:
/// <em>else the giver, who still sees nothing there, gives until it holds too little itself.</em> And a free shard is meant for one host, the
/// same in the eyes of all who see the same: <em>if everyone below the limit might take it, so might the one who has just given it.</em>
/// Only when that host has left it for a second may everyone.</para>
/// <para>A host that beats and never claims is given to again and again, and takes nothing: whoever hands over should wait longer
/// each time that its shard comes back to it.</para>
/// </remarks>
internal static class SharingRules
{
    /// <summary>How long a free shard is left to the host that it is meant for.</summary>
    public static readonly TimeSpan LeftFreeMax = TimeSpan.FromSeconds(1);

    /// <summary>What the host does now. Total: a view that contradicts itself gives some answer as well.</summary>
    public static SharingStep Share(SharingView view)
    {
        var owned = view.Owned.ToHashSet();
        var free = view.Free.Where(one => !owned.Contains(one.Shard)).DistinctBy(static one => one.Shard).OrderBy(static one => one.Shard).ToList();
        var freeShards = free.Select(static one => one.Shard).ToHashSet();

        // What the host owns, or has seen free in the log, is known better here than to whoever listed it some time ago.
        var others = view.Living.Where(one => one.Host != view.Host).DistinctBy(static one => one.Host)
            .Select(one => (one.Host, Shards: one.Shards.Where(shard => !owned.Contains(shard) && !freeShards.Contains(shard)).ToHashSet()))
            .ToList();
        var shareMax = (view.ShardCount + others.Count) / (others.Count + 1);
        var holdings = others.ToDictionary(static one => one.Host, static one => one.Shards.Count);
        holdings[view.Host] = owned.Count;

        var isSettled = free.Count == 0 && others.SelectMany(static one => one.Shards).Concat(owned).Distinct().Count() >= view.ShardCount;
        return new SharingStep(shareMax, isSettled ? HandOver(view, owned, holdings) : null, Claims(view.Host, free, holdings, shareMax));
    }

    private static ushort? HandOver(SharingView view, HashSet<ushort> owned, Dictionary<ulong, int> holdings)
    {
        var giver = holdings.OrderByDescending(static one => one.Value).ThenBy(static one => one.Key).First().Key;
        return giver == view.Host && owned.Count - holdings.Values.Min() >= 2
            ? owned.Where(shard => shard != view.BeginsOn).Max() // of two or more there is one
            : null;
    }

    /// <summary>One after the other, each free shard is meant for the host that then holds the least.</summary>
    private static ImmutableArray<ushort> Claims(ulong host, List<FreeShard> free, Dictionary<ulong, int> holdings, int shareMax)
    {
        var claims = ImmutableArray.CreateBuilder<ushort>();
        foreach (var (shard, freeFor) in free)
        {
            var taker = holdings.OrderBy(static one => one.Value).ThenBy(static one => one.Key).First().Key;
            holdings[taker]++;
            if ((taker == host && holdings[host] <= shareMax) || freeFor > LeftFreeMax)
            {
                claims.Add(shard);
            }
        }

        return claims.DrainToImmutable();
    }
}
