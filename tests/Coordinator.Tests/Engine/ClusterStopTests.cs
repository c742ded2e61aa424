using Coordinator.Protocol;
using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests;

/// <summary>A host that stops while transactions of others have work there: who waits is told, what can end may end, and it takes no longer than it may.</summary>
public sealed class ClusterStopTests
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(10);
    private static readonly CancellationToken AtOnce = new(canceled: true); // nothing is waited for

    [Fact]
    public void Who_waits_for_a_lock_at_a_host_that_stops_is_told() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(2);
        await using var one = hosts[0].Transactions.Begin();
        await using var other = hosts[0].Transactions.Begin();
        (await TestCluster.Join(hosts[1], one).UpdateAsync<Account>("b")).Raise(new Deposited(1));
        var call = TestCluster.Join(hosts[1], other).UpdateAsync<Account>("b").AsTask();
        await loop.AdvanceAsync(Moment);
        Assert.False(call.IsCompleted);
        cluster.CutOff.Add(hosts[0].Engine.HostId); // the coordinator dies
        await hosts[1].Engine.StopAsync(AtOnce);

        Assert.Equal(AbortReason.Moved, (await Assert.ThrowsAsync<TransactionAbortedException>(() => call)).Cause.Reason);
        Assert.True(hosts[1].Engine.Participants.IsIdle);
    });

    [Fact]
    public void Who_waits_for_its_coordinator_at_a_host_that_stops_is_told() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(2);
        await using var transaction = hosts[0].Transactions.Begin();
        cluster.CutOff.Add(hosts[0].Engine.HostId);
        var call = TestCluster.Join(hosts[1], transaction).UpdateAsync<Account>("b").AsTask();
        await loop.AdvanceAsync(Moment);
        Assert.False(call.IsCompleted);
        await hosts[1].Engine.StopAsync(AtOnce);

        Assert.Equal(AbortReason.Moved, (await Assert.ThrowsAsync<TransactionAbortedException>(() => call)).Cause.Reason);
    });

    [Fact]
    public void Work_that_comes_to_a_host_behind_its_stop_is_dropped() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(2);
        await using var transaction = hosts[0].Transactions.Begin();
        var joined = TestCluster.Join(hosts[1], transaction); // in time, and works too late
        await hosts[1].Engine.StopAsync(AtOnce);

        Assert.Equal(AbortReason.Moved, (await Assert.ThrowsAsync<TransactionAbortedException>(() => joined.UpdateAsync<Account>("b").AsTask())).Cause.Reason);
    });

    [Fact]
    public void Work_at_a_host_that_stops_is_refused() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(2);
        await using var transaction = hosts[0].Transactions.Begin();
        await hosts[1].Engine.StopAsync(CancellationToken.None);

        var refused = Assert.Throws<TransactionRefusedException>(() => TestCluster.Join(hosts[1], transaction));
        Assert.Equal(transaction.Id, refused.TransactionId);
        Assert.Contains("stopping", refused.Message, StringComparison.Ordinal);
    });

    [Fact]
    public void What_others_have_at_work_at_a_host_that_stops_may_commit() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(2);
        await using var transaction = hosts[0].Transactions.Begin();
        (await TestCluster.Join(hosts[1], transaction).UpdateAsync<Account>("b")).Raise(new Deposited(2));
        var stopping = hosts[1].Engine.StopAsync(CancellationToken.None);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(1));
        Assert.False(stopping.IsCompleted);

        Assert.True((await transaction.CommitAsync()).IsCommitted);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(1));
        Assert.True(stopping.IsCompleted); // nothing else keeps it
    });

    [Fact]
    public void What_others_leave_at_a_host_that_stops_holds_it_up_no_longer_than_its_limit_and_is_aborted() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(2);
        await using var transaction = hosts[0].Transactions.Begin();
        (await TestCluster.Join(hosts[1], transaction).UpdateAsync<Account>("b")).Raise(new Deposited(2));
        var before = loop.Time.Now;
        await hosts[1].Engine.StopAsync(CancellationToken.None);

        Assert.InRange(loop.Time.Now - before, TimeSpan.Zero, hosts[1].Engine.Options.StopTimeout + Moment);
        Assert.Equal(AbortReason.Moved, Assert.IsType<TransactionOutcome.Aborted>(await transaction.CommitAsync()).Cause.Reason);
    });

    [Fact]
    public void What_has_voted_does_not_hold_a_stop_up() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(2);
        await using var transaction = hosts[0].Transactions.Begin();
        (await TestCluster.Join(hosts[1], transaction).UpdateAsync<Account>("b")).Raise(new Deposited(2));
        hosts[0].Store.HoldsAppends = true;
        var committing = transaction.CommitAsync().AsTask();
        await loop.AdvanceAsync(Moment);
        var before = loop.Time.Now;
        await hosts[1].Engine.StopAsync(CancellationToken.None);
        Assert.InRange(loop.Time.Now - before, TimeSpan.Zero, TimeSpan.FromSeconds(1));
        hosts[0].Store.Release();

        Assert.True((await committing).IsCommitted);
    });

    /// <summary>One deadline for all shards, and no shard waits for another to be told that it is over.</summary>
    [Fact]
    public void A_stop_takes_no_longer_than_its_limit_where_the_store_does_not_answer() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var host = (await cluster.StartAsync(1))[0];
        host.Store.HoldsAppends = true;
        host.Store.KeepsHolding = true;
        var before = loop.Time.Now;
        var stopping = host.Engine.StopAsync(CancellationToken.None);
        await loop.IdleAsync();
        Assert.All(Enumerable.Range(0, 16), shard => Assert.True(host.Engine.ShardOf((ushort)shard)!.IsStopped));
        await stopping;

        Assert.InRange(loop.Time.Now - before, TimeSpan.Zero, host.Engine.Options.StopTimeout);
    });
}
