using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Testing.Simulation;
using Polly;
using Polly.Retry;
using Xunit;

namespace Coordinator.Tests;

/// <summary>Work that is run again.</summary>
public sealed class RerunTests
{
    [Fact]
    public void Work_that_meets_a_conflict_is_run_again_and_finds_the_new_state() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, reruns: true);
        await engine.Transactions.DepositAsync("a", 1);
        await engine.WriteBehindItsBackAsync("account/a");
        var found = new List<long>();
        var outcome = await engine.Transactions.RunAsync(async transaction =>
        {
            found.Add(await transaction.BalanceAsync("a"));
            await transaction.DepositAsync("a", 1);
        });

        Assert.True(outcome.IsCommitted);
        Assert.Equal([1, 8], found);
        Assert.Equal(9, await engine.Transactions.BalanceAsync("a"));
    });

    [Fact]
    public void Work_that_throws_is_not_run_again() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, reruns: true);
        var runs = 0;
        await Assert.ThrowsAsync<FormatException>(() => engine.Transactions.RunAsync(_ =>
        {
            runs++;
            throw new FormatException();
        }));

        Assert.Equal(1, runs);
    });

    [Fact]
    public void What_work_throws_after_it_was_wounded_is_not_passed_on() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, reruns: true);
        await using var older = engine.Transactions.Begin();
        var (runs, hold) = (0, new TaskCompletionSource());
        var work = engine.Transactions.RunAsync(async transaction =>
        {
            await transaction.DepositAsync("a", 1);
            if (++runs == 1)
            {
                await hold.Task;
                throw new FormatException();
            }
        });
        await loop.IdleAsync();
        await older.DepositAsync("a", 1);
        await older.CommitAsync();
        hold.SetResult();

        Assert.True((await work).IsCommitted);
        Assert.Equal(2, runs);
    });

    /// <summary>Prepare may come between the wound and the vote that tells of it; an answer that named no wound would not be run again.</summary>
    [Fact]
    public void A_wounded_participant_that_is_asked_for_its_vote_says_that_it_was_wounded() => SimulationLoop.Run(async loop =>
    {
        ITransaction? younger = null;
        Task<TransactionOutcome>? commit = null;
        var transport = new TestTransport(loop)
        {
            Fate = message =>
            {
                if (message is CommitInput.VoteReceived { Ballot: Ballot.No } && younger is { } wounded)
                {
                    younger = null;
                    commit = wounded.CommitAsync().AsTask(); // its prepare overtakes the vote
                }

                return Fate.Arrives;
            },
        };
        await using var engine = await TestEngine.StartAsync(loop, transport: transport.Over);
        await using var older = engine.Transactions.Begin();
        await using var young = engine.Transactions.Begin();
        younger = young;
        await young.DepositAsync("a", 1);
        await older.DepositAsync("a", 1);
        Assert.True((await older.CommitAsync()).IsCommitted);

        Assert.Equal(AbortReason.Wounded, Assert.IsType<TransactionOutcome.Aborted>(await commit!).Cause.Reason);
        var refusals = transport.Sent.OfType<CommitInput.VoteReceived>().Where(static vote => vote.Ballot is Ballot.No).ToArray();
        Assert.Equal(2, refusals.Length);
        Assert.All(refusals, static vote => Assert.Equal(AbortReason.Wounded, vote.Cause!.Reason));
    });

    /// <summary>The participant has dropped the work and the coordinator does not know it yet: what the work meets first is not the cause.</summary>
    [Theory]
    [InlineData("raises")]
    [InlineData("throws")]
    [InlineData("opens it again")]
    [InlineData("opens another")]
    [InlineData("commits")]
    [InlineData("swallows")]
    public void Wounded_work_is_run_again_whatever_it_does_before_the_coordinator_knows(string next) => SimulationLoop.Run(async loop =>
    {
        var messages = new TestTransport(loop)
        {
            Fate = message => message is CommitInput.VoteReceived { Ballot: Ballot.No, Cause.Reason: AbortReason.Wounded } ? new Fate(1, TimeSpan.FromSeconds(1)) : Fate.Arrives,
        };
        await using var engine = await TestEngine.StartAsync(loop, transport: messages.Over, reruns: true);
        await using var older = engine.Transactions.Begin();
        var (runs, hold) = (0, new TaskCompletionSource());
        var work = engine.Transactions.RunAsync(async transaction =>
        {
            var a = await transaction.UpdateAsync<Account>("a");
            if (++runs == 1)
            {
                await hold.Task;
            }

            switch (runs == 1 ? next : "")
            {
                case "throws":
                    throw new FormatException();
                case "opens it again":
                    await transaction.UpdateAsync<Account>("a");
                    break;
                case "opens another":
                    await transaction.UpdateAsync<Account>("b");
                    break;
                case "commits":
                    return;
                case "swallows":
                    Assert.Throws<TransactionAbortedException>(() => a.Raise(new Deposited(1)));
                    return;
            }

            a.Raise(new Deposited(1));
        });
        await loop.IdleAsync();
        await older.DepositAsync("a", 1);
        await older.CommitAsync();
        hold.SetResult();

        Assert.True((await work).IsCommitted);
        Assert.Equal((2, 2), (runs, await engine.Transactions.BalanceAsync("a")));
        engine.AssertQuiet();
        engine.AssertNoViolation();
    });

    [Fact]
    public void Work_that_is_still_at_it_when_its_time_is_up_is_told_so_and_not_that_it_misused_its_transaction() => SimulationLoop.Run(async loop =>
    {
        var messages = new TestTransport(loop);
        await using var engine = await TestEngine.StartAsync(loop, transport: messages.Over, reruns: true);
        var outcome = await engine.Transactions.RunAsync(
            async transaction =>
            {
                var a = await transaction.UpdateAsync<Account>("a");
                await loop.DelayAsync(TimeSpan.FromSeconds(3));
                a.Raise(new Deposited(1));
            },
            new TransactionOptions { Timeout = TimeSpan.FromSeconds(1) });

        Assert.Equal(AbortReason.Timeout, Assert.IsType<TransactionOutcome.Aborted>(outcome).Cause.Reason);
    });

    [Fact]
    public void Work_that_asks_for_abort_is_not_run_again() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, reruns: true);
        var runs = 0;
        var outcome = await engine.Transactions.RunAsync(async transaction =>
        {
            runs++;
            await transaction.AbortAsync("sold out");
        });

        Assert.Equal((1, "Requested: sold out"), (runs, Assert.IsType<TransactionOutcome.Aborted>(outcome).Cause.ToString()));
    });

    [Fact]
    public void Work_that_always_loses_ends_after_thirty_reruns_with_the_cause() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, reruns: true);
        await engine.Transactions.DepositAsync("a", 1);
        var runs = 0;
        var outcome = await engine.Transactions.RunAsync(async transaction =>
        {
            runs++;
            await transaction.DepositAsync("a", 1);
            await engine.WriteBehindItsBackAsync("account/a");
        });

        Assert.Equal((31, AbortReason.Conflict), (runs, Assert.IsType<TransactionOutcome.Aborted>(outcome).Cause.Reason));
        engine.AssertQuiet();
    });

    [Fact]
    public void A_pipeline_of_its_own_decides_for_one_transaction() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, reruns: true);
        var runs = 0;
        var twice = new ResiliencePipelineBuilder<TransactionOutcome>().AddRetry(new RetryStrategyOptions<TransactionOutcome>
        {
            ShouldHandle = arguments => new(arguments.Outcome.Result is TransactionOutcome.Aborted),
            MaxRetryAttempts = 1,
            Delay = TimeSpan.Zero,
        }).Build();
        Func<ITransaction, Task> work = async transaction =>
        {
            runs++;
            await transaction.AbortAsync();
        };

        await engine.Transactions.RunAsync(work, new TransactionOptions { Reruns = twice });
        Assert.Equal(2, runs);
        await engine.Transactions.RunAsync(work, new TransactionOptions { Reruns = ResiliencePipeline<TransactionOutcome>.Empty });
        Assert.Equal(3, runs);
    });

    [Fact]
    public void A_pipeline_that_retries_what_is_unknown_is_refused() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, configure: options => options.TransactionTimeout = TimeSpan.FromSeconds(6));
        engine.Store.HoldsAppends = true;
        var runs = 0;
        var always = new ResiliencePipelineBuilder<TransactionOutcome>().AddRetry(new RetryStrategyOptions<TransactionOutcome>
        {
            ShouldHandle = _ => new(true),
            Delay = TimeSpan.Zero,
        }).Build();
        var running = engine.Transactions.RunAsync(
            async transaction =>
            {
                runs++;
                await transaction.DepositAsync("a", 1);
            },
            new TransactionOptions { Reruns = always });

        await Assert.ThrowsAsync<InvalidOperationException>(() => running);
        Assert.Equal(1, runs);
        engine.Store.Release();
    });

    [Fact]
    public void A_transaction_has_the_timeout_that_its_options_give_it() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var before = loop.Time.Now;
        await using var transaction = engine.Transactions.Begin(new TransactionOptions { Timeout = TimeSpan.FromSeconds(1) });
        await transaction.DepositAsync("a", 1);
        await loop.DelayAsync(TimeSpan.FromSeconds(1.2));

        Assert.Equal(AbortReason.Timeout, Assert.IsType<TransactionOutcome.Aborted>(await transaction.CommitAsync()).Cause.Reason);
        Assert.True((await engine.Transactions.DepositAsync("a", 1)).IsCommitted);
        Assert.InRange(loop.Time.Now - before, TimeSpan.FromSeconds(1.2), TimeSpan.FromSeconds(1.3));
    });

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(3601)]
    public void A_timeout_that_makes_no_sense_is_refused(int seconds) => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        Assert.Throws<ArgumentOutOfRangeException>(() => engine.Transactions.Begin(new TransactionOptions { Timeout = TimeSpan.FromSeconds(seconds) }));
        Assert.Equal(0, engine.Engine.InFlightCount);
    });
}
