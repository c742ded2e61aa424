using Coordinator.Log;

namespace Coordinator.Aggregates;

/// <content>Reads outside transactions: from memory if that is current, else from the log; they never wait for the lock.</content>
internal sealed partial class FoldedActivation
{
    // The newest state that such a read has found, where it may not be what transactions go on from: rows of another owner, or a
    // transaction at work that might meanwhile have moved the stream on. What a later read finds is never less.
    private StateAt _found = shape.Initial;

    /// <summary>The last state known durable.</summary>
    /// <param name="store">The log.</param>
    /// <param name="epoch">Of this host as owner; 0 if it does not own the log.</param>
    /// <param name="isKnownDurable">False for a row that the store shows and has not acknowledged.</param>
    /// <param name="cancellation">Ends the reading.</param>
    public async ValueTask<FoundState> ReadAsync(ILogStore store, long epoch, Func<LogRow, bool> isKnownDurable, CancellationToken cancellation)
    {
        var (own, doubts) = Here();
        if (epoch > 0 && TryFromMemory() is { } inMemory) // else others may write, and no commit finds out whether what is here is old
        {
            return inMemory;
        }

        var isOfLaterOwner = false;
        var from = Newest(own);
        var reading = new StateReader(Stream, shape, store, Accepts);
        var at = await reading.ToEndAsync(from, cancellation).ConfigureAwait(false);
        lock (Gate)
        {
            // As a transaction that held the lock alone would: nobody is here, so nothing of this host's is on its way to the stream.
            var mayKeep = epoch > 0 && !isOfLaterOwner && !reading.IsCut && from.Version == own.Version;
            if (mayKeep && !IsCurrent && Version == own.Version && Doubts == doubts && HasNobody)
            {
                Install(at, reading);
            }
            else if (at.Version > _found.Version)
            {
                _found = at;
                if (at.Version > Version && HasNobody)
                {
                    Doubt(); // others have written
                }
            }

            at = Newest(at);
            return new FoundState(at, reading.IsCut || reading.IsHeld || HasVotedBeyond(at.Version)) { IsFromStore = true };
        }

        bool Accepts(LogRow row)
        {
            isOfLaterOwner |= row.Transaction.Epoch > (ulong)epoch;
            return isKnownDurable(row);
        }
    }

    /// <summary>A read has found this; later ones find no less. False if the activation was dropped meanwhile.</summary>
    public bool TryRemember(StateAt at)
    {
        lock (Gate)
        {
            _found = at.Version > _found.Version ? at : _found;
            return !IsDropped;
        }
    }

    private FoundState? TryFromMemory()
    {
        lock (Gate)
        {
            return IsCurrent && IsAnchored && Version >= _found.Version
                ? new FoundState(new StateAt(Version, Position, _state), HasVotedBeyond(Version))
                : null;
        }
    }

    private StateAt Newest(StateAt at)
    {
        lock (Gate)
        {
            at = _found.Version > at.Version ? _found : at;
            return Version > at.Version ? new StateAt(Version, Position, _state) : at;
        }
    }
}

/// <summary>What a read outside a transaction found.</summary>
/// <param name="At">The state.</param>
/// <param name="IsInDoubt">A transaction that changes it had voted and was not known to be decided.</param>
internal readonly record struct FoundState(StateAt At, bool IsInDoubt)
{
    /// <summary>It was read, and may have come late: at an activation that is no longer the one in use.</summary>
    public bool IsFromStore { get; init; }
}
