using System.Collections.Immutable;
using Coordinator.Log;
using Coordinator.Protocol;
using Points = Coordinator.Testing.Simulation.Situations.Points;

namespace Coordinator.Testing.Simulation;

/// <summary>The log as one process sees it: a connection that is slow, breaks, and tells less than it knows.</summary>
internal sealed partial class SimulatedLogView(SimulationLoop loop, SimulatedLog log, SimulatedProcess process) : ILogStore
{
    private SimulationLoop Loop { get; } = loop;

    private SimulatedLog Log { get; } = log;

    private SimulatedProcess Process { get; } = process;

    /// <inheritdoc/>
    public string Description => "simulated";

    /// <inheritdoc/>
    public ValueTask<OpenedLog> OpenAsync(LogMeta proposed, CancellationToken cancellation) =>
        CallAsync("open", () => Log.Rows.OpenAsync(proposed, CancellationToken.None), cancellation);

    /// <inheritdoc/>
    public ValueTask<ImmutableArray<KeyFinding>> InspectAsync(ImmutableArray<RowKey> keys, CancellationToken cancellation) =>
        CallAsync("inspect", () => Log.Rows.InspectAsync(keys, CancellationToken.None), cancellation);

    /// <inheritdoc/>
    public ValueTask<ImmutableArray<LogRow>> ReadAsync(
        StreamName stream, long fromVersion, int count, UnreadableRows unreadable, CancellationToken cancellation)
    {
        if (unreadable is UnreadableRows.Mark)
        {
            Process.Pass(Points.Recovering);
        }

        return CallAsync("read", () => Log.Rows.ReadAsync(stream, fromVersion, count, unreadable, CancellationToken.None), cancellation);
    }

    /// <inheritdoc/>
    public ValueTask<LogRow?> ReadLastAsync(StreamName stream, CancellationToken cancellation) =>
        CallAsync("read the last row", () => Log.Rows.ReadLastAsync(stream, CancellationToken.None), cancellation);

    /// <inheritdoc/>
    public ValueTask<ShardEnd> ReadShardEndAsync(ushort shard, CancellationToken cancellation) =>
        CallAsync("read the end", () => Log.Rows.ReadShardEndAsync(shard, CancellationToken.None), cancellation);

    /// <inheritdoc/>
    public ValueTask<LogRow?> FindDecisionAsync(TransactionId transaction, CancellationToken cancellation) =>
        CallAsync("find the decision", () => Find(transaction), cancellation);

    private ValueTask<LogRow?> Find(TransactionId transaction)
    {
        var found = SimulatedLog.Completed(Log.Rows.FindDecisionAsync(transaction, CancellationToken.None));
        if (found is not null)
        {
            Log.DecisionFound?.Invoke(Process, transaction);
        }

        return ValueTask.FromResult(found);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>How long it takes to the server, or back.</summary>
    private TimeSpan Way()
    {
        if (!Log.Random.Chance(Log.Faults.Slow))
        {
            return Log.Random.Between(Log.Latency.Min, Log.Latency.Max);
        }

        Loop.Counters.Reach(Situations.Slow);
        return Log.Random.Between(TimeSpan.Zero, Log.Faults.SlowMax);
    }

    /// <summary>A call that changes nothing, or nothing that matters: it is answered, or it fails.</summary>
    private ValueTask<T> CallAsync<T>(string what, Func<ValueTask<T>> call, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        if (MayAnswerAtOnce() && Log.Faults.ReadFails == 0)
        {
            Loop.Trace.Note(Process, $"{what}, at once");
            return call();
        }

        var answer = new TaskCompletionSource<T>();
        if (cancellation.CanBeCanceled)
        {
            _ = cancellation.UnsafeRegister(_ => Process.Post(() => answer.TrySetCanceled(cancellation)), null);
        }

        Process.WhenRunning(() => Loop.After(Way(), Arrive));
        return new ValueTask<T>(answer.Task);

        void Arrive()
        {
            if (Log.Pause > TimeSpan.Zero)
            {
                Loop.Counters.Reach(Situations.PauseMet);
                Log.AfterPause(Arrive);
                return;
            }

            if (Log.IsDown || Log.Random.Chance(Log.Faults.ReadFails))
            {
                Log.ReadsFailed++;
                Loop.Counters.Reach(Log.IsDown ? Situations.DownMetByRead : Situations.ReadFailed);
                Loop.Trace.Note(Process, $"{what}: fails");
                Process.After(Way(), () => answer.TrySetException(new SimulatedStoreException("the connection to the server is lost")));
                return;
            }

            try
            {
                var found = SimulatedLog.Completed(call());
                Loop.Trace.Note(Process, $"{what}: read");
                Process.After(Way(), () => answer.TrySetResult(found));
            }
            catch (Exception error) when (error is LogCorruptException or LogStoreException)
            {
                Loop.Trace.Note(Process, $"{what}: {error.GetType().Name}");
                Process.After(Way(), () => answer.TrySetException(error));
            }
        }
    }

    private bool MayAnswerAtOnce() =>
        Log.IsInstant && !Log.IsDown && !Log.IsFull && Log.Pause <= TimeSpan.Zero && !Process.IsStalled && !Process.IsCrashed;
}
