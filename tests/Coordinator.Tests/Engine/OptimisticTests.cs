using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests;

/// <summary>Transactions that lock nothing before they commit.</summary>
public sealed class OptimisticTests
{
    private static readonly TransactionOptions Optimistic = new() { Mode = ConcurrencyMode.Optimistic };

    [Fact]
    public void Two_that_use_one_account_do_not_wait_and_the_first_to_commit_wins() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await using var one = engine.Transactions.Begin(Optimistic);
        await using var two = engine.Transactions.Begin(Optimistic);
        var before = loop.Time.Now;
        await one.DepositAsync("a", 1);
        await two.DepositAsync("a", 10);

        Assert.Equal(before, loop.Time.Now);
        Assert.True((await two.CommitAsync()).IsCommitted);
        Assert.Equal("Conflict by account/a: another transaction came first", Assert.IsType<TransactionOutcome.Aborted>(await one.CommitAsync()).Cause.ToString());
        Assert.Equal(10, await engine.Transactions.BalanceAsync("a"));
        engine.AssertQuiet();
    });

    [Fact]
    public void Of_two_that_each_read_what_the_other_writes_one_is_aborted() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await using var one = engine.Transactions.Begin(Optimistic);
        await using var two = engine.Transactions.Begin(Optimistic);
        await one.BalanceAsync("a");
        await two.BalanceAsync("b");
        await one.DepositAsync("b", 1);
        await two.DepositAsync("a", 1);
        var outcomes = await Task.WhenAll(one.CommitAsync().AsTask(), two.CommitAsync().AsTask());

        Assert.Single(outcomes, outcome => outcome.IsCommitted);
        Assert.Single(outcomes, outcome => outcome is TransactionOutcome.Aborted { Cause.Reason: AbortReason.Conflict });
    });

    [Fact]
    public void A_reader_that_saw_two_states_is_aborted() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await using var reader = engine.Transactions.Begin(Optimistic);
        await reader.BalanceAsync("a");
        await engine.Transactions.RunAsync(async transaction =>
        {
            await transaction.DepositAsync("a", 1);
            await transaction.DepositAsync("b", 1);
        });
        Assert.Equal(1, await reader.BalanceAsync("b"));

        Assert.Equal(AbortReason.Conflict, Assert.IsType<TransactionOutcome.Aborted>(await reader.CommitAsync()).Cause.Reason);
    });

    [Fact]
    public void A_reader_of_what_still_stands_commits_beside_a_writer_at_work() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await engine.Transactions.DepositAsync("a", 1);
        await using var writer = engine.Transactions.Begin();
        await writer.DepositAsync("a", 1);
        await using var reader = engine.Transactions.Begin(Optimistic);

        Assert.Equal(1, await reader.BalanceAsync("a"));
        Assert.True((await reader.CommitAsync()).IsCommitted);
        Assert.True((await writer.CommitAsync()).IsCommitted);
    });

    [Fact]
    public void A_reader_of_what_a_voted_writer_may_have_changed_is_aborted() => SimulationLoop.Run(async loop =>
    {
        var transport = new TestTransport(loop)
        {
            Fate = message => message is CommitInput.VoteReceived { Participant.Address.Value: "account/b" } ? new Fate(1, TimeSpan.FromSeconds(1)) : Fate.Arrives,
        };
        await using var engine = await TestEngine.StartAsync(loop, transport: transport.Over);
        await using var reader = engine.Transactions.Begin(Optimistic);
        await reader.BalanceAsync("a");
        var writer = engine.Transactions.RunAsync(async transaction =>
        {
            await transaction.DepositAsync("a", 1);
            await transaction.DepositAsync("b", 1);
        });
        await loop.IdleAsync();

        Assert.Equal(AbortReason.Conflict, Assert.IsType<TransactionOutcome.Aborted>(await reader.CommitAsync()).Cause.Reason);
        Assert.True((await writer).IsCommitted);
    });

    [Fact]
    public void Who_goes_on_from_a_commit_on_its_way_is_told_behind_it() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await engine.Transactions.DepositAsync("a", 1);
        engine.Store.HoldsAppends = true;
        var first = engine.Transactions.DepositAsync("a", 1);
        await loop.IdleAsync();
        var second = engine.Transactions.RunAsync(transaction => transaction.DepositAsync("a", 1), Optimistic);
        var third = engine.Transactions.RunAsync(transaction => transaction.BalanceAsync("a"), Optimistic);
        await loop.IdleAsync();
        Assert.False(second.IsCompleted || third.IsCompleted);
        engine.Store.Release();

        Assert.True((await first).IsCommitted && (await second).IsCommitted);
        await third;
        Assert.Equal(3, await engine.Transactions.BalanceAsync("a"));
        engine.AssertQuiet();
    });

    [Fact]
    public void A_writer_takes_the_lock_from_a_younger_reader_at_its_vote() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await using var writer = engine.Transactions.Begin(Optimistic);
        await writer.DepositAsync("a", 1);
        await using var reader = engine.Transactions.Begin();
        await reader.BalanceAsync("a");

        Assert.True((await writer.CommitAsync()).IsCommitted);
        Assert.Equal(AbortReason.Wounded, Assert.IsType<TransactionOutcome.Aborted>(await reader.CommitAsync()).Cause.Reason);
    });

    [Fact]
    public void A_writer_gives_way_to_an_older_reader_at_its_vote() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await using var reader = engine.Transactions.Begin();
        await reader.BalanceAsync("a");
        await using var writer = engine.Transactions.Begin(Optimistic);
        await writer.DepositAsync("a", 1);

        Assert.Equal(AbortReason.Conflict, Assert.IsType<TransactionOutcome.Aborted>(await writer.CommitAsync()).Cause.Reason);
        Assert.True((await reader.CommitAsync()).IsCommitted);
    });

    [Fact]
    public void What_a_slow_read_finds_is_not_taken_for_the_end_of_a_stream_that_went_on_meanwhile() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await engine.Transactions.DepositAsync("a", 1);
        await using var writer = engine.Transactions.Begin();
        await writer.DepositAsync("a", 10);
        await using (var other = engine.Transactions.Begin(Optimistic))
        {
            await other.DepositAsync("a", 100); // dropped: the state must be read anew
        }

        engine.Store.HoldsReadAnswers = true;
        await using var reader = engine.Transactions.Begin(Optimistic);
        var reading = reader.BalanceAsync("a");
        await loop.IdleAsync();
        Assert.True((await writer.CommitAsync()).IsCommitted);
        engine.Store.HoldsReadAnswers = false;
        engine.Store.ReleaseRead();
        await reading;

        Assert.Equal(11, await engine.Transactions.BalanceAsync("a"));
        Assert.Equal(11, (await engine.Aggregates.ReadAsync<Account>("a")).State.Balance);
    });

    [Fact]
    public void Work_that_lost_is_run_again_with_locks() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, reruns: true);
        await engine.Transactions.DepositAsync("a", 1);
        var runs = 0;
        var outcome = await engine.Transactions.RunAsync(
            async transaction =>
            {
                await transaction.DepositAsync("a", 1);
                if (++runs == 1)
                {
                    Assert.True((await engine.Transactions.DepositAsync("a", 10)).IsCommitted); // not locked
                    return;
                }

                // Locked: the younger one has to wait.
                var other = engine.Transactions.DepositAsync("a", 100);
                await loop.IdleAsync();
                Assert.False(other.IsCompleted);
            },
            Optimistic);

        Assert.Equal((true, 2), (outcome.IsCommitted, runs));
        Assert.Equal(112, await engine.Transactions.BalanceAsync("a"));
    });

    [Fact]
    public void A_mode_that_is_none_is_refused() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        Assert.Throws<ArgumentOutOfRangeException>(() => engine.Transactions.Begin(new TransactionOptions { Mode = (ConcurrencyMode)7 }));
    });

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Work_that_gives_up_over_a_state_that_never_was_is_run_again(bool throws) => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, reruns: true);
        await engine.Transactions.DepositAsync("a", 10);
        var runs = 0;
        var outcome = await engine.Transactions.RunAsync(
            async transaction =>
            {
                var a = await transaction.BalanceAsync("a");
                if (++runs == 1)
                {
                    Assert.True((await engine.Transactions.RunAsync(async other =>
                    {
                        (await other.UpdateAsync<Account>("a")).Raise(new Withdrawn(10));
                        await other.DepositAsync("b", 10);
                    })).IsCommitted);
                }

                if (a + await transaction.BalanceAsync("b") is var sum and not 10)
                {
                    if (throws)
                    {
                        throw new FormatException($"the books do not balance: {sum}");
                    }

                    await transaction.AbortAsync($"the books do not balance: {sum}");
                }
            },
            Optimistic);

        Assert.Equal((true, 2), (outcome.IsCommitted, runs));
    });

    [Fact]
    public void Work_that_gives_up_over_what_is_still_so_is_not_run_again() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, reruns: true);
        var runs = 0;
        await Assert.ThrowsAsync<FormatException>(() => engine.Transactions.RunAsync(
            async transaction =>
            {
                runs++;
                await transaction.BalanceAsync("a");
                throw new FormatException("sold out");
            },
            Optimistic));
        Assert.Equal(1, runs);
    });
}
