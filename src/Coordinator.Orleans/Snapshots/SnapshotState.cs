using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;

namespace Coordinator.Orleans.Snapshots;

/// <summary>A snapshot as grain storage keeps it, in whatever form its serializer writes.</summary>
[GenerateSerializer, Alias("coordinator.snapshot.v1")]
internal sealed class SnapshotState
{
    [Id(0)]
    public string Stream { get; set; } = string.Empty;

    [Id(1)]
    public long Version { get; set; }

    [Id(2)]
    public ulong AppendWriter { get; set; }

    [Id(3)]
    public ulong AppendNumber { get; set; }

    [Id(4)]
    public byte Generation { get; set; }

    [Id(5)]
    public ushort Shard { get; set; }

    [Id(6)]
    public ulong Position { get; set; }

    [Id(7)]
    public string Type { get; set; } = string.Empty;

    [Id(8)]
    public int TypeVersion { get; set; }

    [Id(9)]
    public long WrittenAt { get; set; }

    [Id(10)]
    public byte[] Payload { get; set; } = [];

    [Id(11)]
    public uint Checksum { get; set; }

    public static SnapshotState Of(Snapshot snapshot) => new()
    {
        Stream = snapshot.Stream.Value,
        Version = snapshot.Version,
        AppendWriter = snapshot.AppendId.Writer,
        AppendNumber = snapshot.AppendId.Number,
        Generation = snapshot.Generation,
        Shard = snapshot.Position.Shard,
        Position = snapshot.Position.Position,
        Type = snapshot.Type,
        TypeVersion = snapshot.TypeVersion,
        WrittenAt = snapshot.WrittenAt,
        Payload = snapshot.Payload.ToArray(),
        Checksum = snapshot.ComputeChecksum(),
    };

    /// <summary>The snapshot of this stream, with its fault if it is not what was written.</summary>
    public Snapshot Read(StreamName stream) => new Snapshot
    {
        Stream = stream,
        Version = Version,
        AppendId = new AppendId(AppendWriter, AppendNumber),
        Generation = Generation,
        Position = new LogPosition(Shard, Position),
        Type = Type,
        TypeVersion = TypeVersion,
        WrittenAt = WrittenAt,
        Payload = Payload,
        Checksum = Checksum,
        Fault = Stream == stream.Value ? null : $"it is of stream '{Stream}'",
    }.Verified();
}
