using Coordinator.Hosting;
using Coordinator.Log;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Coordinator.Tests;

/// <summary>AddCoordinator and its options.</summary>
public sealed class RegistrationTests
{
    [Fact]
    public async Task Added_twice_it_is_one_engine_and_one_hosted_service()
    {
        var services = Services();
        services.AddCoordinator().UseInMemoryLog().ConfigureEvents(events => events.Add<Deposited>());
        services.AddCoordinator(options => options.ParticipantsMax = 3);
        await using var provider = services.BuildServiceProvider();
        var hosted = Assert.Single(provider.GetServices<IHostedService>());
        await hosted.StartAsync(CancellationToken.None);

        Assert.Same(provider.GetRequiredService<ITransactions>(), provider.GetRequiredService<IEventLog>());
        Assert.Equal(3, provider.GetRequiredService<TransactionEngine>().Options.ParticipantsMax);
        Assert.True((await provider.GetRequiredService<ITransactions>().DepositAsync("a", 1)).IsCommitted);
        await hosted.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Health_checks_that_are_added_twice_are_there_once()
    {
        var services = Services();
        services.AddLogging();
        services.AddCoordinator().UseInMemoryLog();
        services.AddHealthChecks().AddCoordinator().AddCoordinator();
        services.AddHealthChecks().AddCoordinator();
        await using var provider = services.BuildServiceProvider();

        var report = await provider.GetRequiredService<HealthCheckService>().CheckHealthAsync();
        Assert.Equal(["coordinator-live", "coordinator-ready"], report.Entries.Keys.Order());
    }

    [Fact]
    public async Task Without_a_log_it_says_which_call_is_missing()
    {
        var services = Services();
        services.AddCoordinator();
        await using var provider = services.BuildServiceProvider();

        Assert.Contains("UseSqlite", Assert.Throws<InvalidOperationException>(provider.GetRequiredService<ITransactions>).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_aggregate_that_was_registered_is_kept_in_snapshots()
    {
        var services = Services();
        var store = new TestStore(new InMemoryLogStore(TimeProvider.System));
        var written = new TaskCompletionSource<Snapshot>(TaskCreationOptions.RunContinuationsAsynchronously);
        store.BeforeSnapshotWrite = written.SetResult;
        services.AddCoordinator().ConfigureEvents(events => events.Add<Deposited>()).UseLogStore(_ => store).AddSnapshots<Account>("bank.account", version: 3, every: 2);
        await using var provider = services.BuildServiceProvider();
        var hosted = Assert.Single(provider.GetServices<IHostedService>());
        await hosted.StartAsync(CancellationToken.None);
        await provider.GetRequiredService<ITransactions>().DepositAsync("a", 1);
        await provider.GetRequiredService<ITransactions>().DepositAsync("a", 1);

        var snapshot = await written.Task.OrFailAsync("snapshot was written");
        Assert.Equal((2L, "bank.account", 3), (snapshot.Version, snapshot.Type, snapshot.TypeVersion));
        await hosted.StopAsync(CancellationToken.None);
    }

    [Theory]
    [InlineData("no name", 1, 1)]
    [InlineData("account", 0, 1)]
    [InlineData("account", 1, 0)]
    [InlineData("taken", 1, 1)]
    public void A_name_version_or_distance_of_snapshots_that_makes_no_sense_is_refused(string name, int version, int every)
    {
        var types = new Aggregates.SnapshotTypes(TestEngine.EventTypes());
        types.Add<Other>("taken", 1, 1, null);
        Assert.ThrowsAny<ArgumentException>(() => types.Add<Account>(name, version, every, null));
        types.Add<Account>("account", 1, 1, null);
        Assert.Throws<ArgumentException>(() => types.Add<Account>("account", 1, 1, null));
    }

    private sealed record Other : IAggregate<Other>
    {
        public static string Category => "other";

        public static Other Initial { get; } = new();

        public Other Apply(object @event) => this;
    }

    [Fact]
    public void The_defaults_are_valid() => Assert.True(new CoordinatorOptionsValidator().Validate(null, new()).Succeeded);

    [Fact]
    public void Every_wrong_option_is_named_with_its_value_and_its_limits()
    {
        var wrong = new CoordinatorOptions
        {
            TransactionTimeout = TimeSpan.Zero,
            VoteTimeout = TimeSpan.FromHours(2),
            LockTimeout = TimeSpan.FromSeconds(-1),
            AppendStallTimeout = TimeSpan.Zero,
            StopTimeout = TimeSpan.Zero,
            IdempotencyWindow = TimeSpan.Zero,
            DecisionRetention = TimeSpan.FromMinutes(1),
            ParticipantsMax = 0,
            RedoBytesMax = 1,
            InFlightMax = -1,
            GroupBytesMax = int.MaxValue,
            ActivationsMax = 0,
            BacklogBytesMax = 1,
            SnapshotBytesMax = 1,
            RestoredAsGeneration = 1,
        };
        var faults = new CoordinatorOptionsValidator().Validate(null, wrong).Failures!.ToList();

        Assert.Equal(15, faults.Count);
        var limited = typeof(CoordinatorOptions).GetProperties().Where(option => option.PropertyType != typeof(bool));
        Assert.All(limited, option => Assert.Contains(faults, fault => fault.StartsWith(option.Name + " is ", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_lock_wait_longer_than_its_transaction_is_refused() => Assert.Contains(
        "Make it shorter", new CoordinatorOptionsValidator().Validate(null, new() { LockTimeout = TimeSpan.FromMinutes(1) }).FailureMessage, StringComparison.Ordinal);

    private static ServiceCollection Services()
    {
        var services = new ServiceCollection();
        services.AddSingleton<ILoggerFactory>(NullLoggerFactory.Instance);
        return services;
    }
}
