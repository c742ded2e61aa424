using System.Data.Common;
using System.Globalization;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;

namespace Coordinator.AdoNet;

/// <summary>
/// Makes rows of what a reader shows. A column that holds what can't have been written (another type, a NULL, a number out
/// of range, a NUL) is damage and becomes the row's <see cref="LogRow.Fault"/>: it must neither be guessed nor stop the
/// reading of the rows behind it.
/// </summary>
internal static class RowDecoder
{
    /// <summary>The columns that <see cref="Read"/> expects, in order.</summary>
    public const string Columns =
        "version, kind, append_writer, append_number, transaction_id, epoch, checkpoint, shard, position, previous_shard, "
        + "previous_position, type, type_version, written_at, checksum, payload";

    private const int PayloadColumn = 15;

    /// <summary>Reads the row that the reader stands on.</summary>
    public static LogRow Read(DbDataReader reader, StreamName stream)
    {
        string? fault = null;
        var payload = Payload(reader, PayloadColumn, ref fault);
        return new LogRow
        {
            Stream = stream,
            Version = Number(reader, 0, "version", 0, long.MaxValue, ref fault),
            Kind = (RowKind)Number(reader, 1, "kind", 0, byte.MaxValue, ref fault),
            AppendId = new AppendId(
                (ulong)Number(reader, 2, "append_writer", long.MinValue, long.MaxValue, ref fault),
                (ulong)Number(reader, 3, "append_number", long.MinValue, long.MaxValue, ref fault)),
            Transaction = ReadTransaction(reader, 4, ref fault),
            Epoch = reader.IsDBNull(5) ? 0 : Number(reader, 5, "epoch", 1, long.MaxValue, ref fault),
            Checkpoint = reader.IsDBNull(6) ? 0 : Number(reader, 6, "checkpoint", 1, long.MaxValue, ref fault),
            Position = new LogPosition(
                (ushort)Number(reader, 7, "shard", 0, ushort.MaxValue, ref fault),
                (ulong)Number(reader, 8, "position", 0, long.MaxValue, ref fault)),
            Previous = new LogPosition(
                (ushort)Number(reader, 9, "previous_shard", 0, ushort.MaxValue, ref fault),
                (ulong)Number(reader, 10, "previous_position", 0, long.MaxValue, ref fault)),
            Type = Text(reader, 11, "type", ref fault),
            TypeVersion = (int)Number(reader, 12, "type_version", int.MinValue, int.MaxValue, ref fault),
            WrittenAt = Number(reader, 13, "written_at", long.MinValue, long.MaxValue, ref fault),
            Checksum = (uint)Number(reader, 14, "checksum", 0, uint.MaxValue, ref fault),
            Payload = payload,
            Fault = fault,
        };
    }

    /// <summary>A whole number of whatever width the driver gives; damage otherwise.</summary>
    public static long Number(DbDataReader reader, int column, string name, long min, long max, ref string? fault)
    {
        long? value = reader.GetValue(column) switch
        {
            long number => number,
            int number => number,
            short number => number,
            byte number => number,
            _ => null,
        };
        if (value is { } found && found >= min && found <= max)
        {
            return found;
        }

        fault ??= value is null
            ? $"column {name} holds no whole number"
            : string.Create(CultureInfo.InvariantCulture, $"column {name} holds {value}, which was never written");
        return 0;
    }

    /// <summary>A transaction id, or the empty one for NULL.</summary>
    public static TransactionId ReadTransaction(DbDataReader reader, int column, ref string? fault)
    {
        var value = reader.GetValue(column);
        if (value is DBNull)
        {
            return default;
        }

        if (value is byte[] bytes && TransactionId.TryRead(bytes, out var id) && !id.IsEmpty)
        {
            return id;
        }

        fault ??= "column transaction_id holds no transaction id";
        return default;
    }

    /// <summary>A text; damage otherwise.</summary>
    public static string Text(DbDataReader reader, int column, string name, ref string? fault)
    {
        if (reader.GetValue(column) is string text)
        {
            return text;
        }

        fault ??= $"column {name} holds no text";
        return string.Empty;
    }

    /// <summary>Bytes, and not more than any row may hold; damage otherwise.</summary>
    public static ReadOnlyMemory<byte> Payload(DbDataReader reader, int column, ref string? fault)
    {
        if (reader.GetValue(column) is byte[] bytes)
        {
            if (bytes.Length <= RowTrust.PayloadBytesMax)
            {
                return bytes;
            }

            fault ??= string.Create(CultureInfo.InvariantCulture, $"column payload has {bytes.Length} bytes, more than was ever written");
            return default;
        }

        fault ??= "column payload holds no bytes";
        return default;
    }
}
