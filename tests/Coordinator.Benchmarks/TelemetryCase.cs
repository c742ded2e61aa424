using System.Globalization;
using System.Text.Json;

namespace Coordinator.Benchmarks;

/// <summary>
/// What telemetry costs: transfers go on without a pause, and each round listens for one window in each way. Windows of one process, one server and one
/// moment can be compared where runs can't, on a machine that is never twice the same.
/// </summary>
internal static class TelemetryCase
{
    private static readonly string[] s_ways = ["off", "metrics", "on", "all"];

    private readonly record struct Measured(double PerSecond, double CpuMicros, double Allocated);

    public static async Task<bool> RunAsync(Arguments arguments)
    {
        var store = arguments.Text("store", "memory");
        var concurrency = arguments.Number("concurrency", 64);
        var rounds = arguments.Number("rounds", 200);
        var length = TimeSpan.FromMilliseconds(arguments.Number("milliseconds", 250));
        var storage = await BenchmarkStorage.CreateAsync(store);
        await using var _ = storage;
        var host = await BenchmarkHost.StartAsync(storage);
        await using var __ = host;
        var names = Enumerable.Range(0, arguments.Number("accounts", 10_000)).Select(index => index.ToString(CultureInfo.InvariantCulture)).ToArray();
        await TransfersCase.OpenAsync(host.Transactions, names);
        var load = new Load(host.Transactions, names, TransfersCase.Work.From(arguments), concurrency);

        // The first rounds are warm-up: each way has code of its own to compile.
        var warmUp = TimeSpan.FromSeconds(2);
        foreach (var way in s_ways.Append("off"))
        {
            await load.MeasureAsync(way, warmUp);
        }

        var measured = s_ways.ToDictionary(way => way, _ => new List<Measured>());
        for (var round = 0; round < rounds; round++)
        {
            for (var i = 0; i < s_ways.Length; i++)
            {
                var way = s_ways[(round + i) % s_ways.Length]; // each comes first, and last, as often as the others
                measured[way].Add(await load.MeasureAsync(way, length));
            }
        }

        await load.StopAsync();
        foreach (var way in s_ways)
        {
            Print(store, concurrency, rounds, way, measured[way], measured["off"]);
        }

        return await TransfersCase.IsBalancedAsync(host.Transactions, names);
    }

    private static void Print(string store, int concurrency, int rounds, string way, List<Measured> windows, List<Measured> off) =>
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            @case = "telemetry",
            store,
            concurrency,
            telemetry = way,
            rounds,
            committedPerSecond = Math.Round(Median(windows.Select(window => window.PerSecond))),
            throughputRatio = Quartiles(windows.Zip(off, (window, alone) => window.PerSecond / alone.PerSecond)),
            cpuMicrosPerCommit = Math.Round(Median(windows.Select(window => window.CpuMicros)), 1),
            cpuRatio = Quartiles(windows.Zip(off, (window, alone) => window.CpuMicros / alone.CpuMicros)),
            allocatedBytesPerCommit = Math.Round(Median(windows.Select(window => window.Allocated))),
        }));

    private static double Median(IEnumerable<double> values) => Quartiles(values)[1];

    private static double[] Quartiles(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return [.. new[] { 0.25, 0.5, 0.75 }.Select(share => Math.Round(sorted[(int)(share * (sorted.Length - 1))], 3))];
    }

    /// <summary>Transfers that go on until they are stopped.</summary>
    private sealed class Load
    {
        private readonly Task[] _workers;
        private long _committed;
        private volatile bool _stopped;

        public Load(ITransactions transactions, string[] names, TransfersCase.Work work, int concurrency) =>
            _workers = [.. Enumerable.Range(0, concurrency).Select(index => Task.Run(async () =>
            {
                var random = new Random(7919 * (index + 1));
                while (!_stopped)
                {
                    if (await TransfersCase.TransferAsync(transactions, names, work, random))
                    {
                        Interlocked.Increment(ref _committed);
                    }

                    await ClosedLoop.BackOfTheQueue.Instance;
                }
            }))];

        public async Task<Measured> MeasureAsync(string way, TimeSpan window)
        {
            using var listening = BenchmarkTelemetry.Start(way);
            var (committed, processor, allocated) = (Volatile.Read(ref _committed), Environment.CpuUsage.TotalTime, GC.GetTotalAllocatedBytes());
            var since = TimeProvider.System.GetTimestamp();
            await ClosedLoop.WaitAsync(window);
            var seconds = TimeProvider.System.GetElapsedTime(since).TotalSeconds;
            var count = (double)Math.Max(1, Volatile.Read(ref _committed) - committed);
            return new Measured(
                count / seconds,
                (Environment.CpuUsage.TotalTime - processor).TotalMicroseconds / count,
                (GC.GetTotalAllocatedBytes() - allocated) / count);
        }

        public async Task StopAsync()
        {
            _stopped = true;
            await Task.WhenAll(_workers);
        }
    }
}
