using System.Globalization;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;

namespace Coordinator.Testing.Logs;

/// <content>What is written is what is read: names, columns, payloads.</content>
internal static partial class LogStoreConformance
{
    private static IEnumerable<ConformanceCase> ContentCases =>
    [
        new("Names that differ in case are two streams", fixture => NamesAsync(fixture, "a", "A")),
        new("Names that differ in a trailing character are two streams", fixture => NamesAsync(fixture, "a", "a-")),
        new("A name and its prefix are two streams", fixture => NamesAsync(fixture, "stream/1", "stream/10")),
        new("Names with quotes, backslashes and wildcards are plain names", fixture => NamesAsync(fixture, "a'\"\\%_?[x]", "a'\"\\%_?[y]")),
        new("Names of numbers are not numbers", fixture => NamesAsync(fixture, "1", "01")),
        new("Every printable character keeps names apart", EveryCharacter),
        new("A name of 200 bytes is kept whole", LongNames),
        new("Streams sort by bytes", SortsByBytes),
        new("An empty payload stays empty", fixture => PayloadAsync(fixture, 0)),
        new("A payload of 1 MB round-trips", fixture => PayloadAsync(fixture, 1 << 20)),
        new("A payload of all byte values round-trips", fixture => PayloadAsync(fixture, 1024)),
        new("All columns of an event round-trip", EventColumns),
        new("All columns of a shard row round-trip", ShardColumns),
        new("Numbers at their limits round-trip", Limits),
        new("A row that could not be read again is refused", UnreadableRowsAreRefused),
        new("A claim's payload and append id round-trip", ClaimColumns),
    ];

    private static async Task NamesAsync(ILogStoreFixture fixture, string one, string other)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        await log.CommitAsync(new StreamWrite(one, 0, 2));
        Expect.Equal(0, (await log.ReadAsync(other)).Length, $"rows of '{other}'");
        await log.CommitAsync(new StreamWrite(other, 0), new StreamWrite(one, 2, 0));
        Expect.Equal(2, (await log.ReadAsync(one)).Length, $"rows of '{one}'");
        Expect.Equal(1, (await log.ReadAsync(other)).Length, $"rows of '{other}' then");
        Expect.True((await log.ReadAsync(other)).All(row => row.Stream.Value == other), "rows carry their stream's name");
    }

    private static async Task EveryCharacter(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        string[] names = [.. Enumerable.Range('!', '~' - '!' + 1).Select(code => "n" + (char)code)];
        await log.CommitAsync([.. names.Select(name => new StreamWrite(name, 0))]);
        foreach (var name in names)
        {
            Expect.Equal(1, (await log.ReadAsync(name)).Length, $"rows of '{name}'");
        }

        var found = await log.Store.InspectAsync([.. names.Select(name => new RowKey(new StreamName(name), 1))], CancellationToken.None);
        Expect.True(found.All(one => one.Exists && one.End.Version == 1), "every name is found by inspection");
    }

    private static async Task LongNames(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        var stem = new string('n', StreamName.LengthMax - 1);
        await log.CommitAsync(new StreamWrite(stem + "a", 0), new StreamWrite(stem + "b", 0, 2));
        Expect.Equal(1, (await log.ReadAsync(stem + "a")).Length, "rows of the first");
        Expect.Equal(2, (await log.ReadAsync(stem + "b")).Length, "rows of the second");
    }

    private static async Task SortsByBytes(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        string[] names = ["Z", "a", "_", "~", "!", "aa", "a!", "A"];
        var group = await log.CommitAsync([.. names.Select(name => new StreamWrite(name, 0))]);
        Expect.Equal(group.Rows.Length, await log.CountAsync(group), "rows of a group sorted by bytes");
    }

    private static async Task PayloadAsync(ILogStoreFixture fixture, int length)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        var payload = new byte[length];
        for (var i = 0; i < length; i++)
        {
            payload[i] = (byte)(i ^ (i >> 8));
        }

        await log.CommitAsync(new StreamWrite("a", 0, 2) { Payload = payload });
        var rows = await log.ReadAsync("a");
        Expect.Equal(2, rows.Length, "rows");
        Expect.True(rows.All(row => row.Payload.Span.SequenceEqual(payload)), "the payload's bytes are the same");
    }

    private static async Task EventColumns(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        var transaction = log.NewTransaction();
        var shard = log.ShardRow(RowKind.CommitDecided, log.Next, log.NextAppendId(), transaction, log.Seed);
        var written = new LogRow
        {
            Stream = new StreamName("a"),
            Version = 1,
            Kind = RowKind.Event,
            AppendId = shard.AppendId,
            Transaction = transaction,
            Position = shard.Position,
            Previous = new LogPosition(65535, 123_456_789_012),
            Type = "money.deposited/\u00e9\u4e16\ud83d\ude00",
            TypeVersion = 7,
            WrittenAt = 1_700_000_000_123_456,
            Payload = "{\"amount\":1}"u8.ToArray(),
        };
        written.Checksum = RowChecksum.Of(written, 0);
        var group = TestLog.Sorted(
            [written, shard], [AppendRules.CheckOf(log.Shard, log.Next, log.Epoch), new(written.Stream, 0, 0, transaction, false)]);
        Expect.Answer(GroupAnswerKind.Landed, await log.AppendAsync(group), "the group");
        SameRow(written, (await log.ReadAsync("a"))[0]);
    }

    private static async Task ShardColumns(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        foreach (var kind in (RowKind[])[RowKind.LastResourceCommitting, RowKind.AbortDecided, RowKind.TransactionEnded, RowKind.Fenced, RowKind.ShardCheckpoint, RowKind.ShardReleased])
        {
            var transaction = kind is RowKind.Fenced or RowKind.ShardCheckpoint or RowKind.ShardReleased ? default : log.NewTransaction();
            var written = log.ShardRow(kind, log.Next, log.NextAppendId(), transaction, log.Seed);
            var version = log.Next;
            var group = new RowGroup([written], [AppendRules.CheckOf(log.Shard, log.Next, log.Epoch)]);
            Expect.Answer(GroupAnswerKind.Landed, await log.AppendAsync(group), $"{kind}");
            SameRow(written, (await log.ReadAsync(log.Shard.Value, version))[0]);
        }
    }

    private static async Task Limits(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        var append = new AppendId(ulong.MaxValue, ulong.MaxValue - 1);
        var transaction = new TransactionId(
            new LogIdentity((1UL << 48) - 1, 255), ushort.MaxValue, TransactionId.Max40, TransactionId.Max40, TransactionId.Max40);
        var shard = log.ShardRow(RowKind.CommitDecided, log.Next, append, transaction, log.Seed);
        var written = new LogRow
        {
            Stream = new StreamName("limits"),
            Version = 1,
            Kind = RowKind.Event,
            AppendId = append,
            Transaction = transaction,
            Position = shard.Position,
            Previous = new LogPosition(ushort.MaxValue, long.MaxValue),
            Type = new string('t', RowTrust.TypeLengthMax),
            TypeVersion = int.MaxValue,
            WrittenAt = RowTrust.WrittenAtMax,
        };
        written.Checksum = RowChecksum.Of(written, 0);
        var group = TestLog.Sorted(
            [written, shard], [AppendRules.CheckOf(log.Shard, log.Next, log.Epoch), new(written.Stream, 0, 0, transaction, false)]);
        Expect.Answer(GroupAnswerKind.Landed, await log.AppendAsync(group), "the group");
        SameRow(written, (await log.ReadAsync("limits"))[0]);
        var found = await log.Store.InspectAsync([new RowKey(written.Stream, 1)], CancellationToken.None);
        Expect.Equal(append, found[0].AppendId, "the append id by inspection");
    }

    private static async Task UnreadableRowsAreRefused(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        foreach (var damage in (RowDamage[])[RowDamage.UnknownKind, RowDamage.NulInType])
        {
            var group = log.Group(new StreamWrite("a", 0));
            var rows = group.Rows.Select(row => row.Stream == log.Shard ? row : RowDamages.Apply(row, damage));
            Expect.Answer(
                GroupAnswerKind.Refused, await log.AppendAsync(TestLog.Sorted(rows, group.Checks)), $"a row with {damage}");
        }
    }

    private static async Task ClaimColumns(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        var row = (await log.ReadAsync(log.Shard.Value))[0];
        Expect.Equal(RowKind.ShardOwned, row.Kind, "kind");
        Expect.Equal(1L, row.Version, "version");
        Expect.Equal(1L, row.Epoch, "epoch");
        Expect.Equal(TestLog.ClaimCheckpoint, row.Checkpoint, "checkpoint");
        Expect.Equal(new LogPosition(0, 1), row.Position, "position");
        Expect.Equal(new AppendId(log.Writer, 1), row.AppendId, "append id");
        Expect.True(row.Payload.Span.SequenceEqual("{\"host\":\"here\"}"u8), "the payload is the one claimed with");
    }

    private static void SameRow(LogRow expected, LogRow actual)
    {
        Expect.Equal(Text(expected), Text(actual), "the row");
        Expect.True(expected.Payload.Span.SequenceEqual(actual.Payload.Span), "the payload is the same");

        static string Text(LogRow row) => string.Create(
            CultureInfo.InvariantCulture,
            $"{row} {row.AppendId} {row.Transaction} {row.Epoch} {row.Checkpoint} {row.Position} {row.Previous} {row.Type} {row.TypeVersion} {row.WrittenAt} {row.Checksum} {row.Fault}");
    }
}
