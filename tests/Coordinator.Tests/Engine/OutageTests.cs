using Coordinator.Hosting;
using Coordinator.Protocol;
using Coordinator.Testing.Faults;
using Coordinator.Testing.Simulation;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Coordinator.Tests;

/// <summary>While the store does not write: nothing new begins, what waits is bounded, and all goes on when it is back (L04, L10).</summary>
public sealed class OutageTests
{
    [Fact]
    public void A_store_that_cant_write_refuses_new_work_after_a_second_and_takes_it_again_when_it_can() => SimulationLoop.Run(async loop =>
    {
        var full = false;
        await using var engine = await TestEngine.StartAsync(
            loop, faults: inner => new FaultyLogStore(inner, () => full ? AppendFault.TryAgain : AppendFault.None));
        full = true;
        var waiting = engine.Transactions.DepositAsync("a", 1);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(2));

        var refused = Assert.Throws<TransactionRefusedException>(() => engine.Transactions.Begin());
        Assert.Contains("has not written for", refused.Message, StringComparison.Ordinal);
        Assert.False(engine.Engine.IsEnded);
        full = false;
        await loop.AdvanceAsync(TimeSpan.FromSeconds(2));

        Assert.True((await waiting).IsCommitted);
        Assert.Null(engine.Engine.NotReadyReason);
        Assert.True((await engine.Transactions.DepositAsync("a", 1)).IsCommitted);
    });

    [Fact]
    public void A_store_that_does_not_answer_refuses_new_work_too() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        engine.Store.HoldsAppends = true;
        var waiting = engine.Transactions.DepositAsync("a", 1);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(2));

        Assert.Contains("has not written for", Assert.Throws<TransactionRefusedException>(() => engine.Transactions.Begin()).Message, StringComparison.Ordinal);
        engine.Store.Release();
        Assert.True((await waiting).IsCommitted);
        Assert.Null(engine.Engine.NotReadyReason);
    });

    [Fact]
    public void A_store_that_takes_no_heartbeat_makes_its_host_unready_though_nothing_is_written() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        engine.Store.LosesBeats = true;
        await loop.AdvanceAsync(TimeSpan.FromSeconds(5));
        Assert.Contains("heartbeat", engine.Engine.NotReadyReason, StringComparison.Ordinal);

        engine.Store.LosesBeats = false;
        await loop.AdvanceAsync(TimeSpan.FromSeconds(1));
        Assert.Null(engine.Engine.NotReadyReason);
    });

    [Fact]
    public void Commits_beyond_the_backlog_are_aborted_and_no_others() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, configure: options => options.BacklogBytesMax = 64 * 1024);
        engine.Store.HoldsAppends = true;
        var text = new string('x', 20_000);
        var begun = Enumerable.Range(0, 6).Select(_ => engine.Transactions.Begin()).ToList();
        for (var at = 0; at < begun.Count; at++)
        {
            await begun[at].PublishAsync($"notes/{at}", new Noted(text));
        }

        var all = begun.Select(async transaction => await transaction.CommitAsync()).ToList();
        await loop.IdleAsync();
        var refused = Assert.Throws<TransactionRefusedException>(() => engine.Transactions.Begin());
        Assert.Contains("BacklogBytesMax", refused.Message, StringComparison.Ordinal);
        engine.Store.Release();
        var outcomes = await Task.WhenAll(all);

        Assert.Equal(3, outcomes.Count(outcome => outcome.IsCommitted));
        Assert.All(outcomes.OfType<TransactionOutcome.Aborted>(), aborted => Assert.Equal(AbortReason.Overloaded, aborted.Cause.Reason));
        foreach (var outcome in outcomes)
        {
            Assert.Equal(outcome.IsCommitted, await engine.IsCommittedInLogAsync(outcome.Id));
        }

        Assert.True((await engine.Transactions.DepositAsync("a", 1)).IsCommitted);
        engine.AssertNoViolation();
    });

    [Fact]
    public async Task The_health_checks_say_ready_and_alive()
    {
        var services = new ServiceCollection();
        services.AddSingleton<ILoggerFactory>(NullLoggerFactory.Instance);
        services.AddLogging();
        services.AddCoordinator().UseInMemoryLog();
        services.AddHealthChecks().AddCoordinator();
        await using var provider = services.BuildServiceProvider();
        var health = provider.GetRequiredService<HealthCheckService>();
        Assert.Equal((HealthStatus.Unhealthy, HealthStatus.Healthy), await CheckAsync());

        var engine = provider.GetRequiredService<TransactionEngine>();
        await engine.StartAsync(CancellationToken.None);
        Assert.Equal((HealthStatus.Healthy, HealthStatus.Healthy), await CheckAsync());
        await engine.StopAsync(CancellationToken.None);
        Assert.Equal((HealthStatus.Unhealthy, HealthStatus.Healthy), await CheckAsync());

        async Task<(HealthStatus Ready, HealthStatus Live)> CheckAsync()
        {
            var report = await health.CheckHealthAsync(TestContext.Current.CancellationToken);
            return (report.Entries["coordinator-ready"].Status, report.Entries["coordinator-live"].Status);
        }
    }
}
