using System.Buffers;
using System.Collections.Immutable;
using System.Text.Json;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;

namespace Coordinator.Log;

/// <summary>
/// Shard rows as JSON: an operator reads them with SQL, and a log written today must be read by every later version. Fields
/// are only ever added; an unknown field is ignored, a missing or odd one makes the row unreadable.
/// </summary>
internal static class ShardEventCodec
{
    public static RowKind KindOf(CommitEvent durable) => durable switch
    {
        CommitEvent.LastResourceCommitting => RowKind.LastResourceCommitting,
        CommitEvent.CommitDecided => RowKind.CommitDecided,
        CommitEvent.AbortDecided => RowKind.AbortDecided,
        CommitEvent.TransactionEnded => RowKind.TransactionEnded,
        _ => throw new InvariantViolationException($"{durable.GetType().Name} has a row kind"),
    };

    // One of each a thread: a decision is encoded for every transaction.
    [ThreadStatic]
    private static ArrayBufferWriter<byte>? s_buffer;

    [ThreadStatic]
    private static Utf8JsonWriter? s_writer;

    public static byte[] Encode(CommitEvent durable)
    {
        var buffer = s_buffer ??= new ArrayBufferWriter<byte>(512);
        buffer.ResetWrittenCount();
        var writer = s_writer ??= new Utf8JsonWriter(buffer, new JsonWriterOptions { SkipValidation = true });
        writer.Reset(buffer);
        writer.WriteStartObject();
        switch (durable)
        {
            case CommitEvent.LastResourceCommitting record:
                WriteBranches(writer, record.Branches);
                writer.WriteStartArray("resource"u8);
                WriteBranch(writer, record.Resource);
                writer.WriteEndArray();
                WriteStreams(writer, record.Redo, withEvents: true);
                break;
            case CommitEvent.CommitDecided decided:
                WriteBranches(writer, decided.Branches);
                WriteStreams(writer, decided.Redo, withEvents: false);
                WriteAfterLastResource(writer, decided.AfterLastResource);
                break;
            case CommitEvent.AbortDecided decided:
                WriteBranches(writer, decided.Branches);
                WriteStreams(writer, decided.Redo, withEvents: false);
                WriteAfterLastResource(writer, decided.AfterLastResource);
                WriteCause(writer, decided.Cause);
                break;
        }

        writer.WriteEndObject();
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Reads a row of a transaction back.</summary>
    /// <exception cref="LogCorruptException">The row is not what it was written as.</exception>
    public static CommitEvent Decode(LogRow row) => RowJson.Read(row, static (row, root) => Decode(row, row.Kind, row.Transaction, root));

    /// <summary>Reads an event out of a row that holds it: its own, or a checkpoint.</summary>
    public static CommitEvent Decode(LogRow row, RowKind kind, TransactionId id, JsonElement root) => kind switch
    {
        RowKind.LastResourceCommitting => new CommitEvent.LastResourceCommitting(
            id, ReadBranches(root, "branches"), ReadBranches(root, "resource").Single(), ReadStreams(root)),
        RowKind.CommitDecided => new CommitEvent.CommitDecided(
            id, ReadBranches(root, "branches"), ReadStreams(root), ReadAfterLastResource(root)),
        RowKind.AbortDecided => new CommitEvent.AbortDecided(
            id, ReadBranches(root, "branches"), ReadStreams(root), ReadAfterLastResource(root), ReadCause(root)),
        RowKind.TransactionEnded => new CommitEvent.TransactionEnded(id),
        _ => throw new FormatException($"{kind} in {row} is no event of a transaction"),
    };

    private static void WriteBranches(Utf8JsonWriter writer, ImmutableArray<Branch> branches)
    {
        if (branches.IsEmpty)
        {
            return;
        }

        writer.WriteStartArray("branches"u8);
        foreach (var branch in branches)
        {
            WriteBranch(writer, branch);
        }

        writer.WriteEndArray();
    }

    private static void WriteBranch(Utf8JsonWriter writer, Branch branch)
    {
        writer.WriteStartObject();
        writer.WriteString("participant"u8, branch.Participant.Address.Value);
        writer.WriteNumber("incarnation"u8, branch.Incarnation.Value);
        writer.WriteEndObject();
    }

    private static void WriteStreams(Utf8JsonWriter writer, ImmutableArray<Redo> redo, bool withEvents)
    {
        writer.WriteStartArray("streams"u8);
        foreach (var one in redo)
        {
            writer.WriteStartObject();
            writer.WriteString("stream"u8, one.Stream.Value);
            writer.WriteNumber("expected"u8, one.ExpectedVersion);
            if (withEvents)
            {
                writer.WriteNumber("previousShard"u8, one.Previous.Shard);
                writer.WriteNumber("previousPosition"u8, one.Previous.Position);
                writer.WriteStartArray("events"u8);
                foreach (var data in one.Events)
                {
                    writer.WriteStartObject();
                    writer.WriteString("type"u8, data.Type);
                    writer.WriteNumber("version"u8, data.TypeVersion);
                    writer.WriteBase64String("payload"u8, data.Payload.Span);
                    writer.WriteEndObject();
                }

                writer.WriteEndArray();
            }
            else
            {
                writer.WriteNumber("count"u8, one.Events.Length);
            }

            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private static void WriteAfterLastResource(Utf8JsonWriter writer, bool afterLastResource)
    {
        if (afterLastResource)
        {
            writer.WriteBoolean("afterLastResource"u8, true);
        }
    }

    private static void WriteCause(Utf8JsonWriter writer, AbortCause cause)
    {
        writer.WriteStartObject("cause"u8);
        writer.WriteNumber("reason"u8, (int)cause.Reason);
        if (cause.Participant is { } participant)
        {
            writer.WriteString("participant"u8, participant.Address.Value);
        }

        if (cause.Detail is { } detail)
        {
            writer.WriteString("detail"u8, detail);
        }

        writer.WriteEndObject();
    }

    private static ImmutableArray<Branch> ReadBranches(JsonElement root, string name)
    {
        if (!root.TryGetProperty(name, out var array))
        {
            return [];
        }

        var branches = ImmutableArray.CreateBuilder<Branch>(array.GetArrayLength());
        foreach (var branch in array.EnumerateArray())
        {
            branches.Add(new Branch(
                new ParticipantId(new StreamName(RowJson.Text(branch, "participant"))),
                new Incarnation(branch.GetProperty("incarnation").GetUInt64())));
        }

        return branches.DrainToImmutable();
    }

    private static ImmutableArray<Redo> ReadStreams(JsonElement root)
    {
        var array = root.GetProperty("streams");
        var redo = ImmutableArray.CreateBuilder<Redo>(array.GetArrayLength());
        foreach (var one in array.EnumerateArray())
        {
            var stream = new StreamName(RowJson.Text(one, "stream"));
            var expected = RowJson.Number(one, "expected", Redo.AtEnd, long.MaxValue);
            if (!one.TryGetProperty("events", out var events))
            {
                redo.Add(new Redo(stream, expected, LogPosition.None, []));
                continue;
            }

            var previous = new LogPosition(one.GetProperty("previousShard").GetUInt16(), one.GetProperty("previousPosition").GetUInt64());
            redo.Add(new Redo(stream, expected, previous, [.. events.EnumerateArray().Select(ReadEvent)]));
        }

        return redo.DrainToImmutable();
    }

    private static EventData ReadEvent(JsonElement data) => new(
        RowJson.Text(data, "type"), (int)RowJson.Number(data, "version", 1, int.MaxValue), data.GetProperty("payload").GetBytesFromBase64());

    private static bool ReadAfterLastResource(JsonElement root) => root.TryGetProperty("afterLastResource", out var after) && after.GetBoolean();

    private static AbortCause ReadCause(JsonElement root)
    {
        var cause = root.GetProperty("cause");
        // A reason of a later version is kept as its number: the abort itself is beyond doubt.
        return new AbortCause(
            (AbortReason)RowJson.Number(cause, "reason", 0, int.MaxValue),
            cause.TryGetProperty("participant", out var participant) ? new ParticipantId(new StreamName(participant.GetString() ?? string.Empty)) : null,
            cause.TryGetProperty("detail", out var detail) ? detail.GetString() : null);
    }
}
