using System.Collections.Immutable;

namespace Coordinator.Log;

/// <summary>
/// Heartbeats of the hosts that share a log. Liveness only: no row of the log is ever judged by them, so they need not be
/// forced to disk, may time out, and may be read late. Calls run beside those of <see cref="ILogStore"/>.
/// </summary>
internal interface IHostBeats
{
    /// <summary>Writes the host's row over its last one.</summary>
    ValueTask BeatAsync(HostBeat beat, CancellationToken cancellation);

    /// <summary>Reads the rows of all hosts.</summary>
    ValueTask<ImmutableArray<HostBeat>> ReadBeatsAsync(CancellationToken cancellation);

    /// <summary>Removes the row of a host that is gone; harmless if there is none.</summary>
    ValueTask ForgetBeatAsync(ulong host, CancellationToken cancellation);
}

/// <summary>One host's sign of life.</summary>
/// <param name="Host">Drawn at random when the host starts; its claims carry it.</param>
/// <param name="Count">Grows with every beat. Only that it differs from the last one read has a meaning: clocks differ.</param>
/// <param name="Process">Which process the host is.</param>
/// <param name="Shards">Its shards that have answered their own tick since the last beat.</param>
internal sealed record HostBeat(ulong Host, long Count, HostProcess Process, ImmutableArray<ushort> Shards);

/// <summary>
/// Which process a host is: another host on the same machine can then see at once that it is gone, and needs no wait.
/// </summary>
/// <param name="Machine">Identity of the machine or container; empty if unknown: then nothing is concluded from the rest.</param>
/// <param name="Boot">Identity of the machine's present run: process ids of an earlier one mean nothing.</param>
/// <param name="PidNamespace">The namespace that the process id counts in; containers have their own.</param>
/// <param name="Pid">The process id.</param>
/// <param name="StartedAt">When the process started, in the system's own ticks since boot: tells it from a later one with its id.</param>
internal sealed record HostProcess(string Machine, string Boot, string PidNamespace, int Pid, long StartedAt);
