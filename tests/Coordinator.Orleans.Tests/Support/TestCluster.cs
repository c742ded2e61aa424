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

    private TestCluster(int silos, Action<ISiloBuilder, CoordinatorBuilder>? configure, bool isClientForeign)
    {
        var builder = new InProcessTestClusterBuilder((short)silos);
        builder.Options.ConfigureFileLogging = false;
        builder.ConfigureSilo((_, silo) =>
        {
            var coordinator = silo.AddCoordinator(static options => options.LockTimeout = TimeSpan.FromSeconds(2)).AddEventsFrom(typeof(TestCluster).Assembly).UseLogStore(_ => _log);
            configure?.Invoke(silo, coordinator);
        });
        if (!isClientForeign)
        {
            builder.ConfigureClient(static client => client.AddCoordinatorClient());
        }

        _cluster = builder.Build();
    }

    public InProcessTestCluster Orleans => _cluster;

    public IGrainFactory Grains => _cluster.Client;

    /// <summary>Of the client.</summary>
    public ITransactions ClientTransactions => _cluster.Client.ServiceProvider.GetRequiredService<ITransactions>();

    /// <param name="silos">How many.</param>
    /// <param name="configure">More of each.</param>
    /// <param name="isClientForeign">The client knows nothing of transactions.</param>
    public static async Task<TestCluster> StartAsync(int silos, Action<ISiloBuilder, CoordinatorBuilder>? configure = null, bool isClientForeign = false)
    {
        var cluster = new TestCluster(silos, configure, isClientForeign);
        await cluster._cluster.DeployAsync().WaitAsync(TimeSpan.FromMinutes(1));
        return cluster;
    }

    /// <summary>A service of a silo.</summary>
    public T Of<T>(int silo = 0)
        where T : notnull => _cluster.Silos[silo].ServiceProvider.GetRequiredService<T>();

    /// <summary>A service of every silo.</summary>
    public IEnumerable<T> All<T>()
        where T : notnull => _cluster.Silos.Select(static silo => silo.ServiceProvider.GetRequiredService<T>());

    /// <summary>What an account holds, read in a transaction.</summary>
    public async Task<long> ReadAsync(IAccount account)
    {
        var value = 0L;
        Assert.True((await Of<ITransactions>().RunAsync(async _ => value = await account.Read())).IsCommitted);
        return value;
    }

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();
}

/// <summary>One silo, for all tests of a class.</summary>
public sealed class OneSilo : IAsyncLifetime
{
    public TestCluster Cluster { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Cluster = await TestCluster.StartAsync(1);

    public ValueTask DisposeAsync() => Cluster.DisposeAsync();
}
