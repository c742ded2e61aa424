using System.Globalization;
using System.Numerics;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;

namespace Coordinator.Log;

/// <summary>
/// Where snapshots are kept: a table beside the log, or another place that belongs to one log. To lose snapshots, or to read an old one,
/// costs time and nothing else, so they need not be forced to disk and may be refused at any time. A wrong one must be seen to be
/// wrong: whoever reads one verifies it (rule D-3). Calls run beside those of <see cref="ILogStore"/>, once that is open.
/// </summary>
internal interface ISnapshotStore
{
    /// <summary>The snapshot of a stream, or null. One that can't be trusted is returned with its <see cref="Snapshot.Fault"/>.</summary>
    ValueTask<Snapshot?> ReadSnapshotAsync(StreamName stream, CancellationToken cancellation);

    /// <summary>
    /// Writes a stream's snapshot over its last one, unless that is newer: of a later generation, or of the same and a later version.
    /// Durable some time later, or never.
    /// </summary>
    ValueTask WriteSnapshotAsync(Snapshot snapshot, CancellationToken cancellation);

    /// <summary>Removes a stream's snapshot; harmless if there is none.</summary>
    ValueTask DeleteSnapshotAsync(StreamName stream, CancellationToken cancellation);
}

/// <summary>An aggregate's state up to a version of its stream.</summary>
internal sealed class Snapshot
{
    public required StreamName Stream { get; init; }

    /// <summary>The last version that is part of the state.</summary>
    public required long Version { get; init; }

    /// <summary>Of the row at that version: it must be there when the snapshot is used.</summary>
    public required AppendId AppendId { get; init; }

    /// <summary>The log's generation when it was taken.</summary>
    public required byte Generation { get; init; }

    /// <summary>Position of the row at <see cref="Version"/>.</summary>
    public required LogPosition Position { get; init; }

    /// <summary>Declared name of the state's type.</summary>
    public required string Type { get; init; }

    /// <summary>Declared version of the state's type.</summary>
    public required int TypeVersion { get; init; }

    /// <summary>Microseconds since 1970 UTC on the clock of who took it. For people.</summary>
    public long WrittenAt { get; init; }

    /// <summary>The state, serialized.</summary>
    public ReadOnlyMemory<byte> Payload { get; init; }

    /// <summary>Checksum over everything above.</summary>
    public uint Checksum { get; set; }

    /// <summary>Why it can't be trusted, set by the store that read it; null for one that is what was written.</summary>
    public string? Fault { get; init; }

    /// <summary>The checksum that it must carry.</summary>
    public uint ComputeChecksum()
    {
        var crc = ~0u;
        foreach (var number in (ReadOnlySpan<ulong>)
        [
            (ulong)Version, AppendId.Writer, AppendId.Number, Generation, Position.Shard, Position.Position, (ulong)TypeVersion, (ulong)WrittenAt, (ulong)Type.Length,
        ])
        {
            crc = BitOperations.Crc32C(crc, number);
        }

        crc = RowChecksum.Extend(crc, Stream.Value);
        crc = RowChecksum.Extend(crc, Type);
        return ~RowChecksum.Extend(crc, Payload.Span);
    }

    /// <summary>As read from a store: with its fault if it has one.</summary>
    public Snapshot Verified() => Fault is null && Checksum != ComputeChecksum() ? Marked("its checksum differs from its content") : this;

    /// <summary>True if a store keeps this one when it is given the other.</summary>
    public bool IsNewerThan(Snapshot other) => (Generation, Version).CompareTo((other.Generation, other.Version)) > 0;

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"snapshot of {Stream}@{Version}");

    private Snapshot Marked(string fault) => new()
    {
        Stream = Stream,
        Version = Version,
        AppendId = AppendId,
        Generation = Generation,
        Position = Position,
        Type = Type,
        TypeVersion = TypeVersion,
        WrittenAt = WrittenAt,
        Payload = Payload,
        Checksum = Checksum,
        Fault = fault,
    };
}
