using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Ownership;

namespace Coordinator.Log;

/// <summary>
/// The content of a ShardCheckpoint row. Recovery that starts here knows what one from the first row would.
/// </summary>
/// <param name="Open">The events of every transaction that was open after the rows before it.</param>
/// <param name="UnreadableVersion">The highest of those rows that can't be read.</param>
/// <param name="Sequence">The last one that its owner had issued: a transaction that began later has no row before the checkpoint.</param>
/// <param name="Forgetting">What the shard has forgotten and may forget next.</param>
internal sealed record ShardCheckpoint(OpenTransactions Open, long UnreadableVersion, ulong Sequence, ForgetState Forgetting)
{
    /// <summary>Writes it.</summary>
    public byte[] Encode()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            if (UnreadableVersion > 0)
            {
                writer.WriteNumber("unreadable"u8, UnreadableVersion);
            }

            writer.WriteNumber("sequence"u8, Sequence);
            Write(writer, Forgetting);
            writer.WriteStartArray("open"u8);
            foreach (var durable in Open.Events)
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
    public static ShardCheckpoint Decode(LogRow row)
    {
        try
        {
            return RowJson.Read(row, Read);
        }
        catch (InvariantViolationException error)
        {
            // Its events contradict each other. Nothing of it was believed yet, and recovery can do without: it replays all rows.
            throw new LogCorruptException(row.Stream, row.Version, error.Message);
        }
    }

    private static ShardCheckpoint Read(LogRow row, JsonElement root)
    {
        var open = new OpenTransactions();
        foreach (var one in root.GetProperty("open").EnumerateArray())
        {
            open.Apply(ShardEventCodec.Decode(
                row,
                (RowKind)RowJson.Number(one, "kind", 0, byte.MaxValue),
                TransactionId.Parse(RowJson.Text(one, "transaction"), CultureInfo.InvariantCulture),
                one.GetProperty("event")));
        }

        return new ShardCheckpoint(
            open,
            root.TryGetProperty("unreadable", out _) ? RowJson.Number(root, "unreadable", 1, long.MaxValue) : 0,
            root.GetProperty("sequence").GetUInt64(),
            ReadForgetting(root));
    }

    private static void Write(Utf8JsonWriter writer, ForgetState forgetting)
    {
        if (forgetting.Horizon is { } horizon)
        {
            writer.WritePropertyName("horizon"u8);
            Write(writer, horizon);
        }

        if (!forgetting.Marks.IsEmpty)
        {
            writer.WriteStartArray("marks"u8);
            foreach (var mark in forgetting.Marks)
            {
                Write(writer, mark);
            }

            writer.WriteEndArray();
        }
    }

    private static void Write(Utf8JsonWriter writer, ForgetMark mark)
    {
        writer.WriteStartObject();
        writer.WriteNumber("version"u8, mark.Version);
        writer.WriteNumber("epoch"u8, mark.Epoch);
        writer.WriteNumber("sequence"u8, mark.Sequence);
        writer.WriteNumber("at"u8, mark.WrittenAt);
        writer.WriteEndObject();
    }

    private static ForgetState ReadForgetting(JsonElement root) => new(
        root.TryGetProperty("horizon", out var horizon) ? ReadMark(horizon) : null,
        root.TryGetProperty("marks", out var marks) ? [.. marks.EnumerateArray().Select(ReadMark)] : []);

    private static ForgetMark ReadMark(JsonElement mark) => new(
        RowJson.Number(mark, "version", 1, long.MaxValue),
        RowJson.Number(mark, "epoch", 1, long.MaxValue),
        mark.GetProperty("sequence").GetUInt64(),
        mark.GetProperty("at").GetInt64());
}
