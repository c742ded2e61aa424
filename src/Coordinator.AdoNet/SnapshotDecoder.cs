using System.Data.Common;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;

namespace Coordinator.AdoNet;

/// <summary>Makes snapshots of what a reader shows. A column that holds what can't have been written is the snapshot's fault.</summary>
internal static class SnapshotDecoder
{
    /// <summary>The columns that <see cref="Read"/> expects, in order.</summary>
    public const string Columns =
        "version, append_writer, append_number, generation, shard, position, type, type_version, written_at, checksum, payload";

    /// <summary>Reads the snapshot that the reader stands on.</summary>
    public static Snapshot Read(DbDataReader reader, StreamName stream)
    {
        string? fault = null;
        return new Snapshot
        {
            Stream = stream,
            Version = RowDecoder.Number(reader, 0, "version", 1, long.MaxValue, ref fault),
            AppendId = new AppendId(
                (ulong)RowDecoder.Number(reader, 1, "append_writer", long.MinValue, long.MaxValue, ref fault),
                (ulong)RowDecoder.Number(reader, 2, "append_number", long.MinValue, long.MaxValue, ref fault)),
            Generation = (byte)RowDecoder.Number(reader, 3, "generation", 0, byte.MaxValue, ref fault),
            Position = new LogPosition(
                (ushort)RowDecoder.Number(reader, 4, "shard", 0, ushort.MaxValue, ref fault),
                (ulong)RowDecoder.Number(reader, 5, "position", 0, long.MaxValue, ref fault)),
            Type = RowDecoder.Text(reader, 6, "type", ref fault),
            TypeVersion = (int)RowDecoder.Number(reader, 7, "type_version", int.MinValue, int.MaxValue, ref fault),
            WrittenAt = RowDecoder.Number(reader, 8, "written_at", long.MinValue, long.MaxValue, ref fault),
            Checksum = (uint)RowDecoder.Number(reader, 9, "checksum", 0, uint.MaxValue, ref fault),
            Payload = RowDecoder.Payload(reader, 10, ref fault),
            Fault = fault,
        }.Verified();
    }
}
