using Coordinator.Diagnostics;
using Coordinator.Hosting;
using Coordinator.Log;
using Coordinator.Protocol;
using Microsoft.Extensions.Logging;

namespace Coordinator.Aggregates;

/// <summary>
/// Reads snapshots and says whether they may be used; takes new ones beside the transactions, one at a time. What it can't keep up with
/// it drops: a snapshot that was not taken costs time, and the next event asks for it again.
/// </summary>
/// <remarks>
/// A snapshot is taken of a state that is known durable, and only after its last row was read back from the log: that gives the
/// append id, and is a second look at the promise that a snapshot never holds what the log may lose.
/// </remarks>
internal sealed partial class SnapshotKeeper(
    ILogStore log,
    ISnapshotStore? store,
    TimeProvider time,
    MonotonicClock clock,
    IDispatcher dispatcher,
    Func<LogRow, bool> isKnownDurable,
    int bytesMax,
    EngineTelemetry telemetry,
    ILogger logger) : IThreadPoolWorkItem
{
    private const int WaitingMax = 256;
    private const int AlarmsMax = 1000;
    private static readonly TimeSpan WarningPeriod = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly Queue<FoldedActivation> _waiting = new();
    private readonly Queue<StreamName> _unreadable = new();
    private readonly HashSet<StreamName> _alarmed = [];
    private TimeSpan _warnAgainAt;
    private byte _generation;
    private bool _running;
    private bool _stopped;

    /// <summary>There is no place for snapshots.</summary>
    public bool IsOff => store is null;

    /// <summary>Nothing is being written.</summary>
    public bool IsIdle
    {
        get
        {
            lock (_gate)
            {
                return !_running;
            }
        }
    }

    /// <summary>The log was opened, in this generation.</summary>
    public void Open(byte generation) => _generation = generation;

    /// <summary>Takes no more; what is being written ends by itself.</summary>
    public void Stop()
    {
        lock (_gate)
        {
            _stopped = true;
            _waiting.Clear();
            _unreadable.Clear();
        }
    }

    /// <summary>
    /// A stream's snapshot; with its state, if that is of the type and the version that this process knows. Null if there is none, or
    /// none that can be read: the log itself says everything.
    /// </summary>
    public async ValueTask<(Snapshot Snapshot, object? State)?> ReadAsync(StreamName stream, SnapshotType type, CancellationToken cancellation)
    {
        try
        {
            var found = await store!.ReadSnapshotAsync(stream, cancellation).ConfigureAwait(false);
            if (found is null)
            {
                return null;
            }

            if (found.Fault is { } fault)
            {
                SnapshotUnreadable(logger, stream, fault);
                Enqueue(_unreadable, stream); // its version may be damaged too: a later one would not replace it
                return null;
            }

            return (found, found.Type == type.Name && found.TypeVersion == type.Version ? StateOf(found, type) : null);
        }
        catch (Exception error) when (error is not OutOfMemoryException && !cancellation.IsCancellationRequested)
        {
            Warn(stream, error);
            return null;
        }
    }

    /// <summary>
    /// Whether a snapshot may be used: the log has the row it ends with. Of an earlier generation it need not: what the log lost then was
    /// declared.
    /// </summary>
    /// <exception cref="LogBehindSnapshotException">The log has not, though it had it in this generation (rule D-3).</exception>
    public bool IsVouchedFor(Snapshot snapshot, LogRow? row)
    {
        if (row is not null && row.Version == snapshot.Version && row.AppendId == snapshot.AppendId)
        {
            return true;
        }

        if (snapshot.Generation < _generation)
        {
            SnapshotDiscarded(logger, snapshot.Stream, snapshot.Version, snapshot.Generation, _generation);
            return false;
        }

        var error = new LogBehindSnapshotException(snapshot.Stream, snapshot.Version, snapshot.Generation);
        bool isFirst;
        lock (_gate)
        {
            isFirst = _alarmed.Count < AlarmsMax && _alarmed.Add(snapshot.Stream); // each load of a stream meets it again
        }

        if (isFirst)
        {
            LogIsBehind(logger, error);
        }

        throw error;
    }

    /// <summary>Takes a snapshot soon; false if there is no room.</summary>
    public bool TryOffer(FoldedActivation activation) => Enqueue(_waiting, activation);

    void IThreadPoolWorkItem.Execute() => _ = PumpAsync();

    private object? StateOf(Snapshot snapshot, SnapshotType type)
    {
        try
        {
            return type.Deserialize(snapshot.Payload);
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            // The user's type: it has changed, and its version has not. What their code says may quote the state (T19).
            SnapshotUnreadable(logger, snapshot.Stream, $"reading it back threw {error.GetType().Name}");
            return null;
        }
    }

    private bool Enqueue<T>(Queue<T> queue, T item)
    {
        lock (_gate)
        {
            if (_stopped || queue.Count >= WaitingMax)
            {
                return false;
            }

            queue.Enqueue(item);
            if (_running)
            {
                return true;
            }

            _running = true;
        }

        dispatcher.Queue(this);
        return true;
    }

    private async Task PumpAsync()
    {
        while (TryNext(out var activation, out var unreadable))
        {
            var stream = activation?.Stream ?? unreadable;
            try
            {
                if (activation is null)
                {
                    await store!.DeleteSnapshotAsync(stream, CancellationToken.None).ConfigureAwait(false);
                }
                else
                {
                    await TakeAsync(activation).ConfigureAwait(false);
                }
            }
            catch (Exception error) when (error is not OutOfMemoryException)
            {
                if (activation is not null)
                {
                    telemetry.Metrics.SnapshotDue(SnapshotResult.Failed);
                }

                Warn(stream, error);
            }
        }
    }

    private bool TryNext(out FoldedActivation? activation, out StreamName unreadable)
    {
        activation = null;
        lock (_gate)
        {
            // What can't be read goes first: what is taken of the same stream must not go with it.
            return _running = _unreadable.TryDequeue(out unreadable) || _waiting.TryDequeue(out activation);
        }
    }

    private async ValueTask TakeAsync(FoldedActivation activation)
    {
        var at = activation.TakeForSnapshot();
        try
        {
            var rows = await log.ReadAsync(activation.Stream, at.Version, 1, CancellationToken.None).ConfigureAwait(false);
            if (rows is [var row] && row.Position == at.Position && isKnownDurable(row) && Make(activation, at, row) is { } snapshot)
            {
                await store!.WriteSnapshotAsync(snapshot, CancellationToken.None).ConfigureAwait(false);
                telemetry.Metrics.SnapshotDue(SnapshotResult.Taken);
            }
        }
        finally
        {
            activation.SnapshotTaken(at.Version); // or not: then it is tried again when as many events have come
        }
    }

    private Snapshot? Make(FoldedActivation activation, StateAt at, LogRow row)
    {
        var type = activation.SnapshotType;
        var payload = Serialize(type, at.State!);
        if (payload is null || payload.Length > bytesMax)
        {
            telemetry.Metrics.SnapshotDue(SnapshotResult.Refused);
            if (type.IsFirstDoubt())
            {
                SnapshotRefused(logger, activation.Stream, type.Name, payload is null
                    ? "what it is serialized to is not what it is read back to"
                    : $"it has {payload.Length} bytes, more than option {nameof(CoordinatorOptions.SnapshotBytesMax)} allows");
            }

            return null;
        }

        var snapshot = new Snapshot
        {
            Stream = activation.Stream,
            Version = at.Version,
            AppendId = row.AppendId,
            Generation = _generation,
            Position = row.Position,
            Type = type.Name,
            TypeVersion = type.Version,
            WrittenAt = LogRow.ClockOf(time),
            Payload = payload,
        };
        snapshot.Checksum = snapshot.ComputeChecksum();
        return snapshot;
    }

    private static byte[]? Serialize(SnapshotType type, object state)
    {
        try
        {
            return type.TrySerialize(state);
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            // Messages are logged, and that of the user's code may quote the state (T19).
            throw new InvalidOperationException($"Serializing '{type.Name}' threw {error.GetType().Name}.", error);
        }
    }

    /// <summary>Snapshots that can't be read or written are no harm, but a store that takes none should be heard of: now and then.</summary>
    private void Warn(StreamName stream, Exception error)
    {
        lock (_gate)
        {
            if (_stopped || clock.Now < _warnAgainAt)
            {
                return;
            }

            _warnAgainAt = clock.Now + WarningPeriod;
        }

        SnapshotFailed(logger, stream, error.Message);
    }

    [LoggerMessage(1401, LogLevel.Critical, "The log lacks a row that a snapshot rests on.")]
    private static partial void LogIsBehind(ILogger logger, Exception error);

    [LoggerMessage(1402, LogLevel.Warning, "The snapshot of {Stream} can't be read and is not used: {Fault}")]
    private static partial void SnapshotUnreadable(ILogger logger, StreamName stream, string fault);

    [LoggerMessage(1403, LogLevel.Warning, "The snapshot of {Stream} could not be read or written: {Error} Loading folds more events until that works again.")]
    private static partial void SnapshotFailed(ILogger logger, StreamName stream, string error);

    [LoggerMessage(1404, LogLevel.Warning, "No snapshot is taken of {Stream}, whose state is '{Type}': {Why}.")]
    private static partial void SnapshotRefused(ILogger logger, StreamName stream, string type, string why);

    [LoggerMessage(1405, LogLevel.Information, "The snapshot of {Stream} at {Version} is of generation {Generation}, and the log, which is of generation {Present}, does not have that row: it is not used.")]
    private static partial void SnapshotDiscarded(ILogger logger, StreamName stream, long version, byte generation, byte present);
}
