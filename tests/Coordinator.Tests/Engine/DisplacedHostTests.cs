using System.Collections.Immutable;
using Coordinator.Hosting;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests;

/// <summary>When a standby takes over from an owner that is silent: on evidence, and as soon as there is enough of it.</summary>
public sealed class DisplacedHostTests
{
    // A round of heartbeats that ends now before and now after the look beside it must not take the look's evidence away: in turns
    // it would do so for ever.
    [Theory]
    [InlineData(0, 0)]
    [InlineData(0, 100)]
    [InlineData(100, 0)]
    [InlineData(200, 20)]
    public void A_silent_owner_is_displaced_in_time_however_long_rounds_and_looks_take(int evenRounds, int oddRounds) => SimulationLoop.Run(async loop =>
    {
        BeatingStore? beats = null;
        await using var owner = await TestEngine.StartAsync(loop, faults: inner => beats = new BeatingStore(inner, loop.Time));
        await using var standby = TestEngine.Create(
            loop,
            owner.Rows,
            faults: inner => new BeatingStore(inner, loop.Time) { LookTime = TimeSpan.FromMilliseconds(50), RoundTimes = [TimeSpan.FromMilliseconds(evenRounds), TimeSpan.FromMilliseconds(oddRounds)] },
            configure: options => (options.TakeOverAtStart, options.WaitForOwnership) = (false, false),
            seed: 2);
        await standby.Engine.StartAsync(CancellationToken.None);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(10));
        Assert.Equal(HostRole.Standby, standby.Engine.Role);

        beats!.IsCut = true;
        await loop.AdvanceAsync(TimeSpan.FromSeconds(1));
        Assert.Equal(HostRole.Standby, standby.Engine.Role);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(2));
        Assert.Equal(HostRole.Owner, standby.Engine.Role);
    });

    [Fact]
    public void An_owner_that_was_displaced_in_its_sleep_and_has_nothing_to_write_stands_by_soon_after_it_wakes() => SimulationLoop.Run(async loop =>
    {
        BeatingStore? beats = null;
        await using var owner = await TestEngine.StartAsync(loop, faults: inner => beats = new BeatingStore(inner, loop.Time));
        await owner.Transactions.DepositAsync("a", 1);
        beats!.IsCut = true; // what others see of a sleeping process
        await using var heir = await TestEngine.StartAsync(loop, owner.Rows, configure: options => options.TakeOverAtStart = false, seed: 2);
        Assert.True((await heir.Transactions.DepositAsync("a", 2)).IsCommitted);

        beats.IsCut = false;
        await loop.AdvanceAsync(TimeSpan.FromSeconds(1.5));
        Assert.Equal((HostRole.Standby, HostRole.Owner), (owner.Engine.Role, heir.Engine.Role));
        await loop.AdvanceAsync(TimeSpan.FromSeconds(10));
        Assert.Equal((HostRole.Standby, HostRole.Owner), (owner.Engine.Role, heir.Engine.Role));
    });

    [Fact]
    public void A_standby_whose_own_beats_are_not_taken_takes_nothing_over() => SimulationLoop.Run(async loop =>
    {
        BeatingStore? ownersBeats = null, beats = null;
        await using var owner = await TestEngine.StartAsync(loop, faults: inner => ownersBeats = new BeatingStore(inner, loop.Time));
        await using var standby = TestEngine.Create(
            loop,
            owner.Rows,
            faults: inner => beats = new BeatingStore(inner, loop.Time),
            configure: options => (options.TakeOverAtStart, options.WaitForOwnership) = (false, false),
            seed: 2);
        await standby.Engine.StartAsync(CancellationToken.None);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(3));

        ownersBeats!.IsCut = beats!.IsCut = true;
        await loop.AdvanceAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(HostRole.Standby, standby.Engine.Role);
        beats.IsCut = false;
        await loop.AdvanceAsync(TimeSpan.FromSeconds(4));
        Assert.Equal(HostRole.Owner, standby.Engine.Role);
    });

    /// <summary>A store whose heartbeats and looks take time, or whose heartbeats are not taken.</summary>
    private sealed class BeatingStore(ILogStore inner, TimeProvider time) : ILogStore, IHostBeats
    {
        private int _rounds;

        public bool IsCut { get; set; }

        public TimeSpan LookTime { get; init; }

        public TimeSpan[] RoundTimes { get; init; } = [TimeSpan.Zero];

        public string Description => inner.Description;

        public IHostBeats Beats => this;

        public ISnapshotStore? Snapshots => inner.Snapshots;

        public ILogRemoval Removal => inner.Removal;

        public ValueTask BeatAsync(HostBeat beat, CancellationToken cancellation) =>
            IsCut ? throw new IOException("cut off") : inner.Beats!.BeatAsync(beat, cancellation);

        public async ValueTask<ImmutableArray<HostBeat>> ReadBeatsAsync(CancellationToken cancellation)
        {
            await TakeAsync(RoundTimes[_rounds++ % RoundTimes.Length]);
            return await inner.Beats!.ReadBeatsAsync(cancellation);
        }

        public ValueTask ForgetBeatAsync(ulong host, CancellationToken cancellation) => inner.Beats!.ForgetBeatAsync(host, cancellation);

        public async ValueTask<ShardEnd> ReadShardEndAsync(ushort shard, CancellationToken cancellation)
        {
            await TakeAsync(LookTime);
            return await inner.ReadShardEndAsync(shard, cancellation);
        }

        public ValueTask<OpenedLog> OpenAsync(LogMeta proposed, CancellationToken cancellation) => inner.OpenAsync(proposed, cancellation);

        public ValueTask<GroupAnswer> AppendAsync(RowGroup group) => inner.AppendAsync(group);

        public void AbandonAppend() => inner.AbandonAppend();

        public ValueTask<ClaimAnswer> ClaimAsync(ShardClaim claim) => inner.ClaimAsync(claim);

        public ValueTask<ImmutableArray<KeyFinding>> InspectAsync(ImmutableArray<RowKey> keys, CancellationToken cancellation) =>
            inner.InspectAsync(keys, cancellation);

        public ValueTask<ImmutableArray<LogRow>> ReadAsync(
            StreamName stream, long fromVersion, int count, UnreadableRows unreadable, CancellationToken cancellation) =>
            inner.ReadAsync(stream, fromVersion, count, unreadable, cancellation);

        public ValueTask<LogRow?> ReadLastAsync(StreamName stream, CancellationToken cancellation) => inner.ReadLastAsync(stream, cancellation);

        public ValueTask<LogRow?> FindDecisionAsync(TransactionId transaction, CancellationToken cancellation) =>
            inner.FindDecisionAsync(transaction, cancellation);

        public ValueTask DisposeAsync() => inner.DisposeAsync();

        private Task TakeAsync(TimeSpan duration) => duration == TimeSpan.Zero ? Task.CompletedTask : DelayAsync(duration);

        private Task DelayAsync(TimeSpan duration)
        {
            var over = new TaskCompletionSource();
            _ = time.CreateTimer(_ => over.TrySetResult(), null, duration, Timeout.InfiniteTimeSpan);
            return over.Task;
        }
    }
}
