using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;

namespace Coordinator.Log;

/// <summary>
/// The content of a ShardCheckpoint row: the events of every transaction that was open after the rows before it, the highest of
/// those rows that can't be read, and the last sequence that its owner had issued: a transaction that began later has no row
/// before the checkpoint. Recovery that starts here knows what one from the first row would.
/// </summary>
internal static class ShardCheckpoint
{
    /// <summary>Writes it.</summary>
    public static byte[] Encode(OpenTransactions open, long unreadableVersion, ulong sequence)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            if (unreadableVersion > 0)
            {
                writer.WriteNumber("unreadable"u8, unreadableVersion);
            }

            writer.WriteNumber("sequence"u8, sequence);
            writer.WriteStartArray("open"u8);
            foreach (var durable in open.Events)
            {
                writer.WriteStartObject();
                writer.WriteString("transaction"u8, durable.Id.ToString(null, CultureInfo.InvariantCulture));
                writer.WriteNumber("kind"u8, (int)ShardEventCodec.KindOf(durable));
                writer.WritePropertyName("event"u8);
                writer.WriteRawValue(ShardEventCodec.Encode(durable), skipInputValidation: true);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Reads it.</summary>
    /// <exception cref="LogCorruptException">The row is not what it was written as.</exception>
    public static (OpenTransactions Open, long UnreadableVersion, ulong Sequence) Decode(LogRow row)
    {
        try
        {
            using var document = JsonDocument.Parse(row.Payload);
            var root = document.RootElement;
            var open = new OpenTransactions();
            foreach (var one in root.GetProperty("open").EnumerateArray())
            {
                open.Apply(ShardEventCodec.Decode(
                    row,
                    (RowKind)one.GetProperty("kind").GetInt32(),
                    TransactionId.Parse(one.GetProperty("transaction").GetString()!, CultureInfo.InvariantCulture),
                    one.GetProperty("event")));
            }

            return (open, root.TryGetProperty("unreadable", out var unreadable) ? unreadable.GetInt64() : 0, root.GetProperty("sequence").GetUInt64());
        }
        catch (Exception error) when (error is JsonException or FormatException or KeyNotFoundException or InvalidOperationException or ArgumentException)
        {
            throw new LogCorruptException(row.Stream, row.Version, error.Message);
        }
    }
}
