using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Coordinator.Benchmarks;

/// <summary>
/// Ways to transfer, compared: transfers go on without a pause, and each round has one window of each way, in turn. Windows of one process,
/// one server and one moment can be compared where runs can't, on a machine that is never twice the same.
/// </summary>
internal static class CompareCase
{
    private const int HotAccounts = 10;

    private sealed record Way(string Name, TransfersCase.Work Work, bool IsHot, string Telemetry)
    {
        public static Way Named(string name)
        {
            var plain = new TransfersCase.Work(new TransactionOptions(), ReadsThird: false, InOrder: true);
            var optimistic = plain with { Options = new TransactionOptions { Mode = ConcurrencyMode.Optimistic } };
            return name switch
            {
                "transfers" => new Way(name, plain, false, "off"),
                "read-third" => new Way(name, plain with { ReadsThird = true }, false, "off"),
                "hot" => new Way(name, plain, true, "off"),
                "hot-any-order" => new Way(name, plain with { InOrder = false }, true, "off"),
                "optimistic" => new Way(name, optimistic, false, "off"),
                "hot-optimistic" => new Way(name, optimistic, true, "off"),
                "metrics" or "on" or "all" => new Way(name, plain, false, name),
                _ => throw new UsageException($"--ways: '{name}' is none of transfers, read-third, hot, hot-any-order, optimistic, hot-optimistic, metrics, on, all."),
            };
        }
    }

    private readonly record struct Measured(double PerSecond, double CpuMicros, double Allocated);

    public static async Task<bool> RunAsync(Arguments arguments)
    {
        var store = arguments.Text("store", "memory");
        var concurrency = arguments.Number("concurrency", 64);
        var rounds = arguments.Number("rounds", 20);
        var length = TimeSpan.FromMilliseconds(arguments.Number("milliseconds", 1000));
        var ways = arguments.Text("ways", "transfers,read-third,hot,hot-any-order").Split(',').Select(Way.Named).ToArray();
        var storage = await BenchmarkStorage.CreateAsync(store);
        await using var _ = storage;
        var host = await BenchmarkHost.StartAsync(storage);
        await using var __ = host;
        var names = Enumerable.Range(0, arguments.Number("accounts", 10_000)).Select(index => index.ToString(CultureInfo.InvariantCulture)).ToArray();
        await TransfersCase.OpenAsync(host.Transactions, names);
        var load = new Load(host.Transactions, names, concurrency, ways);

        // The first rounds are warm-up: each way has code of its own to compile.
        var warmUp = TimeSpan.FromSeconds(2);
        for (var way = 0; way <= ways.Length; way++)
        {
            await load.MeasureAsync(way % ways.Length, warmUp);
        }

        load.Forget();
        var measured = ways.Select(_ => new List<Measured>()).ToArray();
        for (var round = 0; round < rounds; round++)
        {
            for (var i = 0; i < ways.Length; i++)
            {
                var way = (round + i) % ways.Length; // each comes first, and last, as often as the others
                measured[way].Add(await load.MeasureAsync(way, length));
            }
        }

        await load.StopAsync();
        for (var way = 0; way < ways.Length; way++)
        {
            Print(store, concurrency, ways[way].Name, measured[way], measured[0], load.LatenciesOf(way), load.AbortedOf(way));
        }

        return await TransfersCase.IsBalancedAsync(host.Transactions, names);
    }

    private static void Print(
        string store, int concurrency, string way, List<Measured> windows, List<Measured> first, Histogram latencies, long aborted) =>
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            @case = "compare",
            store,
            concurrency,
            way,
            rounds = windows.Count,
            committedPerSecond = Math.Round(Median(windows.Select(window => window.PerSecond))),
            aborted,
            p50Ms = Math.Round(latencies.Milliseconds(0.50), 2),
            p99Ms = Math.Round(latencies.Milliseconds(0.99), 2),
            throughputRatio = Quartiles(windows.Zip(first, (window, other) => window.PerSecond / other.PerSecond)),
            cpuMicrosPerCommit = Math.Round(Median(windows.Select(window => window.CpuMicros)), 1),
            cpuRatio = Quartiles(windows.Zip(first, (window, other) => window.CpuMicros / other.CpuMicros)),
            allocatedBytesPerCommit = Math.Round(Median(windows.Select(window => window.Allocated))),
        }));

    private static double Median(IEnumerable<double> values) => Quartiles(values)[1];

    private static double[] Quartiles(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return [.. new[] { 0.25, 0.5, 0.75 }.Select(share => Math.Round(sorted[(int)(share * (sorted.Length - 1))], 3))];
    }

    /// <summary>Transfers that go on until they are stopped, in the way of the moment.</summary>
    private sealed class Load
    {
        private readonly Way[] _ways;
        private readonly Histogram[] _latencies; // of a worker in a way: worker x ways + way
        private readonly long[] _aborted;
        private readonly Task[] _workers;
        private long _committed;
        private volatile int _way;
        private volatile bool _stopped;

        public Load(ITransactions transactions, string[] names, int concurrency, Way[] ways)
        {
            _ways = ways;
            _latencies = [.. Enumerable.Range(0, concurrency * ways.Length).Select(_ => new Histogram())];
            _aborted = new long[ways.Length];
            var hot = names[..HotAccounts];
            _workers = [.. Enumerable.Range(0, concurrency).Select(worker => Task.Run(async () =>
            {
                var random = new Random(7919 * (worker + 1));
                while (!_stopped)
                {
                    var way = _way;
                    var start = Stopwatch.GetTimestamp();
                    if (await TransfersCase.TransferAsync(transactions, ways[way].IsHot ? hot : names, ways[way].Work, random))
                    {
                        Interlocked.Increment(ref _committed);
                        _latencies[(worker * ways.Length) + way].Add(Stopwatch.GetTimestamp() - start);
                    }
                    else
                    {
                        Interlocked.Increment(ref _aborted[way]);
                    }

                    await ClosedLoop.BackOfTheQueue.Instance;
                }
            }))];
        }

        public async Task<Measured> MeasureAsync(int way, TimeSpan window)
        {
            using var listening = BenchmarkTelemetry.Start(_ways[way].Telemetry);
            _way = way;
            var (committed, processor, allocated) = (Volatile.Read(ref _committed), Environment.CpuUsage.TotalTime, GC.GetTotalAllocatedBytes());
            var since = Stopwatch.GetTimestamp();
            await ClosedLoop.WaitAsync(window);
            var seconds = Stopwatch.GetElapsedTime(since).TotalSeconds;
            var count = (double)Math.Max(1, Volatile.Read(ref _committed) - committed);
            return new Measured(
                count / seconds,
                (Environment.CpuUsage.TotalTime - processor).TotalMicroseconds / count,
                (GC.GetTotalAllocatedBytes() - allocated) / count);
        }

        /// <summary>What was counted so far was the warm-up; counting beside it may lose one or two.</summary>
        public void Forget()
        {
            foreach (var latencies in _latencies)
            {
                latencies.Clear();
            }

            Array.Clear(_aborted);
        }

        public Histogram LatenciesOf(int way)
        {
            var sum = new Histogram();
            for (var at = way; at < _latencies.Length; at += _ways.Length)
            {
                sum.Add(_latencies[at]);
            }

            return sum;
        }

        public long AbortedOf(int way) => Volatile.Read(ref _aborted[way]);

        public async Task StopAsync()
        {
            _stopped = true;
            await Task.WhenAll(_workers);
        }
    }
}
