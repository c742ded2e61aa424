using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text.Json.Serialization;

namespace Coordinator.Benchmarks;

/// <summary>What one measured window gave.</summary>
internal sealed record Window(double Seconds, long Committed, long Aborted, double P50Ms, double P99Ms, double AllocatedBytesPerCommit, double CpuMicrosPerCommit, Histogram Latencies);

/// <summary>
/// N workers, each starting its next operation when the last one has ended: first a warm-up, then the measured window. An
/// operation counts if it ends inside the window.
/// </summary>
internal static class ClosedLoop
{
    private const int WarmingUp = 0, Measuring = 1, Stopped = 2;

    public static async Task<Window> RunAsync(int concurrency, TimeSpan warmUp, TimeSpan measured, Func<Random, ValueTask<bool>> operation, int firstWorker = 0)
    {
        var phase = WarmingUp;
        var workers = Enumerable.Range(0, concurrency).Select(index => new Worker(firstWorker + index)).ToArray();
        var running = workers.Select(worker => Task.Run(async () =>
        {
            while (Volatile.Read(ref phase) != Stopped)
            {
                var start = Stopwatch.GetTimestamp();
                var committed = await operation(worker.Random);
                if (Volatile.Read(ref phase) == Measuring)
                {
                    worker.Count(committed, Stopwatch.GetTimestamp() - start);
                }

                await BackOfTheQueue.Instance;
            }
        })).ToArray();

        await WaitAsync(warmUp);
        GC.Collect();
        var allocated = GC.GetTotalAllocatedBytes();
        var processor = Environment.CpuUsage.TotalTime;
        var clock = Stopwatch.StartNew();
        Volatile.Write(ref phase, Measuring);
        await WaitAsync(measured);
        Volatile.Write(ref phase, Stopped);
        var seconds = clock.Elapsed.TotalSeconds;
        allocated = GC.GetTotalAllocatedBytes() - allocated;
        processor = Environment.CpuUsage.TotalTime - processor;
        await Task.WhenAll(running);

        var latencies = new Histogram();
        foreach (var worker in workers)
        {
            latencies.Add(worker.Latencies);
        }

        var committedCount = workers.Sum(worker => worker.Committed);
        return new Window(
            seconds,
            committedCount,
            workers.Sum(worker => worker.Aborted),
            latencies.Milliseconds(0.50),
            latencies.Milliseconds(0.99),
            (double)allocated / Math.Max(1, committedCount),
            processor.TotalMicroseconds / Math.Max(1, committedCount),
            latencies);
    }

    /// <summary>The length of a window is the one thing here that only the clock can end.</summary>
    public static async Task WaitAsync(TimeSpan time)
    {
        var passed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var timer = new Timer(_ => passed.SetResult(), null, time, Timeout.InfiniteTimeSpan);
        await passed.Task;
    }

    private sealed class Worker(int index)
    {
        public Random Random { get; } = new(7919 * (index + 1));

        public Histogram Latencies { get; } = new();

        public long Committed { get; private set; }

        public long Aborted { get; private set; }

        public void Count(bool committed, long ticks)
        {
            if (committed)
            {
                Committed++;
                Latencies.Add(ticks);
            }
            else
            {
                Aborted++;
            }
        }
    }

    /// <summary>Lets every other worker go first: operations that end at once would else keep the few workers that run on a core.</summary>
    public sealed class BackOfTheQueue : INotifyCompletion
    {
        public static BackOfTheQueue Instance { get; } = new();

        public bool IsCompleted => false;

        public BackOfTheQueue GetAwaiter() => this;

        public void GetResult()
        {
        }

        public void OnCompleted(Action continuation) =>
            ThreadPool.QueueUserWorkItem(static next => next(), continuation, preferLocal: false);
    }
}

/// <summary>Counts latencies in buckets that grow by 3 percent, from one microsecond up.</summary>
internal sealed class Histogram
{
    private const double Growth = 1.03;
    private readonly long[] _buckets = new long[800];
    private long _total;

    public Histogram()
    {
    }

    /// <summary>As another process has counted.</summary>
    [JsonConstructor]
    public Histogram(IReadOnlyList<long> buckets)
    {
        for (var i = 0; i < buckets.Count; i++)
        {
            _buckets[i] = buckets[i];
            _total += buckets[i];
        }
    }

    /// <summary>How many latencies each bucket has, up to the last that has any.</summary>
    public IReadOnlyList<long> Buckets => _buckets[..(Array.FindLastIndex(_buckets, static count => count > 0) + 1)];

    public void Add(long stopwatchTicks)
    {
        var micros = stopwatchTicks * 1e6 / Stopwatch.Frequency;
        var bucket = micros <= 1 ? 0 : (int)(Math.Log(micros) / Math.Log(Growth));
        _buckets[Math.Min(bucket, _buckets.Length - 1)]++;
        _total++;
    }

    public void Add(Histogram other)
    {
        for (var i = 0; i < _buckets.Length; i++)
        {
            _buckets[i] += other._buckets[i];
        }

        _total += other._total;
    }

    public void Clear()
    {
        Array.Clear(_buckets);
        _total = 0;
    }

    public double Milliseconds(double quantile)
    {
        var rank = (long)Math.Ceiling(_total * quantile);
        for (var i = 0; i < _buckets.Length; i++)
        {
            rank -= _buckets[i];
            if (rank <= 0)
            {
                return Math.Pow(Growth, i + 0.5) / 1000;
            }
        }

        return 0;
    }
}
