using Coordinator.Hosting;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;
using Microsoft.Extensions.Logging;

namespace Coordinator.Shards;

/// <summary>From where on a shard's rows are known, and whose decisions can only stand behind that.</summary>
/// <param name="Version">A checkpoint's, or 1.</param>
/// <param name="Epoch">Under which the checkpoint was written; 0 at the first row.</param>
/// <param name="Sequence">The last one that its owner had issued: what began later has no row before the checkpoint.</param>
/// <param name="Previous">The version of the checkpoint before; 0 if there is none.</param>
internal sealed record HistoryMark(long Version, long Epoch, ulong Sequence, long Previous)
{
    /// <summary>The whole shard.</summary>
    public static HistoryMark Start { get; } = new(1, 0, 0, 0);

    /// <summary>A checkpoint that can be trusted.</summary>
    public static HistoryMark Of(LogRow checkpoint, ulong sequence) => new(checkpoint.Version, checkpoint.Epoch, sequence, checkpoint.Checkpoint);

    /// <summary>The checkpoint at the horizon: nobody asks for what is before it.</summary>
    public static HistoryMark Of(ForgetMark horizon) => new(horizon.Version, horizon.Epoch, horizon.Sequence, 0);

    /// <summary>True if every row that the transaction may have is at or behind the mark.</summary>
    public bool IsBefore(TransactionId id) => Version <= (long)id.Epoch || (Epoch == (long)id.Epoch && Sequence < id.Sequence);
}

/// <summary>
/// Which rows of a shard from before its present owner can be trusted. Recovery reads from the last checkpoint only; before an
/// older transaction is presumed aborted, the rows that could hold its decision are read and verified, once: a row that was
/// damaged is not absent (L06).
/// </summary>
internal sealed class ShardHistory(ILogStore store, StreamName stream, HistoryMark verifiedFrom, long unreadableVersion, ILogger logger)
{
    private readonly Lock _gate = new();
    private HistoryMark _verifiedFrom = verifiedFrom;
    private long _unreadableVersion = unreadableVersion;
    private readonly Queue<Completion<bool>> _waiting = new();
    private bool _isVerifying;

    /// <summary>The highest row that can't be read, as far as is known; 0 if all can.</summary>
    public long UnreadableVersion => Volatile.Read(ref _unreadableVersion);

    /// <summary>Verifies whatever rows the transaction may have and nobody has verified yet.</summary>
    /// <param name="id">The transaction.</param>
    /// <param name="horizon">The horizon of the moment, if there is one. It may move while rows are read; its rows are then removed.</param>
    /// <param name="dispatcher">Who goes on with those that wait.</param>
    public async ValueTask VerifyForAsync(TransactionId id, Func<ForgetMark?> horizon, IDispatcher dispatcher)
    {
        if (Volatile.Read(ref _verifiedFrom).IsBefore(id))
        {
            return;
        }

        // One after the other: a crowd of inquiries must not read the same rows again and again. Each waits for a completion of its
        // own: the waiters of one task would be spread over the threads of the runtime, and no simulation could repeat their order.
        await EnterAsync().ConfigureAwait(false);
        try
        {
            await VerifyAsync(id, horizon).ConfigureAwait(false);
        }
        finally
        {
            Leave(dispatcher);
        }
    }

    private ValueTask<bool> EnterAsync()
    {
        lock (_gate)
        {
            if (!_isVerifying)
            {
                _isVerifying = true;
                return ValueTask.FromResult(true);
            }

            var turn = new Completion<bool>();
            _waiting.Enqueue(turn);
            return turn.WaitAsync();
        }
    }

    private void Leave(IDispatcher dispatcher)
    {
        Completion<bool>? next;
        lock (_gate)
        {
            _isVerifying = _waiting.TryDequeue(out next);
        }

        next?.TryComplete(true, dispatcher);
    }

    private async ValueTask VerifyAsync(TransactionId id, Func<ForgetMark?> horizon)
    {
        var known = Volatile.Read(ref _verifiedFrom);
        var mark = known;
        while (!mark.IsBefore(id))
        {
            mark = await BeforeAsync(mark).ConfigureAwait(false);
        }

        if (horizon() is { } before && mark.Version < before.Version)
        {
            mark = HistoryMark.Of(before); // the rows before it may be gone, and none of them is the transaction's
        }

        var faults = new List<LogRow>();
        await foreach (var row in store.ReadShardAsync(stream, mark.Version, known.Version, CancellationToken.None).ConfigureAwait(false))
        {
            if (row.Fault is not null)
            {
                faults.Add(row);
            }
        }

        var unreadable = 0L;
        var removedTo = horizon()?.Version ?? 0; // looked at later than the rows: what was removed while they were read is no damage
        foreach (var row in faults.Where(row => row.Version >= removedTo))
        {
            // Recovery began behind it and could not say so.
            ShardRecovery.RowUnreadable(logger, stream, row.Version, row.Fault!);
            unreadable = row.Version;
        }

        Volatile.Write(ref _unreadableVersion, Math.Max(Volatile.Read(ref _unreadableVersion), unreadable));
        Volatile.Write(ref _verifiedFrom, mark);
    }

    /// <summary>The checkpoint before, or the first row if there is none that can be trusted.</summary>
    private async ValueTask<HistoryMark> BeforeAsync(HistoryMark mark)
    {
        if (mark.Previous == 0)
        {
            return HistoryMark.Start;
        }

        var found = await store.ReadAsync(stream, mark.Previous, 1, UnreadableRows.Mark, CancellationToken.None).ConfigureAwait(false);
        try
        {
            return found is [{ Fault: null, Kind: RowKind.ShardCheckpoint } checkpoint] && checkpoint.Version == mark.Previous
                ? HistoryMark.Of(checkpoint, ShardCheckpoint.Decode(checkpoint).Sequence)
                : HistoryMark.Start;
        }
        catch (LogCorruptException)
        {
            return HistoryMark.Start; // the reading of all rows finds it once more
        }
    }
}
