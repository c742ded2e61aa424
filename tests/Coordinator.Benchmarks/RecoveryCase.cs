using System.Diagnostics;
using System.Text.Json;
using Coordinator.Diagnostics;
using Coordinator.Hosting;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Shards;
using Microsoft.Extensions.Logging.Abstractions;

namespace Coordinator.Benchmarks;

/// <summary>
/// How long a new owner needs behind N decided transactions and 1,000 that were in flight when the old one died: half of these
/// have a decision that an external participant has not acknowledged, half have none. Timed until the new owner begins work and every one of
/// them is taken up or answered.
/// </summary>
internal static class RecoveryCase
{
    private const int InFlight = 1_000;
    private const int BatchesAtOnce = 2_000;

    public static async Task<bool> RunAsync(Arguments arguments)
    {
        var store = arguments.Text("store", "memory");
        var decided = arguments.Number("decided", 1_000);
        var runs = arguments.Number("runs", 3);
        var storage = await BenchmarkStorage.CreateAsync(store);
        await using var _ = storage;
        var answered = true;
        var times = new List<double>();
        var replayed = 0L;
        await FillAsync(storage, decided, 0);
        for (var run = 0; run <= runs; run++)
        {
            var undecided = await FillAsync(storage, 1, InFlight / 2); // an owner that dies: nothing is handed over
            var watch = Stopwatch.StartNew();
            var heir = await BenchmarkHost.StartAsync(storage, options => (options.TakeOverAtStart, options.StopTimeout) = (true, TimeSpan.FromMilliseconds(10)));
            foreach (var id in undecided)
            {
                answered &= await heir.Transactions.OutcomeOfAsync(id) is TransactionOutcome.Aborted;
            }

            (await heir.Transactions.RunAsync(async transaction => await transaction.PublishAsync("recovered", new Deposited(1)))).EnsureCommitted();
            var time = watch.Elapsed.TotalMilliseconds;
            replayed = heir.Engine.Epoch - heir.Engine.ReplayedFrom;
            answered &= heir.Engine.RecoveredOpenCount == InFlight / 2;
            await heir.DisposeAsync();
            if (run > 0)
            {
                times.Add(time); // the first one pays for the JIT
            }
        }

        times.Sort();
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            @case = "recovery",
            store,
            decided,
            inFlight = InFlight,
            medianMs = Math.Round(times[times.Count / 2], 1),
            minMs = Math.Round(times[0], 1),
            maxMs = Math.Round(times[^1], 1),
            rowsReplayed = replayed,
            allAnswered = answered,
        }));
        return answered;
    }

    /// <summary>An owner that decides, leaves some decisions unacknowledged and as many transactions undecided, and is gone without a word.</summary>
    private static async Task<List<TransactionId>> FillAsync(BenchmarkStorage storage, int decided, int open)
    {
        await using var store = storage.CreateStore();
        var time = TimeProvider.System;
        var opened = await store.OpenAsync(new LogMeta(new LogIdentity(77, 1), 1, LogMeta.CurrentFormatVersion), CancellationToken.None);
        var claimer = new ShardClaimer(store, opened.Meta, time, SystemRandomSource.Instance, 1, "benchmark", TimeSpan.FromSeconds(10));
        var claimed = await claimer.ClaimAsync(0, await store.ReadShardEndAsync(0, CancellationToken.None), CancellationToken.None);
        var lane = (await ShardRecovery.ReplayAsync(store, claimed!, NullLogger.Instance, CancellationToken.None)).Lane;
        var committer = new GroupCommitter(
            store, time, new MonotonicClock(time), new AppendIds(SystemRandomSource.Instance.Next()), ThreadPoolDispatcher.Instance, NullLogger.Instance, EngineTelemetry.Off, 256 * 1024, long.MaxValue);
        var sequence = 0UL;
        lane.ReadLastSequence = () => Volatile.Read(ref sequence);
        foreach (var state in lane.Open.States.ToList())
        {
            // What an earlier run left open has been acknowledged by now.
            var ended = new Wave(1);
            committer.Enqueue(new PendingAppend(lane, new CommitEvent.TransactionEnded(state.Id), ended));
            await ended.Landed;
        }

        var branch = new Branch(new ParticipantId(new StreamName("warehouse")), new Incarnation(1));
        for (var done = 0; done < decided + open;)
        {
            var wave = new Wave(Math.Min(BatchesAtOnce, decided + open - done));
            for (var i = 0; i < wave.Count; i++, done++)
            {
                committer.Enqueue(new PendingAppend(lane, new CommitEvent.CommitDecided(NewId(), done < decided ? [] : [branch], [], false), wave));
            }

            await wave.Landed;
        }

        return [.. Enumerable.Range(0, open).Select(_ => NewId())];

        TransactionId NewId() =>
            new(opened.Meta.Identity, 0, (ulong)lane.Ownership.Epoch, lane.Ownership.ClaimBits, Interlocked.Increment(ref sequence));
    }

    /// <summary>Batches that are sent together.</summary>
    private sealed class Wave(int count) : IAppendTarget
    {
        private readonly TaskCompletionSource _landed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _missing = count;

        public int Count { get; } = count;

        public Task Landed => _landed.Task;

        public void Settled(PendingAppend append, AppendResult result, LogPosition position, AbortCause? cause)
        {
            if (result is not AppendResult.Appended)
            {
                _landed.TrySetException(new InvalidOperationException($"{result}: {cause}"));
            }
            else if (Interlocked.Decrement(ref _missing) == 0)
            {
                _landed.TrySetResult();
            }
        }
    }
}
