using Coordinator.Protocol;
using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests;

/// <summary>Transactions that only read ask a shared log whether their host still owns it (D-9).</summary>
public sealed class ReadCheckTests
{
    [Theory]
    [InlineData(ConcurrencyMode.Pessimistic)]
    [InlineData(ConcurrencyMode.Optimistic)]
    public void An_owner_that_was_displaced_without_noticing_does_not_commit_what_it_remembers(ConcurrencyMode mode) => SimulationLoop.Run(async loop =>
    {
        await using var owner = await TestEngine.StartAsync(loop);
        await owner.Transactions.DepositAsync("a", 1);
        await using var heir = await TestEngine.StartAsync(loop, owner.Rows, seed: 2);
        Assert.True((await heir.Transactions.DepositAsync("a", 2)).IsCommitted);
        var outcome = await owner.Transactions.RunAsync(
            async transaction => Assert.Equal(1, await transaction.BalanceAsync("a")), new TransactionOptions { Mode = mode });

        Assert.Equal(AbortReason.ParticipantLost, Assert.IsType<TransactionOutcome.Aborted>(outcome).Cause.Reason);
        Assert.Equal(3, await heir.Transactions.BalanceAsync("a"));
    });

    [Fact]
    public void One_look_answers_all_that_wait_for_it() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var go = new TaskCompletionSource();
        engine.Store.BeforeLook = () => go.Task;
        var looks = engine.Store.LookCount;
        var readers = Enumerable.Range(0, 100).Select(_ => engine.Transactions.BalanceAsync("a")).ToList();
        await loop.IdleAsync();
        Assert.DoesNotContain(readers, reader => reader.IsCompleted);
        go.SetResult();
        await Task.WhenAll(readers);

        Assert.InRange(engine.Store.LookCount - looks, 1, 2);
        engine.AssertQuiet();
    });

    [Fact]
    public void A_look_that_fails_is_repeated() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var failures = 3;
        engine.Store.BeforeLook = () => failures-- > 0 ? throw new IOException("away") : Task.CompletedTask;

        Assert.Equal(0, await engine.Transactions.BalanceAsync("a"));
    });

    [Fact]
    public void A_reader_that_no_look_answers_is_aborted_at_its_deadline() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var away = true;
        engine.Store.BeforeLook = () => away ? throw new IOException("away") : Task.CompletedTask;
        var outcome = await engine.Transactions.RunAsync(
            transaction => transaction.BalanceAsync("a"), new TransactionOptions { Timeout = TimeSpan.FromSeconds(3) });

        Assert.Equal(AbortReason.Timeout, Assert.IsType<TransactionOutcome.Aborted>(outcome).Cause.Reason);
        engine.AssertQuiet();
        away = false;
        Assert.Equal(0, await engine.Transactions.BalanceAsync("a"));
        engine.AssertNoViolation();
    });

    [Fact]
    public void Who_writes_asks_nothing() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var looks = engine.Store.LookCount;
        await engine.Transactions.RunAsync(async transaction =>
        {
            await transaction.BalanceAsync("a");
            await transaction.DepositAsync("b", 1);
        });

        Assert.Equal(looks, engine.Store.LookCount);
    });
}
