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

    /// <summary>
    /// The batch that writes the row at the expected version, if it was still on its way to the log when the work began (decision 0009).
    /// Null if that row was durable. It never leaves the process.
    /// </summary>
    public BatchFate? RestsOn { get; init; }
}

/// <summary>
/// What became of a batch that others may rest on. Set once, by the group committer that has the batch; it refers to nothing, so that
/// a chain of transactions on one stream holds no memory.
/// </summary>
internal sealed class BatchFate
{
    /// <summary>Why a transaction that rests on a dropped batch is aborted.</summary>
    public const string DroppedDetail = "the transaction whose changes it went on from did not commit";

    private ulong _position;
    private ushort _shard;
    private volatile BatchFateKind _kind;

    /// <summary>What is known of it.</summary>
    public BatchFateKind Kind => _kind;

    /// <summary>Where it stands in its shard. Has meaning once durable.</summary>
    public LogPosition Position => new(_shard, _position);

    /// <summary>It is in the log.</summary>
    public void Land(LogPosition position)
    {
        (_shard, _position) = (position.Shard, position.Position);
        _kind = BatchFateKind.Durable;
    }

    /// <summary>
    /// It is not in the log for all that this process can say. Ignored once durable: a landed batch whose shard breaks before anybody is
    /// told has landed all the same.
    /// </summary>
    public void Drop()
    {
        if (_kind is BatchFateKind.Open)
        {
            _kind = BatchFateKind.Dropped;
        }
    }
}

/// <summary>What is known of a batch that was handed to the log.</summary>
internal enum BatchFateKind : byte
{
    /// <summary>Waiting, in flight, or unclear.</summary>
    Open,

    /// <summary>In the log.</summary>
    Durable,

    /// <summary>Refused, or given up on: nothing that rests on it may be written.</summary>
    Dropped,
}
