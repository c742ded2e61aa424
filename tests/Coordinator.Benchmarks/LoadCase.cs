using System.Diagnostics;
using System.Text.Json;

namespace Coordinator.Benchmarks;

/// <summary>
/// What the first use of an aggregate costs a process, by the length of its history, with snapshots on: a new host each time, which
/// has loaded some other aggregate before (connections, JIT). Interleaved, so that a slow moment of the machine meets all.
/// </summary>
internal static class LoadCase
{
    private const int EventsAtOnce = 1_000;
    private const int EveryDefault = 100;

    public static async Task<bool> RunAsync(Arguments arguments)
    {
        var store = arguments.Text("store", "sqlite");
        var (small, large) = (arguments.Number("small", 100), arguments.Number("large", 100_000));
        var runs = arguments.Number("runs", 60);
        var every = arguments.Number("every", EveryDefault);
        var storage = await BenchmarkStorage.CreateAsync(store);
        await using var _ = storage;
        await FillAsync(storage, every, ("small", small), ("large", large), ("warm", small));

        var times = new Dictionary<string, List<double>> { ["small"] = [], ["large"] = [], ["folded"] = [] };
        var right = true;
        for (var run = 0; run <= runs; run++)
        {
            // Which of the two comes first changes with each run: the second finds the server's pages warm.
            foreach (var name in run % 2 == 0 ? (string[])["small", "large"] : ["large", "small"])
            {
                right &= await MeasureAsync(storage, every, name, name == "small" ? small : large, run > 0 ? times[name] : null);
            }

            if (run <= 3)
            {
                right &= await MeasureAsync(storage, 0, "large", large, run > 0 ? times["folded"] : null);
            }
        }

        var (smallMs, largeMs, foldedMs) = (Median(times["small"]), Median(times["large"]), Median(times["folded"]));
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            @case = "load",
            store,
            small,
            large,
            every,
            runs,
            smallMs = Math.Round(smallMs, 3),
            largeMs = Math.Round(largeMs, 3),
            ratio = Math.Round(largeMs / smallMs, 2),
            smallMinMaxMs = MinMax(times["small"]),
            largeMinMaxMs = MinMax(times["large"]),
            largeWithoutSnapshotsMs = Math.Round(foldedMs, 1),
            right,
        }));
        return right;
    }

    /// <summary>Deposits of 1, so that the balance says how many were folded. The host is stopped once the snapshots are written.</summary>
    private static async Task FillAsync(BenchmarkStorage storage, int every, params (string Name, int Events)[] accounts)
    {
        var host = await StartAsync(storage, every);
        await using var _ = host;
        foreach (var (name, events) in accounts)
        {
            for (var done = 0; done < events; done += EventsAtOnce)
            {
                (await host.Transactions.RunAsync(async transaction =>
                {
                    var account = await transaction.UpdateAsync<Account>(name);
                    for (var i = done; i < Math.Min(events, done + EventsAtOnce); i++)
                    {
                        account.Raise(new Deposited(1));
                    }
                })).EnsureCommitted();
            }
        }

        while (host.Engine.IsTakingSnapshots)
        {
            await Task.Yield();
        }
    }

    private static async Task<bool> MeasureAsync(BenchmarkStorage storage, int every, string name, int events, List<double>? times)
    {
        var host = await StartAsync(storage, every);
        await using var _ = host;
        await LoadAsync(host, "warm");
        var start = Stopwatch.GetTimestamp();
        var balance = await LoadAsync(host, name);
        times?.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds); // the first run pays for the JIT
        return balance == events;
    }

    private static async Task<long> LoadAsync(BenchmarkHost host, string name)
    {
        var balance = 0L;
        (await host.Transactions.RunAsync(async transaction => balance = (await transaction.ReadAsync<Account>(name)).State.Balance)).EnsureCommitted();
        return balance;
    }

    private static Task<BenchmarkHost> StartAsync(BenchmarkStorage storage, int every) => BenchmarkHost.StartAsync(
        storage,
        static options => (options.RedoBytesMax, options.TakeOverAtStart) = (8 << 20, true),
        coordinator => AddSnapshots(coordinator, every));

    /// <summary>None if 0.</summary>
    public static void AddSnapshots(CoordinatorBuilder coordinator, int every)
    {
        if (every > 0)
        {
            coordinator.AddSnapshots<Account>("bank.account", every: every);
        }
    }

    private static double Median(List<double> times) => times.Order().ElementAt(times.Count / 2);

    private static double[] MinMax(List<double> times) => [Math.Round(times.Min(), 3), Math.Round(times.Max(), 3)];
}
