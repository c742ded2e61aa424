using Coordinator.Log;
using Coordinator.Protocol.Ownership;
using Coordinator.Testing.Faults;

namespace Coordinator.Testing.Logs;

/// <content>D-2: what a store says of a write that ran into a fault, and what the engine's protocol makes of it.</content>
internal static partial class LogStoreConformance
{
    private static IEnumerable<ConformanceCase> AnswerCases =>
    [
        .. AppendFaults.All.Select(fault =>
            new ConformanceCase($"{fault} is answered {fault.HonestAnswer()}", fixture => AnswersHonestly(fixture, fault))),
        .. AppendFaults.All.Select(fault =>
            new ConformanceCase($"After {fault} the next write runs on a sound connection", fixture => NextWriteIsSound(fixture, fault))),
        new("An append that stalls is answered only when it is given up or comes back", StalledAppendIsNotAnswered),
        new("Giving up when nothing is under way changes nothing", GivingUpNothing),
        new("A write after a definite answer starts from nothing", DefiniteAnswerLeavesNothing),
    ];

    private static IEnumerable<ConformanceCase> SettlementCases =>
    [
        .. from first in (AppendFault[])[AppendFault.None, .. AppendFaults.All]
           from second in (AppendFault[])[AppendFault.None, .. AppendFaults.All]
           where first.HonestAnswer() is GroupAnswerKind.Unclear || second is AppendFault.None
           select new ConformanceCase(
               second is AppendFault.None ? $"{first} is settled as the log has it" : $"{first}, then {second} of the fence, is settled as the log has it",
               fixture => SettlesTruthfully(fixture, first, second)),
        new("A claim that takes the group's place settles it as dead and the shard as lost", ForeignClaimInTheWay),
        new("A hundred groups under seeded faults are each settled as the log has them", ManyGroupsUnderFaults),
    ];

    private static async Task AnswersHonestly(ILogStoreFixture fixture, AppendFault fault)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        var group = log.Group(new StreamWrite("a", 0, 2), new StreamWrite("b", 0));
        fixture.Faults.Arm(fault);
        var answer = await GroupSettler.WriteAsync(log, group, fixture.Faults, fault);
        Expect.Answer(fault.HonestAnswer(), answer, $"a group under {fault}");
        if (fault is not AppendFault.None)
        {
            Expect.True(answer.Error is not null, "the answer carries what the driver said");
        }

        fixture.Faults.Release();
        var landed = await log.CountAsync(group);
        Expect.True(landed == 0 || landed == group.Rows.Length, $"all or nothing, but {landed} of {group.Rows.Length} rows are in the log");
        Expect.True(landed == 0 || answer.Kind is GroupAnswerKind.Unclear, "what was called definite did not land");
    }

    private static async Task NextWriteIsSound(ILogStoreFixture fixture, AppendFault fault)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        fixture.Faults.Arm(fault);
        await GroupSettler.WriteAsync(log, log.Group(new StreamWrite("a", 0)), fixture.Faults, fault);
        fixture.Faults.Release();
        var end = await log.Store.ReadShardEndAsync(0, CancellationToken.None);
        await log.ContinueAtAsync(end.LastVersion + 1);
        await log.CommitAsync(new StreamWrite("b", 0));
    }

    private static async Task StalledAppendIsNotAnswered(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        fixture.Faults.Arm(AppendFault.StallAtStatement);
        var writing = log.Store.AppendAsync(log.Group(new StreamWrite("a", 0))).AsTask();
        await fixture.Faults.Stalled;
        Expect.True(!writing.IsCompleted, "a stalled append is not answered by itself");
        log.Store.AbandonAppend();
        if (fixture.AnswersAbandonedAtOnce)
        {
            Expect.Answer(GroupAnswerKind.Unclear, await writing, "given up");
        }
        else
        {
            Expect.True(!writing.IsCompleted, "the answer waits for the driver: a second writer is not safe");
        }

        fixture.Faults.Release();
        Expect.Answer(GroupAnswerKind.Unclear, await writing, "given up and come back");
    }

    private static async Task GivingUpNothing(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        log.Store.AbandonAppend();
        await log.CommitAsync(new StreamWrite("a", 0));
        log.Store.AbandonAppend();
        await log.CommitAsync(new StreamWrite("a", 1));
    }

    private static async Task DefiniteAnswerLeavesNothing(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        var group = log.Group(new StreamWrite("a", 0, 3));
        foreach (var fault in (AppendFault[])[AppendFault.TryAgain, AppendFault.Refused])
        {
            fixture.Faults.Arm(fault);
            Expect.Answer(fault.HonestAnswer(), await log.AppendAsync(group), $"under {fault}");
            Expect.Equal(0, await log.CountAsync(group), "rows in the log");
        }

        Expect.Answer(GroupAnswerKind.Landed, await log.AppendAsync(group), "the same group, the fault gone");
    }

    private static async Task SettlesTruthfully(ILogStoreFixture fixture, AppendFault first, AppendFault second)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        await log.CommitAsync(new StreamWrite("a", 0));
        await SettleOneAsync(log, log.Group(new StreamWrite("a", 1, 2), new StreamWrite("b", 0)), fixture.Faults, first, second);
        var end = (await log.ReadAsync("b")).Length;
        await log.CommitAsync(new StreamWrite("b", end));
        Expect.Equal(log.Next - 1, (await log.ReadAsync(log.Shard.Value)).Length, "the shard has no hole and every row is verified");
    }

    private static async Task<GroupVerdict> SettleOneAsync(
        TestLog log, RowGroup group, IAppendFaults faults, AppendFault first, AppendFault second)
    {
        var state = await GroupSettler.SendAsync(log, group, faults, first, second);
        var landed = await log.CountAsync(group);
        var expected = state.Verdict is GroupVerdict.Landed ? group.Rows.Length : 0;
        Expect.Equal(expected, landed, $"rows in the log of a group settled as {state.Verdict} after {first}, {second}");
        Expect.True(!state.ShardLost, "nobody else claimed the shard");
        await log.ContinueAtAsync(state.NextVersion);
        return state.Verdict;
    }

    private static async Task ForeignClaimInTheWay(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        var group = log.Group(new StreamWrite("a", 0));
        fixture.Faults.Arm(AppendFault.CommitLost);
        var state = GroupState.Send([group.Rows[0].AppendId], log.Next, 1, log.NextAppendId());
        Expect.Answer(GroupAnswerKind.Unclear, await log.Store.AppendAsync(group), "the group");
        state = GroupProtocol.Advance(state, GroupInput.Unclear);
        await TestLog.ClaimAsync(log.Store, writer: 88, shard: 0);

        var fence = await log.EmptyRowAsync(state.EmptyRowVersion, state.FenceId);
        Expect.Answer(GroupAnswerKind.CheckFailed, await log.Store.AppendAsync(fence), "the fence");
        var found = (await log.Store.InspectAsync([new RowKey(log.Shard, state.EmptyRowVersion)], CancellationToken.None))[0];
        state = GroupProtocol.Advance(
            state, GroupInput.RowInTheWay, new RowFound(found.AppendId, found.Kind is RowKind.ShardOwned));
        Expect.Equal((GroupVerdict.Dead, true), (state.Verdict, state.ShardLost), "the settlement");
        Expect.Equal(0, await log.CountAsync(group), "rows of the group");
    }

    private static async Task ManyGroupsUnderFaults(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        var draw = FaultyLogStore.Seeded(seed: 20, share: 0.5);
        long version = 0;
        for (var i = 0; i < 100; i++)
        {
            var first = draw();
            var second = first.HonestAnswer() is GroupAnswerKind.Unclear ? draw() : AppendFault.None;
            var verdict = await SettleOneAsync(log, log.Group(new StreamWrite("a", version)), fixture.Faults, first, second);
            version += verdict is GroupVerdict.Landed ? 1 : 0;
        }

        Expect.Equal(version, (await log.ReadAsync("a")).Length, "rows of the stream");
        Expect.Equal(log.Next - 1, (await log.ReadAsync(log.Shard.Value)).Length, "rows of the shard, each verified");
    }
}
