using System.Collections.Immutable;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;

namespace Coordinator.Testing.Logs;

/// <content>Reads: paging, inspection, look-ups, snapshots.</content>
internal static partial class LogStoreConformance
{
    private static IEnumerable<ConformanceCase> ReadCases =>
    [
        new("Pages follow one another without gap or repeat", fixture => PagingAsync(fixture, "a")),
        new("Pages of a shard are verified from row to row", fixture => PagingAsync(fixture, LogStreams.ShardPrefix + "0")),
        new("The last row of a stream is read alone", fixture => LastRowAsync(fixture, "a")),
        new("The last row of a shard is verified against the one before it", fixture => LastRowAsync(fixture, LogStreams.ShardPrefix + "0")),
        new("An absent stream has no last row", LastRowOfAbsent),
        new("A last row that can't be trusted is named and never absent", DamagedLastRow),
        new("A read behind the end is empty", ReadBehindTheEnd),
        new("A read of an absent stream is empty", ReadOfAbsent),
        new("Inspection tells taken, free and absent keys apart", InspectsKeys),
        new("Inspection of nothing answers nothing", InspectsNothing),
        new("Inspection answers hundreds of keys in order", InspectsManyKeys),
        new("Inspection gives the position of the last row", InspectsPositions),
        new("A decision is found by its transaction", FindsDecisions),
        new("Rows that decide nothing are not found as decisions", FindsOnlyDecisions),
        new("The first decision of a transaction counts", FindsFirstDecision),
        new("A shard that nobody claimed has no end", EmptyShardEnd),
        new("A shard's end names its last row and its last claim", ShardEndIsFound),
        new("The checksums of a shard's rows are a chain", ChecksumsAreAChain),
        new("Readers beside a writer see whole groups only", ReadersSeeWholeGroups),
        new("A cancelled read is cancelled", CancelledReads),
    ];

    private static async Task PagingAsync(ILogStoreFixture fixture, string stream)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        for (var i = 0; i < 25; i++)
        {
            await log.CommitAsync(new StreamWrite("a", i));
        }

        var all = await log.ReadAsync(stream);
        foreach (var size in (int[])[1, 2, 7, 24, 25, 26, 1000])
        {
            var versions = new List<long>();
            while (await log.ReadAsync(stream, versions.Count + 1, size) is { IsEmpty: false } page)
            {
                Expect.True(page.Length <= size, $"a page of {size} has at most so many rows");
                versions.AddRange(page.Select(row => row.Version));
            }

            Expect.True(versions.SequenceEqual(all.Select(row => row.Version)), $"pages of {size} make the whole stream");
        }
    }

    private static async Task ReadBehindTheEnd(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        await log.CommitAsync(new StreamWrite("a", 0));
        Expect.Equal(0, (await log.ReadAsync("a", 2)).Length, "rows behind the end");
        Expect.Equal(0, (await log.ReadAsync("a", long.MaxValue)).Length, "rows far behind the end");
        Expect.Equal(0, (await log.ReadAsync(log.Shard.Value, 3)).Length, "rows behind the shard's end");
    }

    private static async Task ReadOfAbsent(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        Expect.Equal(0, (await log.ReadAsync("absent")).Length, "rows");
    }

    private static async Task InspectsKeys(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        var group = await log.CommitAsync(new StreamWrite("a", 0, 2));
        ImmutableArray<RowKey> keys = [new(log.Shard, 2), new(new("a"), 1), new(new("a"), 3), new(new("absent"), 1)];
        var found = await log.Store.InspectAsync(keys, CancellationToken.None);

        Expect.True(found.Select(one => one.Key).SequenceEqual(keys), "the answers are in the order of the keys");
        Expect.Equal("True True False False", string.Join(' ', found.Select(one => one.Exists)), "which exist");
        Expect.Equal(group.Rows[0].AppendId, found[0].AppendId, "append id of the shard row");
        Expect.Equal(RowKind.CommitDecided, found[0].Kind, "kind of the shard row");
        Expect.Equal(new StreamEnd(2, default, log.Epoch), found[0].End, "end of the shard");
        Expect.Equal(new StreamEnd(2, default, 0), found[2].End, "end of the stream, asked by a free key");
        Expect.Equal(default, found[3].End, "end of an absent stream");
    }

    private static async Task InspectsNothing(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        Expect.Equal(0, (await log.Store.InspectAsync([], CancellationToken.None)).Length, "answers");
    }

    private static async Task InspectsManyKeys(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        await log.CommitAsync([.. Enumerable.Range(0, 400).Select(i => new StreamWrite("s" + i.ToString("D3", null), 0))]);
        ImmutableArray<RowKey> keys = [.. Enumerable.Range(0, 800).Select(i => new RowKey(new StreamName("s" + i.ToString("D3", null)), 1))];
        var found = await log.Store.InspectAsync(keys, CancellationToken.None);
        Expect.Equal(400, found.Count(one => one.Exists), "keys that exist");
        Expect.True(found.Take(400).All(one => one.Exists), "those that exist are those that were asked first");
    }

    private static async Task InspectsPositions(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        await log.CommitAsync(new StreamWrite("a", 0));
        await log.CommitAsync(new StreamWrite("a", 1));
        var found = await log.Store.InspectAsync([new RowKey(new StreamName("a"), 1)], CancellationToken.None);
        Expect.Equal(new LogPosition(0, 3), found[0].EndPosition, "position of the last row");
    }

    private static async Task FindsDecisions(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        TransactionId[] transactions = [log.NewTransaction(), log.NewTransaction(), log.NewTransaction()];
        foreach (var transaction in transactions.Take(2))
        {
            Expect.Answer(GroupAnswerKind.Landed, await log.AppendAsync(log.Group(transaction, new StreamWrite("a" + transaction, 0))), "commit");
        }

        Expect.Equal(2L, (await log.Store.FindDecisionAsync(transactions[0], CancellationToken.None))?.Version, "the first decision");
        Expect.Equal(3L, (await log.Store.FindDecisionAsync(transactions[1], CancellationToken.None))?.Version, "the second decision");
        Expect.Equal(null, await log.Store.FindDecisionAsync(transactions[2], CancellationToken.None), "a decision that was not made");
    }

    private static async Task FindsOnlyDecisions(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        var transaction = log.NewTransaction();
        await AppendShardRowAsync(log, RowKind.LastResourceCommitting, transaction);
        Expect.Equal(null, await log.Store.FindDecisionAsync(transaction, CancellationToken.None), "the decision before it is made");
        await AppendShardRowAsync(log, RowKind.AbortDecided, transaction);
        await AppendShardRowAsync(log, RowKind.TransactionEnded, transaction);
        var found = await log.Store.FindDecisionAsync(transaction, CancellationToken.None);
        Expect.Equal(RowKind.AbortDecided, found?.Kind, "the decision");
    }

    private static async Task FindsFirstDecision(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        var transaction = log.NewTransaction();
        await AppendShardRowAsync(log, RowKind.CommitDecided, transaction);
        await AppendShardRowAsync(log, RowKind.AbortDecided, transaction);
        var found = await log.Store.FindDecisionAsync(transaction, CancellationToken.None);
        Expect.Equal(RowKind.CommitDecided, found?.Kind, "the decision");
    }

    private static async Task AppendShardRowAsync(TestLog log, RowKind kind, TransactionId transaction)
    {
        var row = log.ShardRow(kind, log.Next, log.NextAppendId(), transaction, log.Seed);
        var group = new RowGroup([row], [AppendRules.CheckOf(log.Shard, log.Next, log.Epoch)]);
        Expect.Answer(GroupAnswerKind.Landed, await log.AppendAsync(group), $"{kind}");
    }

    private static async Task EmptyShardEnd(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        Expect.Equal(new ShardEnd(0, null, null), await log.Store.ReadShardEndAsync(9, CancellationToken.None), "the end");
    }

    private static async Task ShardEndIsFound(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        await log.CommitAsync();
        await log.CommitAsync();
        var successor = await TestLog.ClaimAsync(log.Store, writer: 88, shard: 0);
        var claimed = await log.Store.ReadShardEndAsync(0, CancellationToken.None);
        Expect.Equal((4L, 4L, 4L), (claimed.LastVersion, claimed.Last!.Version, claimed.Owned!.Version), "the end right behind a claim");
        await successor.CommitAsync();
        var end = await log.Store.ReadShardEndAsync(0, CancellationToken.None);
        Expect.Equal((5L, 5L, 4L), (end.LastVersion, end.Last!.Version, end.Owned!.Version), "the end behind a commit");
        Expect.True(end.Last.Fault is null && end.Owned.Fault is null, "both rows can be trusted");
    }

    private static async Task ChecksumsAreAChain(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        await log.CommitAsync();
        var row = log.ShardRow(RowKind.CommitDecided, log.Next, log.NextAppendId(), log.NewTransaction(), log.Seed + 1);
        var group = new RowGroup([row], [AppendRules.CheckOf(log.Shard, log.Next, log.Epoch)]);
        Expect.Answer(GroupAnswerKind.Landed, await log.Store.AppendAsync(group), "a row that continues another chain");
        var error = await Expect.ThrowsAsync<LogCorruptException>(async () => await log.ReadAsync(log.Shard.Value), "reading it");
        Expect.Equal(3L, error.Version, "the row named");
    }

    private static async Task ReadersSeeWholeGroups(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        using var written = new CancellationTokenSource();
        var readers = Enumerable.Range(0, 3).Select(_ => Task.Run(async () =>
        {
            ImmutableArray<RowKey> keys = [new(new("x"), 1), new(new("y"), 1)];
            while (!written.IsCancellationRequested)
            {
                var found = await log.Store.InspectAsync(keys, CancellationToken.None);
                Expect.Equal(found[0].End.Version, found[1].End.Version, "two streams that are always written together");
                var page = await log.ReadAsync("x", 1, 1000);
                Expect.True(page.Select((row, i) => row.Version == i + 1).All(right => right), "a stream read while it grows has no hole");
                await Task.Yield(); // or the readers keep every thread of a small pool
            }
        })).ToArray();

        for (var i = 0; i < 60; i++)
        {
            await log.CommitAsync(new StreamWrite("x", i), new StreamWrite("y", i));
        }

        await written.CancelAsync();
        await Task.WhenAll(readers);
    }

    private static async Task CancelledReads(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        var cancelled = new CancellationToken(canceled: true);
        await Expect.ThrowsAsync<OperationCanceledException>(
            async () => await log.Store.ReadAsync(log.Shard, 1, 1, cancelled), "a read");
        await Expect.ThrowsAsync<OperationCanceledException>(
            async () => await log.Store.InspectAsync([new RowKey(log.Shard, 1)], cancelled), "an inspection");
        await Expect.ThrowsAsync<OperationCanceledException>(
            async () => await log.Store.FindDecisionAsync(log.NewTransaction(), cancelled), "a look-up");
        await Expect.ThrowsAsync<OperationCanceledException>(
            async () => await log.Store.ReadShardEndAsync(0, cancelled), "a shard's end");
        Expect.Equal(1, (await log.ReadAsync(log.Shard.Value)).Length, "rows read afterwards");
    }
}
