using Coordinator.Hosting;
using Coordinator.Log;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;
using Polly;
using Polly.Retry;
using Xunit;

namespace Coordinator.Tests.Snippets;

/// <summary>What the pages show of registration: run where memory will do, resolved where a database would be needed.</summary>
public sealed class RegistrationSnippets
{
    [Fact]
    public async Task The_coordinator_is_registered()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);

        #region register
        builder.Services.AddCoordinator(options => options.TransactionTimeout = TimeSpan.FromSeconds(10))
            .AddEventsFrom(typeof(Stock).Assembly)   // types with [EventType]
            .UseSqlite("shop.db");                   // or UsePostgreSql(...), or UseInMemoryLog() for a trial
        #endregion

        await using var provider = builder.Services.BuildServiceProvider();
        Assert.Contains("shop.db", provider.GetRequiredService<ILogStore>().Description, StringComparison.Ordinal);
        Assert.Equal(TimeSpan.FromSeconds(10), provider.GetRequiredService<TransactionEngine>().Options.TransactionTimeout);
    }

    [Fact]
    public async Task A_log_in_SQLite_is_chosen()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);

        #region sqlite
        builder.Services.AddCoordinator()
            .UseSqlite("/var/lib/shop/shop.db", options => options.CreateIfMissing = false);
        #endregion

        await using var provider = builder.Services.BuildServiceProvider();
        Assert.False(provider.GetRequiredService<IOptions<SqliteLogOptions>>().Value.CreateIfMissing);
        Assert.Contains("CREATE TABLE", SqliteLogOptions.SchemaScript, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_log_in_PostgreSQL_is_chosen()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);

        #region postgres
        builder.Services.AddCoordinator()
            .UsePostgreSql("Host=db;Database=shop;Username=shop;Password=...", options => options.LockTimeout = TimeSpan.FromSeconds(1));
        #endregion

        await using var provider = builder.Services.BuildServiceProvider();
        Assert.NotNull(provider.GetRequiredService<ILogStore>());
        Assert.Equal(TimeSpan.FromSeconds(1), provider.GetRequiredService<IOptions<PostgreSqlLogOptions>>().Value.LockTimeout);
    }

    [Fact]
    public async Task A_host_stands_by_and_forgets_after_a_month()
    {
        await using var host = await SnippetHost.StartAsync(builder =>
        {
            #region standby
            builder.Services.AddCoordinator(options =>
            {
                options.WaitForOwnership = false;   // start although another host owns the log
                options.StopTimeout = TimeSpan.FromSeconds(20);
            });
            #endregion

            #region retention
            builder.Services.AddCoordinator(options =>
            {
                options.DecisionRetention = TimeSpan.FromDays(30);
                options.IdempotencyWindow = TimeSpan.FromDays(2);
            });
            #endregion

            builder.Services.AddCoordinator(options => options.WaitForOwnership = true);
        });

        Assert.Equal(TimeSpan.FromDays(30), host.Services.GetRequiredService<TransactionEngine>().Options.DecisionRetention);
    }

    [Fact]
    public async Task A_restore_is_declared()
    {
        await using var host = await SnippetHost.StartAsync(builder =>
        {
            #region restored
            builder.Services.AddCoordinator(options => options.RestoredAsGeneration = 2);   // greater than every generation it had
            #endregion
        });

        Assert.True((await host.Transactions.RunAsync(transaction => transaction.ReadAsync<Stock>("lamp").AsTask())).IsCommitted);
    }

    [Fact]
    public async Task Work_is_run_again_by_strategies_of_Polly()
    {
        await using var host = await SnippetHost.StartAsync(builder =>
        {
            #region reruns
            builder.Services.AddCoordinator().UseReruns(pipeline => pipeline.AddRetry(new RetryStrategyOptions<TransactionOutcome>
            {
                ShouldHandle = arguments => new(arguments.Outcome.Result is TransactionOutcome.Aborted { IsWorthRerun: true }),
                MaxRetryAttempts = 3,
            }));
            #endregion
        });

        Assert.True((await host.Transactions.RunAsync(transaction => transaction.ReadAsync<Stock>("lamp").AsTask())).IsCommitted);
    }

    [Fact]
    public async Task An_aggregate_is_kept_in_snapshots()
    {
        await using var host = await SnippetHost.StartAsync(builder =>
        {
            #region snapshots
            builder.Services.AddCoordinator()
                .AddSnapshots<Stock>("shop.stock", version: 1, every: 100);   // only what is registered has snapshots
            #endregion
        });

        Assert.Equal(5, (await host.Aggregates.ReadAsync<Stock>("lamp")).State.Available);
    }

    [Fact]
    public async Task Events_are_declared_one_by_one()
    {
        await using var host = await SnippetHost.StartAsync(builder =>
        {
            #region events
            builder.Services.AddCoordinator().ConfigureEvents(events => events
                .Add<StockMoved>()                       // under the name on its [EventType]
                .Add<DateOnly>("calendar.day", 2));      // a type that can't carry one
            #endregion
        });

        await host.Transactions.RunAsync(transaction => transaction.PublishAsync("days", new DateOnly(2026, 1, 1)).AsTask());
        await foreach (var recorded in host.Log.ReadStreamAsync("days"))
        {
            Assert.Equal(("calendar.day", 2, new DateOnly(2026, 1, 1)), (recorded.Type, recorded.TypeVersion, recorded.Event));
        }
    }

    [Fact]
    public async Task Health_is_told()
    {
        await using var host = await SnippetHost.StartAsync(builder =>
        {
            #region health
            builder.Services.AddHealthChecks().AddCoordinator();
            #endregion
        });

        var report = await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
        Assert.Equal(["coordinator-live", "coordinator-ready"], report.Entries.Keys.Order());
        Assert.Equal(HealthStatus.Healthy, report.Status);
    }

    // Compiled, not run: it would listen to the tests beside it. The Shop's test runs the same, in a process of its own.
    internal static void ExportTelemetry()
    {
        #region telemetry
        using var metrics = Sdk.CreateMeterProviderBuilder().AddMeter(CoordinatorTelemetry.MeterName).AddOtlpExporter().Build();
        using var traces = Sdk.CreateTracerProviderBuilder().AddSource(CoordinatorTelemetry.ActivitySourceName).AddOtlpExporter().Build();
        #endregion
    }
}
