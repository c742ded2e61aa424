using Coordinator.Log;
using Coordinator.Protocol.Ownership;

namespace Coordinator.Testing.Logs;

/// <content>Removal of what the log may forget (rule D-5): no more than that, and what is left can be read and verified.</content>
internal static partial class LogStoreConformance
{
    private static IEnumerable<ConformanceCase> RemovalCases =>
    [
        new("Removal takes a shard's oldest rows, so many at once, up to the horizon", RemovesOldestFirst),
        new("What is left of a shard is whole from its horizon on and ends as before", LeavesTheRestReadable),
        new("The claim of the horizon's epoch stays, so that the shard can be claimed again", LeavesTheClaim),
        new("Decisions below the horizon are gone, those above are found", RemovesDecisions),
        new("Removal touches no stream of users and no other shard", RemovesNothingElse),
        new("Keys are removed by their age and leave their streams free", RemovesOldKeys),
        new("Removal beside commits disturbs none", RemovalBesideCommits),
    ];

    private static async Task<(TestLog Log, List<RowGroup> Groups)> FilledAsync(ILogStoreFixture fixture, int count)
    {
        var log = await TestLog.OpenAsync(fixture);
        var groups = new List<RowGroup>();
        for (var i = 0; i < count; i++)
        {
            groups.Add(await log.CommitAsync(new StreamWrite("a", i)));
        }

        return (log, groups);
    }

    private static ForgetMark HorizonAt(long version, long epoch = 1) => new(version, epoch, 0, 0);

    private static ValueTask<int> RemoveAsync(TestLog log, ForgetMark horizon, int countMax = 1000) =>
        log.Store.Removal.RemoveShardRowsAsync(log.ShardNumber, horizon, countMax, CancellationToken.None);

    private static async Task<long[]> VersionsAsync(TestLog log) =>
        [.. (await log.Store.ReadAsync(log.Shard, 1, 10_000, UnreadableRows.Mark, CancellationToken.None)).Select(row => row.Version)];

    private static async Task RemovesOldestFirst(ILogStoreFixture fixture)
    {
        var (log, _) = await FilledAsync(fixture, 20);
        await using var __ = log;
        Expect.Equal(0, await RemoveAsync(log, HorizonAt(1)), "nothing lies before the first row");
        Expect.Equal(4, await RemoveAsync(log, HorizonAt(11), countMax: 4), "as many as asked for");
        Expect.True((await VersionsAsync(log)).SequenceEqual([1L, .. Enumerable.Range(6, 16).Select(version => (long)version)]), "the oldest go first");
        Expect.Equal(4, await RemoveAsync(log, HorizonAt(11)), "the rest of them");
        Expect.Equal(0, await RemoveAsync(log, HorizonAt(11)), "and no more");
        Expect.True((await VersionsAsync(log)).SequenceEqual([1L, .. Enumerable.Range(10, 12).Select(version => (long)version)]), "the row before the horizon stays");
    }

    private static async Task LeavesTheRestReadable(ILogStoreFixture fixture)
    {
        var (log, _) = await FilledAsync(fixture, 20);
        await using var __ = log;
        var before = await log.Store.ReadShardEndAsync(log.ShardNumber, CancellationToken.None);
        await RemoveAsync(log, HorizonAt(11));
        var rows = await log.Store.ReadAsync(log.Shard, 11, 1000, CancellationToken.None); // throws if one can't be verified
        Expect.Equal(11, rows.Length, "rows from the horizon on");
        var end = await log.Store.ReadShardEndAsync(log.ShardNumber, CancellationToken.None);
        Expect.Equal((before.LastVersion, before.Owned!.Version, before.Last!.Checksum), (end.LastVersion, end.Owned?.Version ?? 0, end.Last?.Checksum ?? 0), "the shard's end");
        Expect.Equal(null, end.Owned!.Fault, "its claim's fault");
        await log.CommitAsync(new StreamWrite("a", 20));
    }

    private static async Task LeavesTheClaim(ILogStoreFixture fixture)
    {
        var (log, _) = await FilledAsync(fixture, 20);
        await using var __ = log;
        await RemoveAsync(log, HorizonAt(15));
        var claim = await log.Store.ClaimAsync(log.Claim(guard: 1));
        Expect.Equal((GroupAnswerKind.Landed, 22L), (claim.Kind, claim.Version), "a claim behind the epoch whose first rows are gone");
        await RemoveAsync(log, HorizonAt(22, epoch: 22));
        var end = await log.Store.ReadShardEndAsync(log.ShardNumber, CancellationToken.None);
        Expect.Equal(22L, end.Owned?.Version ?? 0, "the claim");
        Expect.True((await VersionsAsync(log)).SequenceEqual([21L, 22L]), "an earlier epoch's claim goes with its rows");
    }

    private static async Task RemovesDecisions(ILogStoreFixture fixture)
    {
        var (log, groups) = await FilledAsync(fixture, 20);
        await using var __ = log;
        var ids = groups.Select(group => group.Rows.Single(row => row.IsDecision).Transaction).ToList();
        await RemoveAsync(log, HorizonAt(11));
        for (var i = 0; i < ids.Count; i++)
        {
            var row = i + 2; // the first one is the claim
            if (row != 10) // it is there for the checksum of the next one only, and can't be verified itself
            {
                Expect.Equal(row > 10, await log.Store.FindDecisionAsync(ids[i], CancellationToken.None) is not null, $"the decision in row {row} is found");
            }
        }
    }

    private static async Task RemovesNothingElse(ILogStoreFixture fixture)
    {
        var (log, _) = await FilledAsync(fixture, 20);
        await using var __ = log;
        await using var other = await TestLog.ClaimAsync(log.Store, 78, 1);
        await other.CommitAsync(new StreamWrite("b", 0));
        await RemoveAsync(log, HorizonAt(21));
        await log.Store.Removal.RemoveKeysAsync(long.MaxValue, 1000, CancellationToken.None);
        Expect.Equal(20, (await log.ReadAsync("a")).Length, "rows of a user's stream");
        Expect.Equal(1, (await log.ReadAsync("b")).Length, "rows of another one");
        Expect.Equal(2, (await log.ReadAsync(other.Shard.Value)).Length, "rows of another shard");
        Expect.True((await log.ReadAsync("meta")).Length > 0, "the log's identity stays");
    }

    private static async Task RemovesOldKeys(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        await log.CommitAsync(new StreamWrite("key/one", 0), new StreamWrite("keys", 0), new StreamWrite("key", 0));
        await log.CommitAsync(new StreamWrite("key/two", 0));
        await log.CommitAsync(new StreamWrite("key/three", 0));
        var writtenAt = (await log.ReadAsync("key/one"))[0].WrittenAt;
        Expect.Equal(0, await log.Store.Removal.RemoveKeysAsync(writtenAt, 1000, CancellationToken.None), "nothing is older");
        Expect.Equal(2, await log.Store.Removal.RemoveKeysAsync(writtenAt + 1, 2, CancellationToken.None), "as many as asked for");
        Expect.Equal(1, await log.Store.Removal.RemoveKeysAsync(writtenAt + 1, 2, CancellationToken.None), "the rest");
        foreach (var key in (string[])["key/one", "key/two", "key/three"])
        {
            Expect.Equal(0, (await log.ReadAsync(key)).Length, $"rows of {key}");
        }

        Expect.Equal((1, 1), ((await log.ReadAsync("keys")).Length, (await log.ReadAsync("key")).Length), "rows of streams that are no keys");
        await log.CommitAsync(new StreamWrite("key/one", 0)); // free again
    }

    private static async Task RemovalBesideCommits(ILogStoreFixture fixture)
    {
        var (log, _) = await FilledAsync(fixture, 50);
        await using var __ = log;
        var removing = Task.Run(async () =>
        {
            for (var horizon = 10; horizon <= 50; horizon++)
            {
                await RemoveAsync(log, HorizonAt(horizon), countMax: 3);
            }
        });
        for (var i = 50; i < 100; i++)
        {
            await log.CommitAsync(new StreamWrite("a", i));
        }

        await removing;
        Expect.Equal(100, (await log.ReadAsync("a")).Length, "commits");
        Expect.Equal(52, (await log.Store.ReadAsync(log.Shard, 50, 1000, CancellationToken.None)).Length, "rows from the horizon on");
    }
}
