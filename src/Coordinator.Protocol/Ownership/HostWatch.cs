using System.Collections.Immutable;

namespace Coordinator.Protocol.Ownership;

/// <summary>A host's beat, as a round of heartbeats found it.</summary>
/// <param name="Host">Which host.</param>
/// <param name="Count">Only that it differs from the last one seen has a meaning.</param>
internal readonly record struct SeenBeat(ulong Host, long Count);

/// <summary>What is remembered of a host.</summary>
/// <param name="Count">Of its last beat.</param>
/// <param name="Silence">For how long no other has been seen, counting only what is evidence.</param>
/// <param name="SilentRounds">Over how many rounds.</param>
internal readonly record struct WatchedHost(long Count, TimeSpan Silence, int SilentRounds)
{
    /// <summary>It has not beaten for long enough.</summary>
    public bool IsSilent => Silence >= StandbyProtocol.SilenceMin && SilentRounds >= StandbyProtocol.SilentLooksMin;
}

/// <summary>What a host remembers of the others between rounds.</summary>
/// <param name="LastRound">When the last acknowledged round was; null before the first.</param>
/// <param name="Hosts">Every host that was seen, also after its row has vanished; some time after it fell silent it is forgotten.</param>
internal sealed record HostWatchState(TimeSpan? LastRound, ImmutableDictionary<ulong, WatchedHost> Hosts)
{
    public static HostWatchState Initial { get; } = new(null, ImmutableDictionary<ulong, WatchedHost>.Empty);

    /// <summary>Was seen, and is silent. Of a host that was never seen, or is forgotten, nothing is said.</summary>
    public bool IsSilent(ulong host) => Hosts.TryGetValue(host, out var watched) && watched.IsSilent;

    /// <summary>Was seen, and is not silent.</summary>
    public bool IsLiving(ulong host) => Hosts.TryGetValue(host, out var watched) && !watched.IsSilent;
}

/// <summary>What a round has shown.</summary>
/// <param name="State">To be remembered.</param>
/// <param name="Silent">The hosts that are silent, by id: in every round, for as long as they are.</param>
internal readonly record struct HostWatchStep(HostWatchState State, ImmutableArray<ulong> Silent);

/// <summary>
/// Which hosts are silent (design section 3): what waits for one of them need not wait longer. It is liveness only: a host that is
/// silent may be alive, and beat again.
/// </summary>
/// <remarks>
/// A silent host is told in every round, not only once. <em>One that has lost only its beats goes on to take part in what begins later; if it dies then, there is
/// no moment at which it falls silent, and what hangs on it would hang until its deadline.</em>
/// The evidence is that of <see cref="StandbyProtocol"/>: rounds in which the store took this host's own beat, and the time between two
/// of them on its own clock. Where more lies between them than a round may be late, one in between was not acknowledged (the store
/// stalled, and took nobody's beat) or this host was stopped itself; that gap says nothing, and is no round. A host that removes its row has
/// left; it is silent after the same time, as is one whose row somebody else removed.
/// </remarks>
internal static class HostWatch
{
    /// <summary>How long a silent host is remembered whose row has vanished: long enough for what it sent last to arrive.</summary>
    public static readonly TimeSpan RememberedFor = TimeSpan.FromMinutes(1);

    // As in StandbyProtocol: a round can be late by at most a period.
    private static readonly TimeSpan StepMax = StandbyProtocol.BeatPeriod * 2;

    /// <summary>One round in which the store took the own beat and then showed <paramref name="beats"/>.</summary>
    public static HostWatchStep Look(HostWatchState state, ImmutableArray<SeenBeat> beats, TimeSpan now)
    {
        var elapsed = state.LastRound is { } last ? now - last : TimeSpan.MaxValue;
        var isEvidence = elapsed >= TimeSpan.Zero && elapsed <= StepMax;
        var hosts = state.Hosts.ToBuilder();
        var heard = new HashSet<ulong>();
        var present = new HashSet<ulong>();
        foreach (var (host, count) in beats)
        {
            present.Add(host);
            if (!hosts.TryGetValue(host, out var watched) || watched.Count != count)
            {
                hosts[host] = new WatchedHost(count, TimeSpan.Zero, 0);
                heard.Add(host);
            }
        }

        foreach (var (host, watched) in state.Hosts)
        {
            if (!isEvidence || heard.Contains(host))
            {
                continue;
            }

            var next = watched with { Silence = watched.Silence + elapsed, SilentRounds = watched.SilentRounds + 1 };
            if (next.IsSilent && next.Silence > RememberedFor && !present.Contains(host))
            {
                hosts.Remove(host);
            }
            else
            {
                hosts[host] = next;
            }
        }

        return new HostWatchStep(
            new HostWatchState(now, hosts.ToImmutable()), [.. hosts.Where(static one => one.Value.IsSilent).Select(static one => one.Key).Order()]);
    }
}
