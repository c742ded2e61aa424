using System.Collections.Immutable;
using Coordinator.Log;
using Coordinator.Protocol;

namespace Coordinator.Hosting;

/// <summary>
/// A store writes one thing at a time. A host of one shard sees to that by itself, for it claims only what nothing of it is under way for; one of many shards
/// claims some while others write.
/// </summary>
/// <remarks>
/// So the time that a write takes is counted from its turn, and only here. <em>Counted by who waits for it, several that wait are all overdue once the store is
/// slow, and each of them gives up what is written just then, which is not its own.</em>
/// </remarks>
internal sealed class OneWriteAtATime(ILogStore store, MonotonicClock clock, IDispatcher dispatcher) : ILogStore
{
    private readonly Lock _gate = new();
    private readonly Queue<Completion<bool>> _waiting = [];
    private bool _isWriting;
    private TimeSpan _since;

    /// <summary>Since when the store has had what it writes; null if nothing is written.</summary>
    public TimeSpan? WritingSince
    {
        get
        {
            lock (_gate)
            {
                return _isWriting ? _since : null;
            }
        }
    }

    public string Description => store.Description;

    public IHostBeats? Beats => store.Beats;

    public ISnapshotStore? Snapshots => store.Snapshots;

    public ILogRemoval Removal => store.Removal;

    public ValueTask<OpenedLog> OpenAsync(LogMeta proposed, CancellationToken cancellation) => store.OpenAsync(proposed, cancellation);

    public async ValueTask<GroupAnswer> AppendAsync(RowGroup group)
    {
        await TurnAsync().ConfigureAwait(false);
        try
        {
            return await store.AppendAsync(group).ConfigureAwait(false);
        }
        finally
        {
            EndTurn();
        }
    }

    public async ValueTask<ClaimAnswer> ClaimAsync(ShardClaim claim)
    {
        await TurnAsync().ConfigureAwait(false);
        try
        {
            return await store.ClaimAsync(claim).ConfigureAwait(false);
        }
        finally
        {
            EndTurn();
        }
    }

    public void AbandonAppend() => store.AbandonAppend();

    public ValueTask<ImmutableArray<KeyFinding>> InspectAsync(ImmutableArray<RowKey> keys, CancellationToken cancellation) => store.InspectAsync(keys, cancellation);

    public ValueTask<ImmutableArray<LogRow>> ReadAsync(StreamName stream, long fromVersion, int count, UnreadableRows unreadable, CancellationToken cancellation) =>
        store.ReadAsync(stream, fromVersion, count, unreadable, cancellation);

    public ValueTask<LogRow?> ReadLastAsync(StreamName stream, CancellationToken cancellation) => store.ReadLastAsync(stream, cancellation);

    public ValueTask<ShardEnd> ReadShardEndAsync(ushort shard, CancellationToken cancellation) => store.ReadShardEndAsync(shard, cancellation);

    public ValueTask<LogRow?> FindDecisionAsync(TransactionId transaction, CancellationToken cancellation) => store.FindDecisionAsync(transaction, cancellation);

    public ValueTask DisposeAsync() => store.DisposeAsync();

    private ValueTask<bool> TurnAsync()
    {
        Completion<bool> turn;
        lock (_gate)
        {
            if (!_isWriting)
            {
                _isWriting = true;
                _since = clock.Now;
                return new ValueTask<bool>(true);
            }

            _waiting.Enqueue(turn = new Completion<bool>());
        }

        return turn.WaitAsync();
    }

    private void EndTurn()
    {
        Completion<bool>? next;
        lock (_gate)
        {
            _isWriting = _waiting.TryDequeue(out next);
            _since = clock.Now;
        }

        next?.TryComplete(true, dispatcher);
    }
}
