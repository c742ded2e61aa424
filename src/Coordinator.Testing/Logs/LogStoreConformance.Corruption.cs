using Coordinator.Log;

namespace Coordinator.Testing.Logs;

/// <content>Rows that can't be trusted are found, named, and never read as absent.</content>
internal static partial class LogStoreConformance
{
    private static IEnumerable<ConformanceCase> CorruptionCases =>
    [
        .. Enum.GetValues<RowDamage>().Where(damage => damage is not RowDamage.NewerFormat).SelectMany(damage => (ConformanceCase[])
        [
            new($"{damage} of an event is found and the row named", fixture => DamagedRowAsync(fixture, damage, "a")),
            new($"{damage} of a shard row is found and the row named", fixture => DamagedRowAsync(fixture, damage, LogStreams.ShardPrefix + "0")),
        ]),
        new("A recovery reads on past a row that can't be trusted", RecoveryReadsOn),
        new("A decision that can't be trusted is not absent", DamagedDecision),
        new("A shard whose last row can't be trusted can be claimed and goes on", DamagedEnd),
        new("A damaged row stops its own stream only", DamageStopsOneStream),
    ];

    private static async Task DamagedRowAsync(ILogStoreFixture fixture, RowDamage damage, string stream)
    {
        await using (var log = await TestLog.OpenAsync(fixture))
        {
            for (var i = 0; i < 4; i++)
            {
                await log.CommitAsync(new StreamWrite("a", i));
            }
        }

        var damaged = new RowKey(new(stream), 3);
        await fixture.DamageAsync(damaged, damage);
        await using var store = await ReopenAsync(fixture);
        var error = await Expect.ThrowsAsync<LogCorruptException>(
            async () => await store.ReadAsync(damaged.Stream, 1, 100, CancellationToken.None), "a read over the row");
        Expect.Equal((damaged.Stream, 3L), (error.Stream, error.Version), "the row named");
        Expect.Equal(2, (await store.ReadAsync(damaged.Stream, 1, 2, CancellationToken.None)).Length, "rows before it");

        var marked = await store.ReadAsync(damaged.Stream, 1, 100, UnreadableRows.Mark, CancellationToken.None);
        Expect.True(marked.Length >= 4, "a marking read leaves no row out");
        Expect.True(marked[2].Fault is not null, "the damaged row is marked");
        Expect.True(marked.Take(2).All(row => row.Fault is null), "the rows before it are not marked");
    }

    private static async Task RecoveryReadsOn(ILogStoreFixture fixture)
    {
        await using (var log = await TestLog.OpenAsync(fixture))
        {
            for (var i = 0; i < 5; i++)
            {
                await log.CommitAsync();
            }
        }

        await fixture.DamageAsync(new RowKey(LogStreams.Shard(0), 3), RowDamage.PayloadBit);
        await using var store = await ReopenAsync(fixture);
        var faults = new List<long>();
        for (long from = 1; from <= 6; from++)
        {
            // Row by row, so that each one's seed is read anew.
            var page = await store.ReadAsync(LogStreams.Shard(0), from, 1, UnreadableRows.Mark, CancellationToken.None);
            Expect.Equal(from, page[0].Version, "the row read");
            faults.AddRange(page.Where(row => row.Fault is not null).Select(row => row.Version));
        }

        Expect.Equal("3", string.Join(' ', faults), "rows marked: its content is wrong, its checksum still seeds the next");
    }

    private static async Task DamagedDecision(ILogStoreFixture fixture)
    {
        Protocol.TransactionId transaction;
        await using (var log = await TestLog.OpenAsync(fixture))
        {
            transaction = log.NewTransaction();
            Expect.Answer(GroupAnswerKind.Landed, await log.AppendAsync(log.Group(transaction)), "commit");
        }

        await fixture.DamageAsync(new RowKey(LogStreams.Shard(0), 2), RowDamage.PayloadBit);
        await using var store = await ReopenAsync(fixture);
        var error = await Expect.ThrowsAsync<LogCorruptException>(
            async () => await store.FindDecisionAsync(transaction, CancellationToken.None), "the look-up");
        Expect.Equal(2L, error.Version, "the row named");
    }

    private static async Task DamagedEnd(ILogStoreFixture fixture)
    {
        await using (var log = await TestLog.OpenAsync(fixture))
        {
            await log.CommitAsync();
            await log.CommitAsync();
        }

        await fixture.DamageAsync(new RowKey(LogStreams.Shard(0), 3), RowDamage.PayloadBit);
        await using var store = await ReopenAsync(fixture);
        var end = await store.ReadShardEndAsync(0, CancellationToken.None);
        Expect.Equal(3L, end.LastVersion, "the last version");
        Expect.True(end.Last?.Fault is not null, "the last row is marked");
        Expect.True(end.Owned is { Fault: null, Version: 1 }, "the claim is found and trusted");
        var successor = await TestLog.ClaimAsync(store, writer: 88, shard: 0);
        await successor.CommitAsync();
        var marked = await store.ReadAsync(LogStreams.Shard(0), 1, 100, UnreadableRows.Mark, CancellationToken.None);
        Expect.Equal("3", string.Join(' ', marked.Where(row => row.Fault is not null).Select(row => row.Version)), "rows marked");
    }

    private static async Task DamageStopsOneStream(ILogStoreFixture fixture)
    {
        await using (var log = await TestLog.OpenAsync(fixture))
        {
            await log.CommitAsync(new StreamWrite("a", 0), new StreamWrite("b", 0));
        }

        await fixture.DamageAsync(new RowKey(new("a"), 1), RowDamage.PayloadBit);
        await using var store = await ReopenAsync(fixture);
        Expect.Equal(1, (await store.ReadAsync(new("b"), 1, 10, CancellationToken.None)).Length, "rows of the other stream");
        Expect.Equal(2, (await store.ReadAsync(LogStreams.Shard(0), 1, 10, CancellationToken.None)).Length, "rows of the shard");
    }

    private static async Task<ILogStore> ReopenAsync(ILogStoreFixture fixture)
    {
        var store = fixture.Create();
        await store.OpenAsync(TestLog.Meta, CancellationToken.None);
        return store;
    }
}
