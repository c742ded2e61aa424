using System.Globalization;
using Coordinator.Log;
using Coordinator.Protocol.Ownership;

namespace Coordinator.Testing.Logs;

/// <content>D-1: rows come only at the end, all or none.</content>
internal static partial class LogStoreConformance
{
    private static IEnumerable<ConformanceCase> AppendCases =>
    [
        new("A group lands at the end of its streams", LandsAtTheEnd),
        new("Rows of one group in many streams land together", LandsInManyStreams),
        new("Many transactions share one group", ManyTransactionsShareAGroup),
        new("One check that fails keeps all streams of the group out", AllOrNothing),
        new("A version that is taken is refused", fixture => RefusedAsync(fixture, new("a", 0), GroupAnswerKind.CheckFailed)),
        new("A version below the end is refused", fixture => RefusedAsync(fixture, new("a", 1), GroupAnswerKind.CheckFailed)),
        new("A version that leaves a gap is refused", fixture => RefusedAsync(fixture, new("a", 3), GroupAnswerKind.CheckFailed)),
        new("A first version that leaves a gap is refused", fixture => RefusedAsync(fixture, new("b", 1), GroupAnswerKind.CheckFailed)),
        new("Rows numbered otherwise than their check are refused", RowsUnlikeTheirCheckAreRefused),
        new("Rows with a hole between them are refused", RowsWithAHoleAreRefused),
        new("Rows without a check are refused", RowsWithoutACheckAreRefused),
        new("A shard row behind another epoch is refused", AnotherEpochIsRefused),
        new("A shard row of another epoch than its check is refused", RowOfAnotherEpochIsRefused),
        new("An owner that was displaced can't append", DisplacedOwnerCannotAppend),
        new("A validated read holds while the stream ends as it was read", fixture => ReadCheckAsync(fixture, 2, holds: true)),
        new("A validated read fails when the stream went on", fixture => ReadCheckAsync(fixture, 1, holds: false)),
        new("A validated read of an absent stream holds", fixture => AbsentReadAsync(fixture, holds: true)),
        new("A validated read of a stream that appeared fails", fixture => AbsentReadAsync(fixture, holds: false)),
        new("A validated read of a log with one shard holds while the stream ends as it was read", fixture => ReadCheckAsync(fixture, 2, holds: true, locks: false)),
        new("A validated read of a log with one shard fails when the stream went on", fixture => ReadCheckAsync(fixture, 1, holds: false, locks: false)),
        new("A group may hold only a validated read and its shard row", OnlyAReadAndItsShardRow),
        new("Checks may come in any order", ChecksInAnyOrder),
        new("A refused group can be sent again and lands", RefusedGroupLandsLater),
        new("A second write is not taken while one is under way", SecondWriteIsNotTaken),
    ];

    private static async Task ChecksInAnyOrder(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        var group = log.Group(
            new StreamWrite("a", 0, 2), new StreamWrite("b", 0), new StreamWrite("c", 0, 0), new StreamWrite("d", 0), new StreamWrite("e", 0, 0), new StreamWrite("z", 0));
        Expect.Answer(GroupAnswerKind.Landed, await log.AppendAsync(group with { Checks = [.. group.Checks.Reverse()] }), "checks from last to first");
        var second = log.Group(new StreamWrite("b", 1), new StreamWrite("c", 0, 0), new StreamWrite("z", 1));
        var shard = second.Checks.Single(check => check.Stream == log.Shard);
        Expect.Answer(
            GroupAnswerKind.Landed, await log.AppendAsync(second with { Checks = [shard, .. second.Checks.Remove(shard)] }), "the shard's check first");
    }

    private static async Task LandsAtTheEnd(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        await log.CommitAsync(new StreamWrite("a", 0, 2));
        await log.CommitAsync(new StreamWrite("a", 2));

        var rows = await log.ReadAsync("a");
        Expect.Equal("1 2 3", string.Join(' ', rows.Select(row => row.Version)), "versions of the stream");
        Expect.Equal(3, (await log.ReadAsync(log.Shard.Value)).Length, "rows of the shard");
    }

    private static async Task LandsInManyStreams(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        var writes = Enumerable.Range(0, 300).Select(i => new StreamWrite(string.Create(CultureInfo.InvariantCulture, $"s/{i}"), 0, 1 + (i % 3)));
        var group = await log.CommitAsync([.. writes]);
        Expect.Equal(group.Rows.Length, await log.CountAsync(group), "rows in the log");
    }

    private static async Task ManyTransactionsShareAGroup(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        var rows = new List<LogRow>();
        var seed = log.Seed;
        for (var i = 0; i < 20; i++)
        {
            var row = log.ShardRow(RowKind.CommitDecided, log.Next + i, log.NextAppendId(), log.NewTransaction(), seed);
            seed = RowChecksum.SeedAfter(row);
            rows.Add(row);
        }

        var group = TestLog.Sorted(rows, [AppendRules.CheckOf(log.Shard, log.Next, log.Epoch)]);
        Expect.Answer(GroupAnswerKind.Landed, await log.AppendAsync(group), "a group of twenty");
        Expect.Equal(21, (await log.ReadAsync(log.Shard.Value)).Length, "rows of the shard, each verified");
    }

    private static async Task AllOrNothing(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        await log.CommitAsync(new StreamWrite("b", 0));
        var group = log.Group(new StreamWrite("a", 0), new StreamWrite("b", 0), new StreamWrite("c", 0));
        Expect.Answer(GroupAnswerKind.CheckFailed, await log.AppendAsync(group), "a group with one conflict");
        Expect.Equal(0, await log.CountAsync(group), "rows in the log");
        Expect.Equal(0, (await log.ReadAsync("a")).Length, "rows before the conflict");
        Expect.Equal(0, (await log.ReadAsync("c")).Length, "rows behind the conflict");
    }

    private static async Task RefusedAsync(ILogStoreFixture fixture, StreamWrite write, GroupAnswerKind expected)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        await log.CommitAsync(new StreamWrite("a", 0, 2));
        var group = log.Group(write);
        Expect.Answer(expected, await log.AppendAsync(group), $"an append behind {write.Stream}@{write.Expected}");
        Expect.Equal(0, await log.CountAsync(group), "rows in the log");
        await log.CommitAsync(new StreamWrite("a", 2));
    }

    private static async Task RowsUnlikeTheirCheckAreRefused(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        var group = log.Group(new StreamWrite("a", 4));
        var lying = group.Checks.Select(check => check.Stream.Value == "a" ? check with { Version = 0 } : check);
        await MustBeRefusedAsync(log, TestLog.Sorted(group.Rows, lying));
    }

    private static async Task RowsWithAHoleAreRefused(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        var group = log.Group(new StreamWrite("a", 0, 3));
        await MustBeRefusedAsync(log, group with { Rows = [.. group.Rows.Where(row => row.Version != 2 || row.Stream == log.Shard)] });
    }

    private static async Task RowsWithoutACheckAreRefused(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        var group = log.Group(new StreamWrite("a", 0));
        await MustBeRefusedAsync(log, group with { Checks = [.. group.Checks.Where(check => check.Stream == log.Shard)] });
    }

    private static async Task RowOfAnotherEpochIsRefused(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        var group = log.Group();
        await MustBeRefusedAsync(log, group with { Checks = [group.Checks[0] with { Epoch = log.Epoch + 1 }] });
    }

    private static async Task MustBeRefusedAsync(TestLog log, RowGroup group)
    {
        Expect.Answer(GroupAnswerKind.Refused, await log.Store.AppendAsync(group), "a group that contradicts itself");
        Expect.Equal(0, await log.CountAsync(group), "rows in the log");
        await log.CommitAsync(new StreamWrite("a", 0));
    }

    private static async Task AnotherEpochIsRefused(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        await log.CommitAsync();
        var row = log.ShardRow(RowKind.CommitDecided, log.Next, log.NextAppendId(), log.NewTransaction(), log.Seed);
        var check = AppendRules.CheckOf(log.Shard, log.Next, log.Epoch) with { Epoch = log.Epoch + 1 };
        var other = new LogRow
        {
            Stream = row.Stream,
            Version = row.Version,
            Kind = row.Kind,
            AppendId = row.AppendId,
            Transaction = row.Transaction,
            Epoch = log.Epoch + 1,
            Position = row.Position,
        };
        other.Checksum = RowChecksum.Of(other, log.Seed);
        Expect.Answer(GroupAnswerKind.CheckFailed, await log.Store.AppendAsync(new RowGroup([other], [check])), "a row of a later epoch");
    }

    private static async Task DisplacedOwnerCannotAppend(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        await log.CommitAsync(new StreamWrite("a", 0));
        var late = log.Group(new StreamWrite("a", 1));
        var successor = await TestLog.ClaimAsync(log.Store, writer: 88, shard: 0);
        Expect.Answer(GroupAnswerKind.CheckFailed, await log.AppendAsync(late), "an append of the displaced owner");
        await successor.CommitAsync(new StreamWrite("a", 1));

        // Even at the shard's very end the old epoch is refused.
        await log.ContinueAtAsync(successor.Next);
        Expect.Answer(GroupAnswerKind.CheckFailed, await log.AppendAsync(log.Group()), "an append of the old epoch at the end");
    }

    private static async Task ReadCheckAsync(ILogStoreFixture fixture, long readAt, bool holds, bool locks = true)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        await log.CommitAsync(new StreamWrite("read", 0, 2));
        var group = log.Group(new StreamWrite("read", readAt, 0), new StreamWrite("written", 0)) with { LocksReads = locks };
        Expect.Answer(holds ? GroupAnswerKind.Landed : GroupAnswerKind.CheckFailed, await log.AppendAsync(group), "a validated read");
        Expect.Equal(holds ? group.Rows.Length : 0, await log.CountAsync(group), "rows in the log");
    }

    private static async Task AbsentReadAsync(ILogStoreFixture fixture, bool holds)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        if (!holds)
        {
            await log.CommitAsync(new StreamWrite("read", 0));
        }

        var group = log.Group(new StreamWrite("read", 0, 0), new StreamWrite("written", 0));
        Expect.Answer(holds ? GroupAnswerKind.Landed : GroupAnswerKind.CheckFailed, await log.AppendAsync(group), "a read of nothing");
    }

    private static async Task OnlyAReadAndItsShardRow(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        await log.CommitAsync(new StreamWrite("read", 0));
        await log.CommitAsync(new StreamWrite("read", 1, 0));
        Expect.Equal(1, (await log.ReadAsync("read")).Length, "rows of the stream that was only read");
    }

    private static async Task RefusedGroupLandsLater(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        var group = log.Group(new StreamWrite("a", 1));
        Expect.Answer(GroupAnswerKind.CheckFailed, await log.AppendAsync(group), "before its predecessor is there");
        await log.CommitAsync(new StreamWrite("a", 0));
        var again = log.Group(new StreamWrite("a", 1));
        Expect.Answer(GroupAnswerKind.Landed, await log.AppendAsync(again), "renumbered and sent again");
    }

    private static async Task SecondWriteIsNotTaken(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        var group = log.Group(new StreamWrite("a", 0));
        fixture.Faults.Arm(Faults.AppendFault.StallAtStatement);
        var writing = log.Store.AppendAsync(group).AsTask();
        await fixture.Faults.Stalled;
        await Expect.ThrowsAsync<InvalidOperationException>(
            async () => await log.Store.AppendAsync(log.Group(new StreamWrite("b", 0))), "a write beside another");
        log.Store.AbandonAppend();
        fixture.Faults.Release();
        Expect.Answer(GroupAnswerKind.Unclear, await writing, "the write that was given up");
    }
}
