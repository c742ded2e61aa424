using Coordinator.Log;

namespace Coordinator.Testing.Logs;

/// <content>A log grows: who opened it with fewer shards claims none any more (decision 0013).</content>
internal static partial class LogStoreConformance
{
    private static IEnumerable<ConformanceCase> GrowingCases =>
    [
        new("A new log has as many shards as its host needs", NewLogHasShards),
        new("A log grows once, keeps its identity and never shrinks", LogGrows),
        new("A claim by one who opened the log with fewer shards is refused, whichever shard it is of", ClaimUnderFewerShards),
        new("A claim by one who opens the log anew lands", ClaimAfterGrowth),
        new("A claim by one who believes in more shards than there are is refused", ClaimUnderMoreShards),
    ];

    private static async Task NewLogHasShards(ILogStoreFixture fixture)
    {
        await using var store = fixture.Create();
        var meta = await OpenAsync(store, 16);
        Expect.Equal(TestLog.Meta with { ShardCount = 16 }, meta, "the log");
        Expect.Equal(1, (await MetaRowsAsync(store)).Length, "meta rows");
        await ClaimAsync(store, meta, 15, GroupAnswerKind.Landed);
    }

    private static async Task LogGrows(ILogStoreFixture fixture)
    {
        foreach (var (min, expected, rows) in ((int, int, int)[])[(1, 1, 1), (16, 16, 2), (16, 16, 2), (4, 16, 2), (LogMeta.ShardCountMax, LogMeta.ShardCountMax, 3)])
        {
            await using var store = fixture.Create();
            Expect.Equal(TestLog.Meta with { ShardCount = expected }, await OpenAsync(store, min), $"opened for {min} shards");
            var found = await MetaRowsAsync(store);
            Expect.Equal(rows, found.Length, "meta rows");
            Expect.True(found.All(row => row.AppendId.Writer == TestLog.Meta.Identity.LogId), "each names the log");
        }
    }

    private static async Task ClaimUnderFewerShards(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        await log.CommitAsync();
        Expect.Equal(16, (await OpenAsync(log.Store, 16)).ShardCount, "shards");
        await MustNotLandAsync(log, log.Claim(log.Epoch));
        await MustNotLandAsync(TestLog.Unowned(log.Store, 3, writer: 88), TestLog.Unowned(log.Store, 3, writer: 88).Claim(0));
        Expect.Equal(16, (await OpenAsync(log.Store, 1)).ShardCount, "shards, whoever asks");
        await MustNotLandAsync(log, log.Claim(log.Epoch));

        // Growing alone displaces nobody: that takes a claim of the shard.
        await log.CommitAsync();
    }

    private static async Task ClaimAfterGrowth(ILogStoreFixture fixture)
    {
        await using (var log = await TestLog.OpenAsync(fixture))
        {
            await log.CommitAsync();
            await OpenAsync(log.Store, 16);
        }

        await using var store = fixture.Create();
        var meta = await OpenAsync(store, 1);
        var end = await store.ReadShardEndAsync(0, CancellationToken.None);
        var claim = TestLog.Unowned(store, 0, writer: 88).Claim(end.Owned!.Version) with { Opened = meta };
        Expect.Equal((GroupAnswerKind.Landed, 3L), await KindAndVersionAsync(store, claim), "shard 0");
        await ClaimAsync(store, meta, 7, GroupAnswerKind.Landed);
    }

    private static async Task ClaimUnderMoreShards(ILogStoreFixture fixture)
    {
        await using var store = fixture.Create();
        var meta = await OpenAsync(store, 4);
        await ClaimAsync(store, meta with { ShardCount = 16 }, 0, GroupAnswerKind.CheckFailed);
        await ClaimAsync(store, meta, 0, GroupAnswerKind.Landed);
    }

    private static ValueTask<LogMeta> OpenAsync(ILogStore store, int shardCountMin) =>
        LogOpening.OpenAsync(store, TestLog.Meta, null, TimeProvider.System, CancellationToken.None, shardCountMin);

    private static async Task<LogRow[]> MetaRowsAsync(ILogStore store) =>
        [.. await store.ReadAsync(LogStreams.Meta, 1, 10, CancellationToken.None)];

    /// <summary>A claim of a shard that has no rows.</summary>
    private static async Task ClaimAsync(ILogStore store, LogMeta opened, ushort shard, GroupAnswerKind expected)
    {
        var claim = TestLog.Unowned(store, shard, writer: 88).Claim(0) with { Opened = opened };
        Expect.Equal((expected, expected is GroupAnswerKind.Landed ? 1L : 0), await KindAndVersionAsync(store, claim), $"the claim of shard {shard}");
    }

    private static async Task<(GroupAnswerKind Kind, long Version)> KindAndVersionAsync(ILogStore store, ShardClaim claim)
    {
        var answer = await store.ClaimAsync(claim);
        return (answer.Kind, answer.Version);
    }
}
