using Coordinator.Diagnostics;
using Coordinator.Hosting;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Ownership;
using Coordinator.Shards;
using Coordinator.Testing.Faults;
using Coordinator.Testing.Logs;
using Coordinator.Testing.Simulation;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Coordinator.Tests;

/// <summary>A shard is handed over between the groups of others, which go on whatever becomes of it.</summary>
public sealed class ReleaseTests
{
    public static TheoryData<string> Faults => [.. AppendFaults.All.Where(fault => !fault.Stalls()).Select(fault => fault.ToString())];

    [Fact]
    public void A_shard_is_handed_over_between_two_groups_of_another() => SimulationLoop.Run(async loop =>
    {
        var host = await Host.StartAsync(loop);
        host.Commit(host.Leaving);
        await loop.IdleAsync();
        host.Store.HoldsAppends = true;
        host.Commit(host.Staying);
        await loop.IdleAsync();
        var released = host.Committer.TryReleaseAsync(host.Leaving).AsTask();
        host.Commit(host.Staying);
        await loop.IdleAsync();
        Assert.False(released.IsCompleted);
        Assert.Equal(OwnershipPhase.Owned, host.Leaving.Ownership.Phase);
        host.Store.Release();

        Assert.True(await released);
        await loop.IdleAsync();
        Assert.Equal(
            ["shard/0 CommitDecided", "shard/1 CommitDecided", "shard/0 ShardCheckpoint, ShardReleased", "shard/1 CommitDecided"],
            host.Store.Sent.Select(group => $"{group.Rows[0].Stream} {string.Join(", ", group.Rows.Select(row => row.Kind))}"));
        Assert.Equal(Enumerable.Repeat(AppendResult.Appended, 3), host.Told);
        Assert.True((await host.EndAsync(0)).IsReleased);
        Assert.Equal((5L, 4L), (host.Committer.RowCount, host.Committer.GroupCount));
    });

    [Theory]
    [MemberData(nameof(Faults))]
    public void Whatever_the_store_answers_to_a_release_the_shard_is_at_its_end_and_others_go_on(string name) => SimulationLoop.Run(async loop =>
    {
        var host = await Host.StartAsync(loop);
        host.Commit(host.Leaving);
        host.Commit(host.Staying);
        await loop.IdleAsync();
        host.Faults.Arm(Enum.Parse<AppendFault>(name));
        var released = host.Committer.TryReleaseAsync(host.Leaving).AsTask();
        host.Commit(host.Staying);
        host.Commit(host.Staying);

        Assert.False(await released);
        await loop.IdleAsync();
        Assert.Equal(Enumerable.Repeat(AppendResult.Appended, 4), host.Told);
        Assert.True(host.Leaving.IsLost);
        Assert.DoesNotContain(await host.RowsAsync(0), row => row.Kind is RowKind.Fenced); // nobody waits for what a fence would say
        Assert.DoesNotContain(await host.RowsAsync(1), row => row.Kind is RowKind.Fenced); // and nothing of the other shard was unclear

        var before = host.Store.Sent.Count;
        host.Commit(host.Leaving);
        await loop.IdleAsync();
        Assert.Equal((AppendResult.OwnerLost, before), (host.Told[^1], host.Store.Sent.Count));
        await host.AssertSuccessorAsync(loop, isReleased: name == nameof(AppendFault.CommitLandedThenLost));
    });

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_release_that_lands_late_lands_at_the_end_of_its_epoch_or_not_at_all(bool beforeTheClaim) => SimulationLoop.Run(async loop =>
    {
        var host = await Host.StartAsync(loop);
        host.Faults.Arm(AppendFault.CommitLandsLate);
        Assert.False(await host.Committer.TryReleaseAsync(host.Leaving));
        if (beforeTheClaim)
        {
            host.Faults.Release();
        }

        await host.AssertSuccessorAsync(loop, isReleased: beforeTheClaim);
        host.Faults.Release();
        Assert.Equal(beforeTheClaim, await host.HasReleasedAsync());
    });

    [Fact]
    public void A_release_that_stalls_is_given_up_and_holds_others_no_longer() => SimulationLoop.Run(async loop =>
    {
        var host = await Host.StartAsync(loop);
        host.Store.HoldsAppends = true;
        var released = host.Committer.TryReleaseAsync(host.Leaving).AsTask();
        await loop.IdleAsync();
        host.Commit(host.Staying);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(11));
        Assert.Empty(host.Told);
        host.Committer.AbandonIfStuck(host.Committer.InFlightSince, TimeSpan.FromSeconds(10));

        Assert.False(await released);
        await loop.IdleAsync();
        Assert.Equal([AppendResult.Appended], host.Told);
        await host.AssertSuccessorAsync(loop, isReleased: false);
    });

    [Fact]
    public void A_shard_that_another_host_has_taken_is_not_handed_over() => SimulationLoop.Run(async loop =>
    {
        var host = await Host.StartAsync(loop);
        await host.AssertSuccessorAsync(loop, isReleased: false);
        Assert.False(await host.Committer.TryReleaseAsync(host.Leaving));
        Assert.False(await host.Committer.TryReleaseAsync(host.Leaving)); // once more: its end is its end
        Assert.False(await host.HasReleasedAsync());
        host.Commit(host.Staying);
        await loop.IdleAsync();
        Assert.Equal([AppendResult.Appended], host.Told);
    });

    // Whoever stops hands over, and closes the store if nothing is in its hands.
    [Fact]
    public void Whoever_hears_that_the_last_shard_is_handed_over_finds_the_committer_idle() => SimulationLoop.Run(async loop =>
    {
        var host = await Host.StartAsync(loop);
        host.Store.Script = group =>
        {
            host.Store.HoldsAppends = group.Rows[0].Stream == host.Staying.Stream;
            return null;
        };
        var both = (host.Committer.TryReleaseAsync(host.Leaving).AsTask(), host.Committer.TryReleaseAsync(host.Staying).AsTask());
        Assert.True(await both.Item1); // told while the other is with the store
        await loop.IdleAsync();
        Assert.False(both.Item2.IsCompleted || host.Committer.IsIdle);
        host.Store.Release();

        Assert.True(await both.Item2 && host.Committer.IsIdle);
        Assert.True((await host.EndAsync(0)).IsReleased && (await host.EndAsync(1)).IsReleased);
    });

    [Fact]
    public void A_checkpoint_at_the_end_says_what_is_open() => SimulationLoop.Run(async loop =>
    {
        var host = await Host.StartAsync(loop);
        var open = host.Commit(host.Leaving);
        await loop.IdleAsync();
        Assert.True(await host.Committer.TryReleaseAsync(host.Leaving));

        var checkpoint = ShardCheckpoint.Decode((await host.RowsAsync(0)).Single(row => row.Kind is RowKind.ShardCheckpoint));
        Assert.Equal([open], checkpoint.Open.States.Select(state => state.Id));
    });

    [Fact]
    public void A_committer_that_breaks_hands_nothing_over_and_says_so() => SimulationLoop.Run(async loop =>
    {
        var host = await Host.StartAsync(loop);
        host.Store.Script = _ => throw new InvariantViolationException("broken on purpose");
        host.Commit(host.Staying);
        var both = (host.Committer.TryReleaseAsync(host.Leaving).AsTask(), host.Committer.TryReleaseAsync(host.Staying).AsTask());

        Assert.False(await both.Item1 || await both.Item2);
        Assert.True(host.Committer.IsBroken && host.Leaving.IsLost && host.Staying.IsLost);
        Assert.False(await host.Committer.TryReleaseAsync(host.Leaving));
        await loop.IdleAsync();
        Assert.Equal([AppendResult.Unclear], host.Told);
    });

    /// <summary>One host with two shards of a log, and its committer.</summary>
    private sealed class Host(SimulationLoop loop, InMemoryLogStore rows) : IAppendTarget
    {
        private static readonly LogMeta s_meta = TestLog.Meta with { ShardCount = 2 };
        private static readonly Branch s_external = new(new ParticipantId(new StreamName("warehouse")), new Incarnation(1));
        private ulong _sequence;

        public FaultyLogStore Faults { get; } = new(rows);

        public TestStore Store { get; private set; } = null!;

        public GroupCommitter Committer { get; private set; } = null!;

        /// <summary>Shard 0, which is handed over.</summary>
        public ShardLane Leaving { get; private set; } = null!;

        /// <summary>Shard 1.</summary>
        public ShardLane Staying { get; private set; } = null!;

        public List<AppendResult> Told { get; } = [];

        public static async Task<Host> StartAsync(SimulationLoop loop)
        {
            var host = new Host(loop, new InMemoryLogStore(loop.Time));
            host.Store = new TestStore(host.Faults);
            await host.Store.OpenAsync(s_meta, CancellationToken.None);
            (host.Leaving, host.Staying) = (await host.ClaimAsync(0, 7), await host.ClaimAsync(1, 7));
            host.Committer = new GroupCommitter(
                host.Store, loop.Time, new MonotonicClock(loop.Time), new AppendIds(9), loop, NullLogger.Instance, EngineTelemetry.Off, 256 * 1024, long.MaxValue);
            return host;
        }

        /// <summary>Enqueues a decision whose participant has not acknowledged: it stays open.</summary>
        public TransactionId Commit(ShardLane lane)
        {
            var id = new TransactionId(s_meta.Identity, lane.Shard, (ulong)lane.Ownership.Epoch, lane.Ownership.ClaimBits, ++_sequence);
            Committer.Enqueue(new PendingAppend(lane, new CommitEvent.CommitDecided(id, [s_external], [], false), this));
            return id;
        }

        public void Settled(PendingAppend append, AppendResult result, LogPosition position, AbortCause? cause) => Told.Add(result);

        public ValueTask<ShardEnd> EndAsync(ushort shard) => rows.ReadShardEndAsync(shard, CancellationToken.None);

        public async Task<IReadOnlyList<LogRow>> RowsAsync(ushort shard) =>
            await rows.ReadAsync(LogStreams.Shard(shard), 1, 1000, CancellationToken.None);

        /// <summary>The release of the first owner is in the log; each row is verified.</summary>
        public async Task<bool> HasReleasedAsync() =>
            (await RowsAsync(0)).Any(row => row.Kind is RowKind.ShardReleased && row.Epoch == Leaving.Ownership.Epoch);

        /// <summary>Another host goes on in the shard that was handed over, and every row of it can be verified.</summary>
        public async Task AssertSuccessorAsync(SimulationLoop time, bool isReleased)
        {
            Assert.Equal(isReleased, (await EndAsync(0)).IsReleased);
            var heir = await ClaimAsync(0, 8);
            Assert.NotEqual(Leaving.Ownership.ClaimBits, heir.Ownership.ClaimBits);
            var committer = new GroupCommitter(
                rows, time.Time, new MonotonicClock(time.Time), new AppendIds(10), time, NullLogger.Instance, EngineTelemetry.Off, 256 * 1024, long.MaxValue);
            Assert.True(await committer.TryReleaseAsync(heir));
            Assert.Equal(RowKind.ShardReleased, (await RowsAsync(0))[^1].Kind);
        }

        private async Task<ShardLane> ClaimAsync(ushort shard, ulong seed)
        {
            var claimer = new ShardClaimer(rows, s_meta, loop.Time, new SeededRandom(seed + shard), seed, "here", TimeSpan.FromSeconds(10));
            var claimed = await claimer.ClaimAsync(shard, await EndAsync(shard), CancellationToken.None);
            return (await ShardRecovery.ReplayAsync(rows, claimed!, NullLogger.Instance, CancellationToken.None)).Lane;
        }
    }
}
