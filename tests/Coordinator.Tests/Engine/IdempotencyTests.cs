using System.Text;
using Coordinator.Log;
using Coordinator.Testing.Simulation;
using Polly;
using Polly.Retry;
using Xunit;

namespace Coordinator.Tests;

/// <summary>Work under an idempotency key: done at most once, and everybody is told of the one that was.</summary>
public sealed class IdempotencyTests
{
    [Fact]
    public void The_same_key_again_is_told_of_the_first_and_does_not_run_the_work() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var first = Assert.IsType<TransactionOutcome.Committed>(await DepositAsync(engine, Key("k")));
        var runs = 0;
        var again = Assert.IsType<TransactionOutcome.Committed>(await engine.Transactions.RunAsync(
            transaction =>
            {
                runs++;
                return transaction.DepositAsync("a", 1);
            },
            new TransactionOptions { Key = Key("k") }));

        Assert.Equal((first.Id, false, true, 0), (again.Id, first.IsEarlierAttempt, again.IsEarlierAttempt, runs));
        Assert.Equal(1, await engine.Transactions.BalanceAsync("a"));
        engine.AssertQuiet();
    });

    [Fact]
    public void The_next_owner_of_the_log_gives_the_same_answer() => SimulationLoop.Run(async loop =>
    {
        await using var owner = await TestEngine.StartAsync(loop);
        var first = await DepositAsync(owner, Key("k"));
        await using var heir = await TestEngine.StartAsync(loop, owner.Rows, seed: 2);

        Assert.Equal(first.Id, (await DepositAsync(heir, Key("k"))).Id);
        Assert.Equal(first.Id, (await owner.Transactions.OutcomeOfAsync(Key("k")))!.Id);
        Assert.Equal(1, await heir.Transactions.BalanceAsync("a"));
    });

    [Fact]
    public void A_displaced_owner_that_remembers_the_key_as_free_is_told_of_who_has_it() => SimulationLoop.Run(async loop =>
    {
        await using var owner = await TestEngine.StartAsync(loop);
        await Assert.ThrowsAsync<FormatException>(() => owner.Transactions.RunAsync(_ => throw new FormatException(), new TransactionOptions { Key = Key("k") }));
        await using var heir = await TestEngine.StartAsync(loop, owner.Rows, seed: 2);
        var first = await DepositAsync(heir, Key("k"));

        Assert.Equal(first.Id, (await DepositAsync(owner, Key("k"))).Id);
        Assert.Equal(1, await heir.Transactions.BalanceAsync("a"));
    });

    [Fact]
    public void Whoever_asks_while_the_first_is_under_way_waits_for_it() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        engine.Store.HoldsAppends = true;
        var first = DepositAsync(engine, Key("k"));
        var second = DepositAsync(engine, Key("k"));
        await loop.IdleAsync();
        Assert.False(second.IsCompleted);
        Assert.IsType<TransactionOutcome.Unknown>(await engine.Transactions.OutcomeOfAsync(Key("k")));
        engine.Store.Release();

        Assert.Equal((await first).Id, (await second).Id);
        Assert.Equal(1, await engine.Transactions.BalanceAsync("a"));
    });

    [Theory]
    [InlineData(ConcurrencyMode.Pessimistic)]
    [InlineData(ConcurrencyMode.Optimistic)]
    public void Of_many_at_once_one_commits_and_all_are_told_of_it(ConcurrencyMode mode) => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, reruns: true);
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => engine.Transactions.RunAsync(
            transaction => transaction.DepositAsync("a", 1), new TransactionOptions { Key = Key("k"), Mode = mode })));

        Assert.All(outcomes, outcome => Assert.IsType<TransactionOutcome.Committed>(outcome));
        Assert.Single(outcomes.Select(outcome => outcome.Id).Distinct());
        Assert.Single(outcomes.Cast<TransactionOutcome.Committed>(), outcome => !outcome.IsEarlierAttempt);
        Assert.Equal(1, await engine.Transactions.BalanceAsync("a"));
        engine.AssertQuiet();
    });

    [Fact]
    public void A_retry_whose_first_attempt_was_answered_unknown_learns_that_it_committed() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, configure: options => options.TransactionTimeout = TimeSpan.FromSeconds(6));
        engine.Store.HoldsAppends = true;
        var first = Assert.IsType<TransactionOutcome.Unknown>(await DepositAsync(engine, Key("k")));
        Assert.Equal(first.Id, Assert.IsType<TransactionOutcome.Unknown>(await engine.Transactions.OutcomeOfAsync(Key("k"))).Id);
        engine.Store.Release();
        await loop.IdleAsync();

        Assert.Equal(first.Id, Assert.IsType<TransactionOutcome.Committed>(await DepositAsync(engine, Key("k"))).Id);
        Assert.Equal(1, await engine.Transactions.BalanceAsync("a"));
    });

    /// <summary>The row is in the log and can be read, and its group may still be taken for lost.</summary>
    [Fact]
    public void A_key_whose_group_is_not_acknowledged_is_not_told_committed() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        engine.Store.AnswerOfAppends = new TaskCompletionSource();
        var first = DepositAsync(engine, Key("k"));
        await loop.IdleAsync();
        Assert.Single(await engine.RowsOfAsync(Key("k").Stream.Value));
        Assert.IsType<TransactionOutcome.Unknown>(await engine.Transactions.OutcomeOfAsync(Key("k")));

        engine.Store.AnswerOfAppends.SetResult();
        Assert.Equal((await first).Id, Assert.IsType<TransactionOutcome.Committed>(await engine.Transactions.OutcomeOfAsync(Key("k"))).Id);
    });

    [Fact]
    public void What_is_unknown_may_be_run_again_under_a_key() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, configure: options => options.TransactionTimeout = TimeSpan.FromSeconds(6));
        engine.Store.HoldsAppends = true;
        var patient = new ResiliencePipelineBuilder<TransactionOutcome> { TimeProvider = loop.Time }.AddRetry(new RetryStrategyOptions<TransactionOutcome>
        {
            ShouldHandle = arguments => new(arguments.Outcome.Result is not TransactionOutcome.Committed),
            Delay = TimeSpan.FromSeconds(1),
        }).Build();
        var running = engine.Transactions.RunAsync(
            transaction => transaction.DepositAsync("a", 1), new TransactionOptions { Key = Key("k"), Reruns = patient });
        await loop.AdvanceAsync(TimeSpan.FromSeconds(7));
        engine.Store.Release();

        Assert.True((await running).IsCommitted);
        Assert.Equal(1, await engine.Transactions.BalanceAsync("a"));
    });

    [Fact]
    public void Another_request_under_the_same_key_is_refused_and_does_nothing() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var first = await DepositAsync(engine, Key("k", "one"));
        var refused = await Assert.ThrowsAsync<IdempotencyMismatchException>(() => DepositAsync(engine, Key("k", "two")));

        Assert.Equal(first.Id, refused.TransactionId);
        Assert.DoesNotContain("'k'", refused.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<IdempotencyMismatchException>(async () => await engine.Transactions.OutcomeOfAsync(Key("k", "two")));
        Assert.Equal(1, await engine.Transactions.BalanceAsync("a"));
        engine.AssertQuiet();
    });

    [Fact]
    public void Work_that_failed_leaves_the_key_free() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var options = new TransactionOptions { Key = Key("k") };
        await Assert.ThrowsAsync<FormatException>(() => engine.Transactions.RunAsync(_ => throw new FormatException(), options));
        var aborted = await engine.Transactions.RunAsync(async transaction => await transaction.AbortAsync("sold out"), options);
        Assert.Equal("Requested: sold out", Assert.IsType<TransactionOutcome.Aborted>(aborted).Cause.ToString());
        Assert.Null(await engine.Transactions.OutcomeOfAsync(Key("k")));

        Assert.True((await DepositAsync(engine, Key("k"))).IsCommitted);
    });

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_the_work_makes_of_an_earlier_commit_is_not_told(bool throws) => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await using var heir = TestEngine.Create(loop, engine.Rows, seed: 2);
        TransactionOutcome? earlier = null;
        var outcome = await engine.Transactions.RunAsync(
            async transaction =>
            {
                // The client's first attempt, on the host that has taken over by now.
                await heir.Engine.StartAsync(CancellationToken.None);
                earlier = await DepositAsync(heir, Key("k"));
                if (throws)
                {
                    throw new FormatException("sold out");
                }

                await transaction.AbortAsync("sold out");
            },
            new TransactionOptions { Key = Key("k") });

        Assert.Equal((earlier!.Id, true), (outcome.Id, outcome.IsCommitted));
    });

    [Fact]
    public void A_key_that_cannot_be_read_makes_an_abort_unknown() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var outcome = await engine.Transactions.RunAsync(
            async transaction =>
            {
                engine.Store.BeforeRead = _ => throw new IOException("away");
                await transaction.AbortAsync("sold out");
            },
            new TransactionOptions { Key = Key("k") });

        Assert.Contains("away", Assert.IsType<TransactionOutcome.Unknown>(outcome).Why, StringComparison.Ordinal);
    });

    [Fact]
    public void A_transaction_that_only_read_binds_its_key_too() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var options = new TransactionOptions { Key = Key("k") };
        var first = await engine.Transactions.RunAsync(transaction => transaction.BalanceAsync("a"), options);

        Assert.Equal(first.Id, (await engine.Transactions.RunAsync(transaction => transaction.BalanceAsync("a"), options)).Id);
    });

    [Fact]
    public void Whoever_lost_the_log_while_it_worked_is_told_of_the_key_s_winner() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        TransactionOutcome? winner = null;
        await using var heir = TestEngine.Create(loop, engine.Rows, seed: 2);
        var outcome = await engine.Transactions.RunAsync(
            async transaction =>
            {
                await transaction.DepositAsync("a", 1);
                await heir.Engine.StartAsync(CancellationToken.None);
                winner = await DepositAsync(heir, Key("k"));
            },
            new TransactionOptions { Key = Key("k") });

        Assert.Equal(winner!.Id, outcome.Id);
        Assert.Equal(1, await heir.Transactions.BalanceAsync("a"));
    });

    [Fact]
    public void A_key_costs_one_row_and_no_further_write() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var (batches, sent) = (engine.Engine.Committer.BatchCount, engine.Store.Sent.Count);
        await DepositAsync(engine, Key("k"));

        Assert.Equal((1, 1), (engine.Engine.Committer.BatchCount - batches, engine.Store.Sent.Count - sent));
        Assert.Single(engine.Store.Sent[^1].Rows, row => LogStreams.IsKey(row.Stream));
    });

    [Fact]
    public void A_key_older_than_the_window_is_refused_and_one_without_age_is_not() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var issued = loop.Time.GetUtcNow() - TimeSpan.FromDays(8);
        var old = new IdempotencyKey("k") { IssuedAt = issued };
        await Assert.ThrowsAsync<TransactionRefusedException>(() => DepositAsync(engine, old));
        await Assert.ThrowsAsync<TransactionRefusedException>(async () => await engine.Transactions.OutcomeOfAsync(old));
        Assert.Equal(0, engine.Engine.InFlightCount);

        Assert.True((await DepositAsync(engine, new IdempotencyKey("k") { IssuedAt = issued + TimeSpan.FromDays(2) })).IsCommitted);
    });

    [Fact]
    public void Keys_of_tenants_are_apart_whatever_their_names()
    {
        IdempotencyKey[] keys = [Key("ab"), new("b") { Tenant = "a" }, new("ab") { Tenant = string.Empty }, new("ba") { Tenant = null }];
        Assert.Equal(keys.Length, keys.Select(key => key.Stream).Distinct().Count());
    }

    [Fact]
    public void Begin_refuses_a_key() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        Assert.Throws<ArgumentException>(() => engine.Transactions.Begin(new TransactionOptions { Key = Key("k") }));
    });

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    public void An_empty_key_is_refused(string? value) => Assert.ThrowsAny<ArgumentException>(() => new IdempotencyKey(value!));

    [Fact]
    public void A_key_or_tenant_that_is_too_long_is_refused()
    {
        Assert.Throws<ArgumentException>(() => new IdempotencyKey(new string('k', IdempotencyKey.LengthMax + 1)));
        Assert.Throws<ArgumentException>(() => new IdempotencyKey("k") { Tenant = new string('t', IdempotencyKey.LengthMax + 1) });
        Assert.Equal(IdempotencyKey.LengthMax, new IdempotencyKey(new string('k', IdempotencyKey.LengthMax)).Value.Length);
    }

    [Theory]
    [InlineData("line\r\nbreak")]
    [InlineData("nul\0")]
    [InlineData("../path")]
    [InlineData("' or 1=1 --")]
    [InlineData("\u202Eright to left \U0001F600")]
    public void Any_text_is_a_key(string value) => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var first = await DepositAsync(engine, Key(value));
        Assert.Equal(first.Id, (await DepositAsync(engine, Key(value))).Id);
    });

    [Fact]
    public void A_damaged_key_row_stops_that_key_only() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var row = new LogRow
        {
            Stream = Key("k").Stream, Version = 1, Kind = RowKind.Event, AppendId = new(99, 1), Type = "something", TypeVersion = 1, Position = new(0, 1),
        };
        row.Checksum = RowChecksum.Of(row, 0);
        await engine.Rows.AppendAsync(new RowGroup([row], [new(row.Stream, 0, 0, default, false)]));

        Assert.IsType<TransactionOutcome.Unknown>(await DepositAsync(engine, Key("k")));
        await Assert.ThrowsAsync<LogCorruptException>(async () => await engine.Transactions.OutcomeOfAsync(Key("k")));
        Assert.True((await DepositAsync(engine, Key("other"))).IsCommitted);
        engine.AssertQuiet();
    });

    private static IdempotencyKey Key(string value, string request = "") => new(value) { Request = Encoding.UTF8.GetBytes(request) };

    private static Task<TransactionOutcome> DepositAsync(TestEngine engine, IdempotencyKey key) =>
        engine.Transactions.RunAsync(transaction => transaction.DepositAsync("a", 1), new TransactionOptions { Key = key });
}
