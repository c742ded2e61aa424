using System.Globalization;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;

namespace Coordinator.Log;

/// <summary>What a row of the log is. The numbers are stored and never reused.</summary>
internal enum RowKind : byte
{
    /// <summary>A fact of a user's stream.</summary>
    Event = 1,

    /// <summary>The stream is held for a transaction whose last resource decides (rule D-7).</summary>
    Held = 2,

    /// <summary>That transaction aborted.</summary>
    Released = 3,

    /// <summary>A claim of the shard.</summary>
    ShardOwned = 16,

    /// <summary>An empty row of a shard that settles an unclear append (rule D-2).</summary>
    Fenced = 17,

    /// <summary>Everyone but the last resource is prepared.</summary>
    LastResourceCommitting = 18,

    /// <summary>The commit point of a transaction.</summary>
    CommitDecided = 19,

    /// <summary>An abort on record.</summary>
    AbortDecided = 20,

    /// <summary>Every external participant has acknowledged.</summary>
    TransactionEnded = 21,

    /// <summary>The owner hands the shard over: it has written its last row.</summary>
    ShardReleased = 22,

    /// <summary>What is open in the shard, counted from the durable rows before it: recovery starts here.</summary>
    ShardCheckpoint = 23,

    /// <summary>The log's identity, first row of the stream <c>meta</c>.</summary>
    LogCreated = 32,
}

/// <summary>One row of the log.</summary>
internal sealed class LogRow
{
    /// <summary>The stream; with <see cref="Version"/> the key.</summary>
    public required StreamName Stream { get; init; }

    /// <summary>Place in the stream, from 1 without holes.</summary>
    public required long Version { get; init; }

    /// <summary>What it is.</summary>
    public required RowKind Kind { get; init; }

    /// <summary>Of the batch it came with.</summary>
    public required AppendId AppendId { get; init; }

    /// <summary>Whose row it is; empty for ShardOwned, Fenced, ShardReleased, ShardCheckpoint and LogCreated.</summary>
    public TransactionId Transaction { get; init; }

    /// <summary>Of a shard row: the epoch it was written under (its own version for ShardOwned). 0 in other streams.</summary>
    public long Epoch { get; init; }

    /// <summary>
    /// Of a shard row: the version of the last ShardCheckpoint its writer knew of; 0 for none. An older one than the last is as
    /// right, only slower to recover from. 0 in other streams.
    /// </summary>
    public long Checkpoint { get; init; }

    /// <summary>Where the batch stands: shard, and version of the batch's shard row (of a shard row: its own).</summary>
    public LogPosition Position { get; init; }

    /// <summary>Position of the previous row of the stream; None for the first and for shard rows (rule D-10).</summary>
    public LogPosition Previous { get; init; }

    /// <summary>Declared name of the event type; empty for rows that are no event.</summary>
    public string Type { get; init; } = string.Empty;

    /// <summary>Declared version of the event type; 0 for rows that are no event.</summary>
    public int TypeVersion { get; init; }

    /// <summary>Microseconds since 1970 UTC on the writer's clock. For people: nothing is decided by it.</summary>
    public long WrittenAt { get; init; }

    /// <summary>The event, or the shard row's content, as JSON.</summary>
    public ReadOnlyMemory<byte> Payload { get; init; }

    /// <summary>Checksum over everything above; a shard row's is seeded with the row before it.</summary>
    public uint Checksum { get; set; }

    /// <summary>
    /// Why the row can't be trusted, set by the store that read it; null for a row that is what was written. The other
    /// members of such a row are what the store holds, for an operator to look at, and prove nothing.
    /// </summary>
    public string? Fault { get; init; }

    /// <summary>True for rows that decide a transaction: those that an id is looked up in.</summary>
    public bool IsDecision => Kind is RowKind.CommitDecided or RowKind.AbortDecided;

    /// <summary>Of a shard row: the last checkpoint as of it, which may be itself; 0 for none.</summary>
    public long LastCheckpoint => Kind is RowKind.ShardCheckpoint ? Version : Checkpoint;

    /// <summary>What the stream ends with if this is its last row.</summary>
    public StreamEnd AsEnd() => new(Version, Kind is RowKind.Held ? Transaction : default, Epoch);

    /// <summary>What a writer's clock shows, as <see cref="WrittenAt"/> has it.</summary>
    public static long ClockOf(TimeProvider time) => time.GetUtcNow().ToUnixTimeMilliseconds() * 1000;

    /// <summary>An empty row of a shard, sealed behind the row that <paramref name="seed"/> was taken from.</summary>
    public static LogRow Empty(ushort shard, long version, long epoch, long checkpoint, AppendId id, long writtenAt, uint seed)
    {
        var row = new LogRow
        {
            Stream = LogStreams.Shard(shard),
            Version = version,
            Kind = RowKind.Fenced,
            AppendId = id,
            Epoch = epoch,
            Checkpoint = checkpoint,
            Position = new LogPosition(shard, (ulong)version),
            WrittenAt = writtenAt,
        };
        row.Checksum = RowChecksum.Of(row, seed);
        return row;
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Stream}@{Version} {Kind}");
}

/// <summary>Names of the engine's own streams.</summary>
internal static class LogStreams
{
    /// <summary>What the log is: identity, number of shards.</summary>
    public static StreamName Meta { get; } = new("meta");

    /// <summary>Prefix of the shards' streams.</summary>
    public const string ShardPrefix = "shard/";

    /// <summary>Prefix of the streams of idempotency keys.</summary>
    public const string KeyPrefix = "key/";

    /// <summary>The stream of one shard.</summary>
    public static StreamName Shard(ushort shard) => new(ShardPrefix + shard.ToString(CultureInfo.InvariantCulture));

    /// <summary>True for the stream of a shard.</summary>
    public static bool IsShard(StreamName stream) => stream.Value.StartsWith(ShardPrefix, StringComparison.Ordinal);

    /// <summary>True for the stream of an idempotency key.</summary>
    public static bool IsKey(StreamName stream) => stream.Value.StartsWith(KeyPrefix, StringComparison.Ordinal);

    /// <summary>Reads the number out of the name of a shard's stream.</summary>
    public static bool TryParseShard(StreamName stream, out ushort shard)
    {
        shard = 0;
        return IsShard(stream)
            && ushort.TryParse(stream.Value.AsSpan(ShardPrefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out shard);
    }

    /// <summary>True for streams that only the engine writes.</summary>
    public static bool IsReserved(StreamName stream) =>
        stream == Meta
        || IsShard(stream)
        || IsKey(stream);
}
