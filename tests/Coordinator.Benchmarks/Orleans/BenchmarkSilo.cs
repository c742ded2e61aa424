using System.Net;
using Coordinator.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;

namespace Coordinator.Benchmarks.Orleans;

/// <summary>Where a silo of a benchmark listens.</summary>
/// <param name="Port">For silos.</param>
/// <param name="Gateway">For clients.</param>
/// <param name="Primary">The port of the silo that knows the others.</param>
internal sealed record SiloPorts(int Port, int Gateway, int Primary);

/// <summary>A silo with a coordinator, as an application would build it.</summary>
internal sealed class BenchmarkSilo : IAsyncDisposable
{
    private readonly IHost _host;

    private BenchmarkSilo(IHost host) => _host = host;

    public IGrainFactory Grains => _host.Services.GetRequiredService<IGrainFactory>();

    public TransactionEngine Engine => _host.Services.GetRequiredService<TransactionEngine>();

    public static async Task<BenchmarkSilo> StartAsync(SiloPorts ports, Action<CoordinatorBuilder> choose)
    {
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Logging.ClearProviders();
        builder.UseOrleans(silo =>
        {
            silo.UseLocalhostClustering(ports.Port, ports.Gateway, new IPEndPoint(IPAddress.Loopback, ports.Primary));
            silo.Configure<GrainCollectionOptions>(static options => options.CollectionAge = TimeSpan.FromHours(2)); // nothing is loaded twice in a run
            choose(silo.AddCoordinator().AddEventsFrom(typeof(BenchmarkSilo).Assembly));
        });
        var silo = new BenchmarkSilo(builder.Build());
        await silo._host.StartAsync();
        return silo;
    }

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
    }

    /// <summary>Every account is loaded and written once before anything is measured.</summary>
    public async Task PrimeAsync(int accounts)
    {
        var transfers = Grains.GetGrain<ITransferGrain>(0);
        await Parallel.ForEachAsync(
            Enumerable.Range(0, accounts / 2),
            new ParallelOptions { MaxDegreeOfParallelism = 64 },
            async (pair, _) => await transfers.Transfer(2 * pair, (2 * pair) + 1, 1, inOrder: true));
    }

    /// <summary>Transfers between two accounts drawn at random.</summary>
    public ValueTask<bool> TransferAsync(int accounts, bool inOrder, Random random)
    {
        var from = random.Next(accounts);
        var to = (from + 1 + random.Next(accounts - 1)) % accounts;
        return new(Grains.GetGrain<ITransferGrain>(0).Transfer(from, to, random.Next(1, 100), inOrder));
    }

    public async Task<bool> IsBalancedAsync(int accounts)
    {
        const int Chunk = 50;
        long sum = 0;
        for (var first = 0; first < accounts; first += Chunk)
        {
            sum += await Grains.GetGrain<ITransferGrain>(0).Sum(first, Math.Min(Chunk, accounts - first));
        }

        return sum == Balance.Initial * accounts;
    }
}
