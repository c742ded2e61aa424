using System.Collections.Immutable;

namespace Coordinator.Protocol;

/// <summary>One event as the log keeps it: a declared type name and version, never a CLR type, and opaque bytes.</summary>
internal sealed record EventData(string Type, int TypeVersion, ReadOnlyMemory<byte> Payload);

/// <summary>
/// Where a row's batch stands: the shard and the version of the batch's shard row. Every event row carries its own and
/// that of the previous row of its stream, so that readers of several shards can keep a stream's order (rule D-10).
/// </summary>
internal readonly record struct LogPosition(ushort Shard, ulong Position)
{
    /// <summary>Of the row before a stream's first: there is none.</summary>
    public static LogPosition None => default;
}

/// <summary>
/// What a log-native participant wants appended if the decision is commit: events behind an expected version of one
/// stream. Without events it is a read that the binding batch validates (rule D-9).
/// </summary>
/// <param name="Stream">The participant's stream.</param>
/// <param name="ExpectedVersion">
/// The version that the stream ends at (0: it must not exist), or <see cref="AtEnd"/>.
/// </param>
/// <param name="Previous">Position of the row at the expected version; meaningless for <see cref="AtEnd"/>.</param>
/// <param name="Events">The events; empty for a validated read.</param>
internal sealed record Redo(StreamName Stream, long ExpectedVersion, LogPosition Previous, ImmutableArray<EventData> Events)
{
    /// <summary>The log numbers the events itself, behind whatever the stream ends with: published events.</summary>
    public const long AtEnd = -1;

    public bool IsRead => Events.IsEmpty;
}
