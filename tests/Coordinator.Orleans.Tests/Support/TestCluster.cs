using Coordinator.Log;
using Microsoft.Extensions.DependencyInjection;
using Orleans.TestingHost;
using Xunit;

namespace Coordinator.Orleans.Tests;

/// <summary>Silos in this process, on one log in memory.</summary>
public sealed class TestCluster : IAsyncDisposable
{
    private readonly InMemoryLogStore _log = new(TimeProvider.System);
    private readonly InProcessTestCluster _cluster;

    private TestCluster(int silos, Action<ISiloBuilder, CoordinatorBuilder>? configure)
    {
        var builder = new InProcessTestClusterBuilder((short)silos);
        builder.Options.ConfigureFileLogging = false;
        builder.ConfigureSilo((_, silo) =>
        {
            var coordinator = silo.AddCoordinator(static options => options.LockTimeout = TimeSpan.FromSeconds(2)).AddEventsFrom(typeof(TestCluster).Assembly).UseLogStore(_ => _log);
            configure?.Invoke(silo, coordinator);
        });
        builder.ConfigureClient(static client => client.AddCoordinatorClient());
        _cluster = builder.Build();
    }

    public InProcessTestCluster Orleans => _cluster;

    public IGrainFactory Grains => _cluster.Client;

    /// <summary>Of the client.</summary>
    public ITransactions ClientTransactions => _cluster.Client.ServiceProvider.GetRequiredService<ITransactions>();

    public static async Task<TestCluster> StartAsync(int silos, Action<ISiloBuilder, CoordinatorBuilder>? configure = null)
    {
        var cluster = new TestCluster(silos, configure);
        await cluster._cluster.DeployAsync().WaitAsync(TimeSpan.FromMinutes(1));
        return cluster;
    }

    /// <summary>A service of a silo.</summary>
    public T Of<T>(int silo = 0)
        where T : notnull => _cluster.Silos[silo].ServiceProvider.GetRequiredService<T>();

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();
}

/// <summary>One silo, for all tests of a class.</summary>
public sealed class OneSilo : IAsyncLifetime
{
    public TestCluster Cluster { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Cluster = await TestCluster.StartAsync(1);

    public ValueTask DisposeAsync() => Cluster.DisposeAsync();
}
