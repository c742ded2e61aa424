using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace Coordinator.Benchmarks.Orleans;

/// <summary>
/// Bank transfers between account grains, on one silo or on several of which each is a process of its own: every silo carries its part of the workers.
/// </summary>
internal static class OrleansTransfersCase
{
    // Until then the runtime compiles, on the same cores.
    private const int WarmUpSeconds = 25;

    public static async Task<bool> RunAsync(Arguments arguments)
    {
        var store = arguments.Text("store", "memory");
        var silos = arguments.Number("silos", 1);
        var load = SiloLoad.From(arguments);
        if (silos > 1 && store != "postgres")
        {
            throw new UsageException("Several silos are several processes: --store postgres.");
        }

        var storage = await BenchmarkStorage.CreateAsync(store);
        await using var _ = storage;
        var ports = Enumerable.Range(0, silos).Select(_ => (Silo: FreePort(), Gateway: FreePort())).ToArray();
        var primary = ports[0].Silo;
        var silo = await BenchmarkSilo.StartAsync(new SiloPorts(primary, ports[0].Gateway, primary), storage.Choose);
        await using var __ = silo;
        var others = new List<SiloProcess>();
        foreach (var (port, gateway) in ports.Skip(1))
        {
            others.Add(await SiloProcess.StartAsync(new SiloPorts(port, gateway, primary), storage.ConnectionString));
        }

        try
        {
            return await MeasureAsync(silo, others, store, load, arguments.Seconds("warmup", WarmUpSeconds), arguments.Seconds("seconds", 5));
        }
        finally
        {
            foreach (var other in others)
            {
                await other.DisposeAsync();
            }
        }
    }

    private static async Task<bool> MeasureAsync(
        BenchmarkSilo silo, List<SiloProcess> others, string store, SiloLoad load, TimeSpan warmUp, TimeSpan measured)
    {
        await silo.PrimeAsync(load.Accounts);
        var shares = load.Over(others.Count + 1);
        var committer = silo.Engine.Committer;
        var (batches, groups) = (committer.BatchCount, committer.GroupCount);
        var elsewhere = others.Select((other, index) => other.RunAsync(shares[index + 1], warmUp, measured)).ToArray();
        var own = await shares[0].RunAsync(silo, warmUp, measured);
        var windows = (await Task.WhenAll(elsewhere)).Prepend(own).ToArray();
        batches = committer.BatchCount - batches;
        groups = committer.GroupCount - groups;

        var latencies = new Histogram();
        foreach (var window in windows)
        {
            latencies.Add(window.Latencies);
        }

        var balanced = await silo.IsBalancedAsync(load.Accounts);
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            @case = "transfers",
            host = "orleans",
            silos = windows.Length,
            store,
            accounts = load.Accounts,
            concurrency = load.Concurrency,
            inOrder = load.InOrder,
            committedPerSecond = Math.Round(windows.Sum(static window => window.Committed / window.Seconds)),
            abortedPerSecond = Math.Round(windows.Sum(static window => window.Aborted / window.Seconds), 1),
            p50Ms = Math.Round(latencies.Milliseconds(0.50), 3),
            p99Ms = Math.Round(latencies.Milliseconds(0.99), 3),
            ownBatchesPerSync = Math.Round((double)batches / Math.Max(1, groups), 1),
            allocatedBytesPerCommit = Math.Round(own.AllocatedBytesPerCommit),
            cpuMicrosPerCommit = Math.Round(own.CpuMicrosPerCommit, 1),
            balanced,
        }));
        return balanced;
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}

/// <summary>What one silo has to do.</summary>
internal sealed record SiloLoad(int Accounts, int Concurrency, bool InOrder, int FirstWorker)
{
    public static SiloLoad From(Arguments arguments) => new(
        arguments.Number("accounts", 10_000), arguments.Number("concurrency", 64), arguments.Has("in-order"), int.Parse(arguments.Text("first-worker", "0"), CultureInfo.InvariantCulture));

    /// <summary>Its parts.</summary>
    public SiloLoad[] Over(int silos) => [.. Enumerable.Range(0, silos).Select(silo =>
    {
        var first = Concurrency * silo / silos;
        return this with { Concurrency = (Concurrency * (silo + 1) / silos) - first, FirstWorker = first };
    })];

    public Task<Window> RunAsync(BenchmarkSilo silo, TimeSpan warmUp, TimeSpan measured) =>
        ClosedLoop.RunAsync(Concurrency, warmUp, measured, random => silo.TransferAsync(Accounts, InOrder, random), FirstWorker);
}
