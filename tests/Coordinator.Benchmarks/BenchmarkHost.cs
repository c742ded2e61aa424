using Coordinator.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;

namespace Coordinator.Benchmarks;

/// <summary>An embedded coordinator, as an application would add it.</summary>
internal sealed class BenchmarkHost : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    private BenchmarkHost(ServiceProvider services) => _services = services;

    public ITransactions Transactions => _services.GetRequiredService<ITransactions>();

    public TransactionEngine Engine => _services.GetRequiredService<TransactionEngine>();

    public static async Task<BenchmarkHost> StartAsync(
        BenchmarkStorage storage, Action<CoordinatorOptions>? configure = null, Action<CoordinatorBuilder>? add = null)
    {
        var services = new ServiceCollection();
        services.AddSingleton<Microsoft.Extensions.Logging.ILoggerFactory>(NullLoggerFactory.Instance);
        var coordinator = services.AddCoordinator(configure).AddEventsFrom(typeof(BenchmarkHost).Assembly);
        storage.Choose(coordinator);
        add?.Invoke(coordinator);
        var host = new BenchmarkHost(services.BuildServiceProvider());
        foreach (var service in host._services.GetServices<IHostedService>())
        {
            await service.StartAsync(CancellationToken.None);
        }

        return host;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var service in _services.GetServices<IHostedService>())
        {
            await service.StopAsync(CancellationToken.None);
        }

        await _services.DisposeAsync();
    }
}
