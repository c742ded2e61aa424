using Coordinator.Protocol;
using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests;

/// <summary>Locks as transactions meet them.</summary>
public sealed class LockTests
{
    [Fact]
    public void A_lock_that_is_not_granted_in_time_aborts_and_names_the_participant() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await using var holder = engine.Transactions.Begin();
        await holder.DepositAsync("alice", 1);
        var before = loop.Time.Now;
        var outcome = Assert.IsType<TransactionOutcome.Aborted>(await engine.Transactions.DepositAsync("alice", 1));

        Assert.Equal("LockTimeout by account/alice: not granted within 00:00:05", outcome.Cause.ToString());
        Assert.InRange(loop.Time.Now - before, TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(5.1));
    });

    [Fact]
    public void Of_two_transactions_that_cross_the_older_goes_on_at_once_and_the_younger_is_wounded() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await using var older = engine.Transactions.Begin();
        await using var younger = engine.Transactions.Begin();
        await older.DepositAsync("a", 1);
        await younger.DepositAsync("b", 1);
        var waiting = younger.DepositAsync("a", 1);
        var before = loop.Time.Now;
        await older.DepositAsync("b", 1);

        Assert.Equal(before, loop.Time.Now);
        var wounded = await Assert.ThrowsAsync<TransactionAbortedException>(() => waiting);
        Assert.Equal((AbortReason.Wounded, "account/b"), (wounded.Cause.Reason, wounded.Cause.Participant.ToString()));
        Assert.True(Assert.IsType<TransactionOutcome.Aborted>(await younger.CommitAsync()).IsWorthRerun);
        Assert.True((await older.CommitAsync()).IsCommitted);
        engine.AssertQuiet();
    });

    [Fact]
    public void Of_two_readers_that_both_want_to_write_the_younger_is_wounded_at_once() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await using var older = engine.Transactions.Begin();
        await using var younger = engine.Transactions.Begin();
        await older.BalanceAsync("a");
        await younger.BalanceAsync("a");
        var waiting = younger.DepositAsync("a", 1);
        var before = loop.Time.Now;
        await older.DepositAsync("a", 1);

        Assert.Equal(before, loop.Time.Now);
        Assert.Equal(AbortReason.Wounded, (await Assert.ThrowsAsync<TransactionAbortedException>(() => waiting)).Cause.Reason);
        Assert.True((await older.CommitAsync()).IsCommitted);
    });

    [Fact]
    public void A_holder_whose_commit_is_on_its_way_is_not_wounded() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await using var older = engine.Transactions.Begin();
        engine.Store.HoldsAppends = true;
        var younger = engine.Transactions.DepositAsync("a", 1);
        await loop.IdleAsync();
        var reading = older.BalanceAsync("a");
        await loop.IdleAsync();
        Assert.False(reading.IsCompleted);
        engine.Store.Release();

        Assert.True((await younger).IsCommitted);
        Assert.Equal(1, await reading);
    });

    [Fact]
    public void Work_that_is_wounded_is_run_again_under_its_age_and_then_waits_for_nobody_younger() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, reruns: true);
        await using var oldest = engine.Transactions.Begin();
        var (ids, ages) = (new List<TransactionId>(), new List<TransactionAge>());
        var hold = new TaskCompletionSource();
        var work = engine.Transactions.RunAsync(async transaction =>
        {
            ids.Add(transaction.Id);
            ages.Add(transaction.Age);
            await transaction.DepositAsync("a", 1);
            await hold.Task;
        });
        await loop.IdleAsync();
        await oldest.DepositAsync("a", 10);
        await oldest.CommitAsync();
        await using var youngest = engine.Transactions.Begin();
        await youngest.DepositAsync("a", 100);
        hold.SetResult();

        Assert.True((await work).IsCommitted);
        Assert.Equal(AbortReason.Wounded, Assert.IsType<TransactionOutcome.Aborted>(await youngest.CommitAsync()).Cause.Reason);
        Assert.Equal((2, 1), (ids.Distinct().Count(), ages.Distinct().Count()));
        Assert.Equal(11, await engine.Transactions.BalanceAsync("a"));
    });

    [Fact]
    public void Writers_are_served_in_the_order_they_asked() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var order = new List<int>();
        var holder = engine.Transactions.Begin();
        await holder.DepositAsync("a", 1);
        var waiters = Enumerable.Range(0, 5).Select(number => engine.Transactions.RunAsync(async transaction =>
        {
            await transaction.DepositAsync("a", 1);
            order.Add(number);
        })).ToList();
        await holder.CommitAsync();
        await Task.WhenAll(waiters);

        Assert.Equal([0, 1, 2, 3, 4], order);
        Assert.Equal(6, await engine.Transactions.BalanceAsync("a"));
    });

    [Fact]
    public void A_waiter_whose_transaction_is_aborted_leaves_the_queue() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var holder = engine.Transactions.Begin();
        await holder.BalanceAsync("a");
        var writer = engine.Transactions.Begin();
        var waiting = writer.DepositAsync("a", 1);
        var reader = engine.Transactions.BalanceAsync("a");
        await loop.IdleAsync();
        Assert.False(reader.IsCompleted);
        await writer.AbortAsync();

        await Assert.ThrowsAsync<TransactionAbortedException>(() => waiting);
        Assert.Equal(0, await reader);
        await holder.CommitAsync();
        engine.AssertQuiet();
    });

    [Fact]
    public void A_waiter_that_is_granted_and_cancelled_at_once_leaves_no_lock_behind() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var holder = engine.Transactions.Begin();
        await holder.DepositAsync("a", 1);
        using var cancellation = new CancellationTokenSource();
        var waiting = engine.Transactions.RunAsync(async transaction => await transaction.UpdateAsync<Account>("a", cancellation.Token));
        await loop.IdleAsync();
        await holder.AbortAsync(); // grants; the waiter has not run yet
        cancellation.Cancel();

        await Task.WhenAny(waiting);
        Assert.True((await engine.Transactions.DepositAsync("a", 1)).IsCommitted);
        engine.AssertQuiet();
    });

    [Fact]
    public void A_reader_waits_until_the_decision_of_the_writer_before_it_is_durable() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        engine.Store.HoldsAppends = true;
        var first = engine.Transactions.DepositAsync("a", 1);
        var second = engine.Transactions.BalanceAsync("a");
        await loop.IdleAsync();

        Assert.False(second.IsCompleted);
        engine.Store.Release();
        Assert.Equal(1, await second);
        Assert.True((await first).IsCommitted);
    });

    [Fact]
    public void An_exclusive_wait_is_granted_after_the_last_shared_holder() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await using var one = engine.Transactions.Begin();
        await using var two = engine.Transactions.Begin();
        await one.BalanceAsync("a");
        await two.BalanceAsync("a");
        var writer = engine.Transactions.DepositAsync("a", 1);
        await one.CommitAsync();
        await loop.IdleAsync();
        Assert.False(writer.IsCompleted);

        await two.CommitAsync();
        Assert.True((await writer).IsCommitted);
    });

    /// <summary>Each is as old as the other: were neither older, each would wait for the other until its lock times out.</summary>
    [Fact]
    public void Two_that_were_begun_under_one_age_do_not_wait_in_a_circle() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await using var parent = engine.Transactions.Begin();
        await using var one = engine.Transactions.Begin(new TransactionOptions { Age = parent.Age });
        await using var two = engine.Transactions.Begin(new TransactionOptions { Age = parent.Age });
        await one.DepositAsync("a", 1);
        await two.DepositAsync("b", 1);
        var before = loop.Time.Now;
        await one.DepositAsync("b", 1);
        Assert.Equal(before, loop.Time.Now);
        await Assert.ThrowsAsync<TransactionAbortedException>(() => two.DepositAsync("a", 1));
        Assert.True((await one.CommitAsync()).IsCommitted);
    });

    [Fact]
    public void After_the_clock_was_set_back_newcomers_are_not_older_than_what_runs() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await using var running = engine.Transactions.Begin();
        loop.Time.ClockOffset = TimeSpan.FromHours(-1);
        await using var newcomer = engine.Transactions.Begin();
        Assert.True(newcomer.Age.Begun >= running.Age.Begun);

        await running.DepositAsync("a", 1);
        var waits = newcomer.DepositAsync("a", 1);
        await loop.IdleAsync();
        Assert.False(waits.IsCompleted);
        Assert.True((await running.CommitAsync()).IsCommitted);
        await waits;
    });
}
