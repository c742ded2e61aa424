using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;
using Coordinator.Testing.Faults;

namespace Coordinator.Testing.Logs;

/// <content>Claims: at the end, guarded by the old epoch and by the log's identity.</content>
internal static partial class LogStoreConformance
{
    private static IEnumerable<ConformanceCase> ClaimCases =>
    [
        new("The first claim of a shard lands at version 1", FirstClaim),
        new("A claim lands behind the last row", ClaimLandsAtTheEnd),
        new("A claim with another guard is refused", ClaimWithWrongGuard),
        new("A claim of an empty shard with a guard is refused", ClaimOfEmptyShardWithGuard),
        new("A claim without a guard of a shard that has an owner is refused", ClaimWithoutGuard),
        new("Of two claims with one guard only the first lands", TwoClaimsRace),
        new("A claim for another log is refused", fixture => ClaimForAsync(fixture, new LogIdentity(1, 1))),
        new("A claim for another generation is refused", fixture => ClaimForAsync(fixture, TestLog.Meta.Identity with { Generation = 2 })),
        new("Shards are claimed apart", ShardsAreClaimedApart),
        new("A claim of what is no shard is refused", ClaimOfNoShard),
        .. AppendFaults.All.Where(fault => !fault.Stalls()).Select(fault =>
            new ConformanceCase($"A claim under {fault} is settled by its claim bits", fixture => ClaimUnderAsync(fixture, fault))),
    ];

    private static async Task FirstClaim(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        Expect.Equal(1L, log.Epoch, "the first epoch");
        await log.CommitAsync();
    }

    private static async Task ClaimLandsAtTheEnd(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        await log.CommitAsync();
        await log.CommitAsync();
        var answer = await log.Store.ClaimAsync(log.Claim(log.Epoch));
        Expect.Equal((GroupAnswerKind.Landed, 4L), (answer.Kind, answer.Version), "the claim");
        var rows = await log.ReadAsync(log.Shard.Value);
        Expect.Equal((4L, new LogPosition(0, 4)), (rows[^1].Epoch, rows[^1].Position), "what the store filled in");
        await log.OwnAsync(4);
        await log.CommitAsync();
        Expect.Equal(5, (await log.ReadAsync(log.Shard.Value)).Length, "rows, each verified");
    }

    private static async Task ClaimWithWrongGuard(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        await log.CommitAsync();
        await MustNotLandAsync(log, log.Claim(guard: 2));
    }

    private static async Task ClaimWithoutGuard(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        await MustNotLandAsync(log, log.Claim(guard: 0));
    }

    private static async Task ClaimOfEmptyShardWithGuard(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture, shard: 1);
        var claim = log.Claim(guard: 1);
        var other = new ShardClaim(
            new LogRow { Stream = LogStreams.Shard(2), Version = 0, Kind = RowKind.ShardOwned, AppendId = claim.Row.AppendId }, 1, claim.Opened);
        await MustNotLandAsync(log, other);
    }

    private static async Task TwoClaimsRace(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        var first = log.Claim(log.Epoch);
        var second = log.Claim(log.Epoch);
        Expect.Equal(GroupAnswerKind.Landed, (await log.Store.ClaimAsync(first)).Kind, "the first");
        await MustNotLandAsync(log, second);
    }

    private static async Task ClaimForAsync(ILogStoreFixture fixture, LogIdentity identity)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        await MustNotLandAsync(log, log.Claim(log.Epoch) with { Opened = TestLog.Meta with { Identity = identity } });
        Expect.Equal(GroupAnswerKind.Landed, (await log.Store.ClaimAsync(log.Claim(log.Epoch))).Kind, "the claim for this log");
    }

    private static async Task ShardsAreClaimedApart(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        var other = await TestLog.ClaimAsync(log.Store, writer: 88, shard: 10);
        await log.CommitAsync();
        await other.CommitAsync();
        var third = await TestLog.ClaimAsync(log.Store, writer: 99, shard: 1);
        await third.CommitAsync();
        await log.CommitAsync();
        Expect.Equal(new LogPosition(10, 1), (await log.ReadAsync("shard/10"))[0].Position, "position of the other shard's claim");
    }

    private static async Task ClaimOfNoShard(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        var row = new LogRow { Stream = new("a"), Version = 0, Kind = RowKind.ShardOwned, AppendId = log.NextAppendId() };
        var answer = await log.Store.ClaimAsync(new ShardClaim(row, 0, TestLog.Meta));
        Expect.Equal(GroupAnswerKind.Refused, answer.Kind, "the answer");
        Expect.Equal(0, (await log.ReadAsync("a")).Length, "rows");
    }

    private static async Task MustNotLandAsync(TestLog log, ShardClaim claim)
    {
        var before = await log.Store.ReadShardEndAsync(log.ShardNumber, CancellationToken.None);
        var answer = await log.Store.ClaimAsync(claim);
        Expect.Equal((GroupAnswerKind.CheckFailed, 0L), (answer.Kind, answer.Version), "the claim");
        var after = await log.Store.ReadShardEndAsync(log.ShardNumber, CancellationToken.None);
        Expect.Equal(before.LastVersion, after.LastVersion, "the shard's end");
    }

    /// <summary>The production <see cref="OwnershipProtocol"/> over the store: the claim bits are the writer in the append id here.</summary>
    private static async Task ClaimUnderAsync(ILogStoreFixture fixture, AppendFault fault)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        await log.CommitAsync();
        var claimant = await SuccessorAsync(fixture, log, fault);
        await claimant.CommitAsync(new StreamWrite("a", 0));

        var rows = await log.ReadAsync(log.Shard.Value);
        var claims = rows.Where(row => row.Kind is RowKind.ShardOwned && row.AppendId.Writer == claimant.Writer).ToList();
        Expect.Equal(claimant.Epoch, claims[^1].Version, "the epoch is the version of the claim in the log");
        Expect.True(rows[^1].Epoch == claimant.Epoch, "the last row is of the claimant's epoch");
        Expect.Answer(GroupAnswerKind.CheckFailed, await log.AppendAsync(log.Group()), "an append of the displaced owner");
    }

    private static async Task<TestLog> SuccessorAsync(ILogStoreFixture fixture, TestLog log, AppendFault fault)
    {
        const ulong claimBits = 88;
        var successor = TestLog.Unowned(log.Store, log.ShardNumber, claimBits);
        var state = OwnershipProtocol.Advance(
            OwnershipState.Start(claimBits, log.Epoch),
            await ClaimAsync(successor, log.Epoch, fixture.Faults, fault));
        for (var tries = 1; state.Phase is not OwnershipPhase.Owned; tries++)
        {
            Expect.True(tries <= 12 && state.Phase is not OwnershipPhase.Lost, $"a claim under {fault} is settled, not lost");
            state = OwnershipProtocol.Advance(state, state.Phase switch
            {
                OwnershipPhase.Resolving => await EndAsync(log),
                OwnershipPhase.Claiming => await ClaimAsync(successor, log.Epoch, fixture.Faults, AppendFault.None),
                _ => await ConfirmAsync(successor, state),
            });
            fixture.Faults.Release();
        }

        await successor.OwnAsync(state.Epoch);
        await successor.ContinueAtAsync(state.NextVersion);
        return successor;
    }

    private static async Task<OwnershipInput> ClaimAsync(TestLog successor, long guard, IAppendFaults faults, AppendFault fault)
    {
        faults.Arm(fault);
        var answer = await successor.Store.ClaimAsync(successor.Claim(guard));
        Expect.True(
            fault is AppendFault.None || answer.Kind == fault.HonestAnswer(), $"a claim under {fault} is answered {answer.Kind}");
        return answer.Kind switch
        {
            GroupAnswerKind.Landed => new OwnershipInput.ClaimAcknowledged(answer.Version),
            GroupAnswerKind.Unclear => new OwnershipInput.ClaimUnclear(),
            _ => new OwnershipInput.ClaimRefused(),
        };
    }

    private static async Task<OwnershipInput> EndAsync(TestLog log)
    {
        var end = await log.Store.ReadShardEndAsync(log.ShardNumber, CancellationToken.None);
        return new OwnershipInput.EndRead(end.Owned!.Version, end.Owned.AppendId.Writer, end.LastVersion);
    }

    private static async Task<OwnershipInput> ConfirmAsync(TestLog successor, OwnershipState state)
    {
        await successor.OwnAsync(state.Epoch);
        var empty = await successor.EmptyRowAsync(state.NextVersion, successor.NextAppendId());
        var answer = await successor.Store.AppendAsync(empty);
        Expect.Answer(GroupAnswerKind.Landed, answer, "the empty row behind the claim");
        var end = await successor.Store.ReadShardEndAsync(successor.ShardNumber, CancellationToken.None);
        return new OwnershipInput.ConfirmAcknowledged(end.Owned!.AppendId.Writer);
    }
}
