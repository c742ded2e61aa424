using Coordinator.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;

namespace Coordinator.Benchmarks;

/// <summary>An embedded coordinator on a fresh log, as an application would add it.</summary>
internal sealed class BenchmarkHost : IAsyncDisposable
{
    private readonly ServiceProvider _services;
    private readonly DirectoryInfo? _folder;

    private BenchmarkHost(ServiceProvider services, DirectoryInfo? folder)
    {
        _services = services;
        _folder = folder;
    }

    public ITransactions Transactions => _services.GetRequiredService<ITransactions>();

    public TransactionEngine Engine => _services.GetRequiredService<TransactionEngine>();

    public static async Task<BenchmarkHost> StartAsync(string store)
    {
        var services = new ServiceCollection();
        services.AddSingleton<Microsoft.Extensions.Logging.ILoggerFactory>(NullLoggerFactory.Instance);
        var coordinator = services.AddCoordinator().AddEventsFrom(typeof(BenchmarkHost).Assembly);
        DirectoryInfo? folder = null;
        switch (store)
        {
            case "memory":
                coordinator.UseInMemoryLog();
                break;
            case "sqlite":
                folder = Directory.CreateTempSubdirectory("coordinator-benchmark-");
                coordinator.UseSqlite(Path.Combine(folder.FullName, "log.db"));
                break;
            default:
                throw new UsageException($"--store must be memory or sqlite, not '{store}'.");
        }

        var host = new BenchmarkHost(services.BuildServiceProvider(), folder);
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
        _folder?.Delete(recursive: true);
    }
}
