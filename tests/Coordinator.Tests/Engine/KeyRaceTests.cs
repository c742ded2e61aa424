using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests;

/// <summary>Attempts under one key that meet each other, or the end of the key's time.</summary>
public sealed class KeyRaceTests
{
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Skew = TimeSpan.FromMinutes(5);

    [Theory]
    [InlineData(ConcurrencyMode.Pessimistic)]
    [InlineData(ConcurrencyMode.Optimistic)]
    public void A_retry_is_told_of_the_first_attempt_that_is_on_its_way_and_not_what_that_left(ConcurrencyMode mode) => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, reruns: true);
        await engine.Transactions.DepositAsync("stock", 1);
        engine.Store.HoldsAppends = true;
        var options = new TransactionOptions { Key = new IdempotencyKey("k"), Mode = mode };
        var first = engine.Transactions.RunAsync(TakeLastAsync, options);
        await loop.IdleAsync();
        var retry = engine.Transactions.RunAsync(TakeLastAsync, options);
        await loop.IdleAsync();
        engine.Store.Release();

        var told = await first;
        Assert.True(told.IsCommitted);
        Assert.Equal(told.Id, (await retry).Id);

        static async Task TakeLastAsync(ITransaction transaction)
        {
            var stock = await transaction.UpdateAsync<Account>("stock");
            if (stock.State.Balance < 1)
            {
                throw new FormatException("sold out");
            }

            stock.Raise(new Withdrawn(1));
        }
    });

    [Fact]
    public void A_retry_that_stops_waiting_for_the_first_attempt_is_not_told_that_nothing_happened() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, reruns: true);
        engine.Store.HoldsAppends = true;
        var options = new TransactionOptions { Key = new IdempotencyKey("k") };
        var first = engine.Transactions.RunAsync(transaction => transaction.DepositAsync("a", 1), options);
        await loop.IdleAsync();
        var retry = engine.Transactions.RunAsync(transaction => transaction.DepositAsync("a", 1), options);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(7));
        Assert.IsType<TransactionOutcome.Unknown>(await retry);

        engine.Store.Release();
        Assert.True((await first).IsCommitted);
        Assert.Equal((await first).Id, (await engine.Transactions.RunAsync(transaction => transaction.DepositAsync("a", 1), options)).Id);
    });

    /// <summary>The client's clock is ahead of the host's, by all that is allowed.</summary>
    [Fact]
    public void A_key_that_is_dated_ahead_is_remembered_as_long_as_it_is_taken() => SimulationLoop.Run(
        null,
        async loop =>
        {
            await using var engine = await StartAsync(loop);
            var options = new TransactionOptions { Key = new IdempotencyKey("k") { IssuedAt = loop.Time.GetUtcNow() + Skew } };
            var first = await DepositAsync(engine, options);
            await loop.AdvanceAsync(Window + Skew - TimeSpan.FromSeconds(1));
            Assert.Equal(first.Id, (await DepositAsync(engine, options)).Id);

            await loop.AdvanceAsync(TimeSpan.FromSeconds(2));
            await Assert.ThrowsAsync<TransactionRefusedException>(() => DepositAsync(engine, options));
            Assert.Equal(1, await engine.Transactions.BalanceAsync("a"));
        },
        TimeSpan.FromDays(1));

    [Fact]
    public void A_key_that_is_dated_further_ahead_than_clocks_may_be_apart_is_refused() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await StartAsync(loop);
        var key = new IdempotencyKey("k") { IssuedAt = loop.Time.GetUtcNow() + Skew + TimeSpan.FromSeconds(1) };
        await Assert.ThrowsAsync<TransactionRefusedException>(() => DepositAsync(engine, new TransactionOptions { Key = key }));
        await Assert.ThrowsAsync<TransactionRefusedException>(async () => await engine.Transactions.OutcomeOfAsync(key));
        Assert.Equal(0, await engine.Transactions.BalanceAsync("a"));
    });

    /// <summary>It was young enough when it was asked with, and is removed while it is being read.</summary>
    [Fact]
    public void A_key_that_is_removed_while_it_is_read_is_refused() => SimulationLoop.Run(
        null,
        async loop =>
        {
            await using var engine = await StartAsync(loop);
            var key = new IdempotencyKey("k") { IssuedAt = loop.Time.GetUtcNow() };
            var options = new TransactionOptions { Key = key };
            await DepositAsync(engine, options);
            await loop.AdvanceAsync(Window - TimeSpan.FromSeconds(1));
            engine.Store.HoldsReads = true;
            var retry = DepositAsync(engine, options);
            var question = engine.Transactions.OutcomeOfAsync(key).AsTask();
            var removed = engine.Engine.RowsForgotten;
            await loop.AdvanceAsync(TimeSpan.FromMinutes(12));
            Assert.True(engine.Engine.RowsForgotten > removed);

            engine.Store.ReleaseRead();
            engine.Store.ReleaseRead();
            await Record.ExceptionAsync(() => question);
            await Record.ExceptionAsync(() => retry);
            Assert.IsNotType<TransactionOutcome.Committed>(retry.IsCompletedSuccessfully ? await retry : null);
            Assert.Equal(1, await engine.Transactions.BalanceAsync("a"));
        },
        TimeSpan.FromDays(1));

    [Fact]
    public void The_commit_of_this_very_attempt_is_not_called_an_earlier_one() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var outcome = await engine.Transactions.RunAsync(
            async transaction =>
            {
                await transaction.DepositAsync("a", 1);
                await transaction.CommitAsync();
                throw new FormatException();
            },
            new TransactionOptions { Key = new IdempotencyKey("k") });
        Assert.False(Assert.IsType<TransactionOutcome.Committed>(outcome).IsEarlierAttempt);
    });

    private static Task<TestEngine> StartAsync(SimulationLoop loop) =>
        TestEngine.StartAsync(loop, configure: options => (options.IdempotencyWindow, options.ActivationsMax) = (Window, 0));

    private static Task<TransactionOutcome> DepositAsync(TestEngine engine, TransactionOptions options) =>
        engine.Transactions.RunAsync(transaction => transaction.DepositAsync("a", 1), options);
}
