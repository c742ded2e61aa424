using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests;

/// <summary>Stopping ends in bounded time, and whoever waits is told the truth.</summary>
public sealed class StopTests
{
    [Fact]
    public void Stopping_waits_for_what_is_in_flight() => SimulationLoop.Run(async loop =>
    {
        var engine = await TestEngine.StartAsync(loop);
        engine.Store.HoldsAppends = true;
        var deposit = engine.Transactions.DepositAsync("a", 1);
        await loop.IdleAsync();
        var stopping = engine.Engine.StopAsync(CancellationToken.None);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(1));
        Assert.False(stopping.IsCompleted);
        engine.Store.Release();
        await stopping;

        Assert.True((await deposit).IsCommitted);
        Assert.True(engine.Store.IsDisposed);
        Assert.Contains("stopping", Assert.Throws<TransactionRefusedException>(() => engine.Transactions.Begin()).Message, StringComparison.Ordinal);
    });

    [Fact]
    public void A_store_that_does_not_answer_cannot_keep_the_host_from_stopping() => SimulationLoop.Run(async loop =>
    {
        var engine = await TestEngine.StartAsync(loop, configure: options => options.AppendStallTimeout = TimeSpan.FromMinutes(5));
        engine.Store.HoldsAppends = true;
        var deposit = engine.Transactions.DepositAsync("a", 1);
        await loop.IdleAsync();
        var before = loop.Time.Now;
        await engine.Engine.StopAsync(CancellationToken.None);

        Assert.Equal(TimeSpan.FromSeconds(10), loop.Time.Now - before);
        Assert.IsType<TransactionOutcome.Unknown>(await deposit);
        Assert.False(engine.Store.IsDisposed);
    });

    [Fact]
    public void A_transaction_left_open_is_aborted_and_those_who_wait_for_it_are_told() => SimulationLoop.Run(async loop =>
    {
        var engine = await TestEngine.StartAsync(loop);
        var open = engine.Transactions.Begin();
        await open.DepositAsync("a", 1);
        var stopping = engine.Engine.StopAsync(new CancellationToken(true));
        await stopping;

        Assert.IsType<TransactionOutcome.Aborted>(await open.CommitAsync());
        Assert.True(engine.Store.IsDisposed);
        engine.AssertQuiet();
    });

    [Fact]
    public void Stopping_twice_is_stopping_once() => SimulationLoop.Run(async loop =>
    {
        var engine = await TestEngine.StartAsync(loop);
        await engine.Engine.StopAsync(CancellationToken.None);
        await engine.Engine.StopAsync(CancellationToken.None);
        await engine.DisposeAsync();
    });
}
