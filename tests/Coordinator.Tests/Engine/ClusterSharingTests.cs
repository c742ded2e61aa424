using System.Collections.Immutable;
using Coordinator.Hosting;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests;

/// <summary>Hosts that share a log's shards where something is not as it should be: a shard that is over, a slow store, beats that are lost.</summary>
public sealed class ClusterSharingTests
{
    [Fact]
    public void A_host_that_begins_at_a_shard_that_is_over_finds_another_one_with_the_next_tick() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop, shards: 3);
        var host = (await cluster.StartAsync(1))[0];
        var over = Enumerable.Range(0, 3).Select(shard => host.Engine.ShardOf((ushort)shard)!).Single(host.Engine.BeginsAt);
        await over.CloseAsync(); // and nobody says so
        Assert.NotNull(host.Engine.NotReadyReason);
        await loop.AdvanceAsync(TimeSpan.FromMilliseconds(100));

        Assert.Null(host.Engine.NotReadyReason);
        Assert.True((await host.Transactions.DepositAsync("a", 1)).IsCommitted);
    });

    /// <summary>The store takes 3 s for each write, and answers every one: far from the limit after which a write counts as stuck.</summary>
    [Fact]
    public void Writes_that_take_their_time_are_not_given_up_because_others_wait_for_their_turn() => SimulationLoop.Run(async loop =>
    {
        var slow = new SlowStore(new InMemoryLogStore(loop.Time), loop) { Takes = TimeSpan.FromSeconds(3) };
        await using var host = TestEngine.Create(loop, faults: _ => slow, configure: options => options.TakeOverAtStart = false, link: new NoLink(1), shards: 16);
        _ = host.Engine.StartAsync(CancellationToken.None);
        await loop.AdvanceAsync(TimeSpan.FromMinutes(2));

        Assert.Empty(slow.GivenUpAfter);
        Assert.Equal(16, host.Engine.OwnedCount);
    });

    [Fact]
    public void A_write_that_is_not_answered_is_given_up_once_its_turn_has_lasted_too_long_and_the_next_one_goes() => SimulationLoop.Run(async loop =>
    {
        var slow = new SlowStore(new InMemoryLogStore(loop.Time), loop) { Takes = TimeSpan.FromSeconds(3) };
        await using var host = TestEngine.Create(loop, faults: _ => slow, configure: options => options.TakeOverAtStart = false, link: new NoLink(1), shards: 16);
        _ = host.Engine.StartAsync(CancellationToken.None);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(7)); // the first shards are being claimed
        slow.Takes = Timeout.InfiniteTimeSpan;
        await loop.AdvanceAsync(TimeSpan.FromSeconds(25));
        slow.Takes = TimeSpan.FromSeconds(3);
        await loop.AdvanceAsync(TimeSpan.FromMinutes(3));

        Assert.NotEmpty(slow.GivenUpAfter);
        Assert.All(slow.GivenUpAfter, time => Assert.InRange(time, host.Engine.Options.AppendStallTimeout, host.Engine.Options.AppendStallTimeout + TimeSpan.FromMilliseconds(100)));
        Assert.Equal(16, host.Engine.OwnedCount);
    });

    /// <summary>Design section 3: "a coordinator aborts every undecided transaction that has a participant on a host that no longer beats".</summary>
    [Fact]
    public void What_hangs_on_a_host_that_dies_while_it_is_silent_is_aborted() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(3);
        hosts[1].Store.LosesBeats = true; // only the beats: it is reachable and takes part
        await loop.AdvanceAsync(TimeSpan.FromSeconds(5));
        await using var transaction = hosts[0].Transactions.Begin();
        await transaction.DepositAsync("a", 1);
        (await TestCluster.Join(hosts[1], transaction).UpdateAsync<Account>("b")).Raise(new Deposited(2));
        cluster.CutOff.Add(hosts[1].Engine.HostId); // and dies
        await loop.AdvanceAsync(TimeSpan.FromSeconds(1));

        Assert.Equal(0, hosts[0].Engine.InFlightCount);
        Assert.Equal(AbortReason.ParticipantLost, Assert.IsType<TransactionOutcome.Aborted>(await transaction.CommitAsync()).Cause.Reason);
    });

    [Fact]
    public void What_a_host_coordinates_that_dies_while_it_is_silent_lets_go_of_its_locks() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(3);
        await using var transaction = hosts[0].Transactions.Begin();
        hosts[0].Store.LosesBeats = true;
        await loop.AdvanceAsync(TimeSpan.FromSeconds(2.9)); // silent by now
        (await TestCluster.Join(hosts[1], transaction).UpdateAsync<Account>("b")).Raise(new Deposited(2));
        cluster.CutOff.Add(hosts[0].Engine.HostId);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(1));

        hosts[1].AssertQuiet();
    });

    private sealed class NoLink(ulong host) : IHostLink
    {
        public ulong Host => host;

        public void Send(ulong to, in HostMessage message)
        {
        }
    }

    /// <summary>Writes one thing at a time, each in its time. One that is given up is not written.</summary>
    private sealed class SlowStore(ILogStore inner, SimulationLoop loop) : ILogStore
    {
        private TaskCompletionSource<bool>? _writing;
        private TimeSpan _since;

        public TimeSpan Takes { get; set; }

        /// <summary>How long those had been in the store's hands that were given up.</summary>
        public List<TimeSpan> GivenUpAfter { get; } = [];

        public string Description => inner.Description;

        public IHostBeats? Beats => inner.Beats;

        public ISnapshotStore? Snapshots => inner.Snapshots;

        public ILogRemoval Removal => inner.Removal;

        public ValueTask<OpenedLog> OpenAsync(LogMeta proposed, CancellationToken cancellation) => inner.OpenAsync(proposed, cancellation);

        public async ValueTask<GroupAnswer> AppendAsync(RowGroup group) =>
            await WriteAsync() ? await inner.AppendAsync(group) : new GroupAnswer(GroupAnswerKind.Unclear, new TimeoutException());

        public async ValueTask<ClaimAnswer> ClaimAsync(ShardClaim claim) =>
            await WriteAsync() ? await inner.ClaimAsync(claim) : new ClaimAnswer(GroupAnswerKind.Unclear, 0, new TimeoutException());

        public void AbandonAppend()
        {
            if (Interlocked.Exchange(ref _writing, null) is { } writing)
            {
                GivenUpAfter.Add(loop.Time.Now - _since);
                writing.TrySetResult(false);
            }
        }

        private async Task<bool> WriteAsync()
        {
            Assert.Null(_writing);
            var writing = _writing = new TaskCompletionSource<bool>();
            _since = loop.Time.Now;
            await using var timer = loop.Time.CreateTimer(_ => writing.TrySetResult(true), null, Takes, Timeout.InfiniteTimeSpan);
            var isWritten = await writing.Task;
            _writing = null;
            return isWritten;
        }

        public ValueTask<ImmutableArray<KeyFinding>> InspectAsync(ImmutableArray<RowKey> keys, CancellationToken cancellation) => inner.InspectAsync(keys, cancellation);

        public ValueTask<ImmutableArray<LogRow>> ReadAsync(StreamName stream, long fromVersion, int count, UnreadableRows unreadable, CancellationToken cancellation) =>
            inner.ReadAsync(stream, fromVersion, count, unreadable, cancellation);

        public ValueTask<LogRow?> ReadLastAsync(StreamName stream, CancellationToken cancellation) => inner.ReadLastAsync(stream, cancellation);

        public ValueTask<ShardEnd> ReadShardEndAsync(ushort shard, CancellationToken cancellation) => inner.ReadShardEndAsync(shard, cancellation);

        public ValueTask<LogRow?> FindDecisionAsync(TransactionId transaction, CancellationToken cancellation) => inner.FindDecisionAsync(transaction, cancellation);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
