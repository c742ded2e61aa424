using Coordinator.Protocol;

namespace Coordinator;

/// <summary>
/// What an initiator may be told of a transaction, and nothing else: Committed, Aborted or Unknown. An error of the network or
/// the store is never Aborted. Only the engine makes one: an outcome in hand was told by a log. Work that has joined a transaction is told
/// Joined: it has no outcome of its own.
/// </summary>
public abstract record TransactionOutcome
{
    private TransactionOutcome(TransactionId id) => Id = id;

    /// <summary>The transaction.</summary>
    public TransactionId Id { get; }

    /// <summary>True for <see cref="Committed"/> only.</summary>
    public bool IsCommitted => this is Committed;

    /// <summary>Returns if the transaction committed, or if the work has joined one that goes on; throws otherwise.</summary>
    /// <exception cref="TransactionAbortedException">It was aborted; nothing of it happened.</exception>
    /// <exception cref="TransactionUnknownException">Its outcome is not known yet; ask with its id.</exception>
    public void EnsureCommitted()
    {
        switch (this)
        {
            case Aborted aborted:
                throw new TransactionAbortedException(Id, aborted.Cause);
            case Unknown unknown:
                throw new TransactionUnknownException(Id, unknown.Why);
        }
    }

    /// <summary>All of it happened, durably.</summary>
    public sealed record Committed : TransactionOutcome
    {
        internal Committed(TransactionId id)
            : base(id)
        {
        }

        /// <summary>True if it committed before, under the same idempotency key: the work was not done once more.</summary>
        public bool IsEarlierAttempt { get; internal init; }
    }

    /// <summary>None of it happened, and none of it will.</summary>
    public sealed record Aborted : TransactionOutcome
    {
        internal Aborted(TransactionId id, AbortCause cause)
            : base(id) => Cause = cause;

        /// <summary>Why, and because of which participant.</summary>
        public AbortCause Cause { get; }

        /// <summary>
        /// True if the same work, run again, may well commit: another transaction came first (<see cref="AbortReason.Conflict"/>) or was
        /// older (<see cref="AbortReason.Wounded"/>), or a participant has changed its place (<see cref="AbortReason.Moved"/>). RunAsync runs it again by
        /// itself.
        /// </summary>
        public bool IsWorthRerun => Cause.Reason is AbortReason.Conflict or AbortReason.Wounded or AbortReason.Moved;
    }

    /// <summary>
    /// RunAsync was called inside a transaction, whose part its work is: it commits or aborts with that, which is decided where that was begun and not
    /// yet. Nobody else is told this.
    /// </summary>
    public sealed record Joined : TransactionOutcome
    {
        internal Joined(TransactionId id)
            : base(id)
        {
        }
    }

    /// <summary>It may have happened or may still happen. Ask with <see cref="ITransactions.OutcomeOfAsync(TransactionId, CancellationToken)"/> before doing it again.</summary>
    public sealed record Unknown : TransactionOutcome
    {
        internal Unknown(TransactionId id, string why)
            : base(id) => Why = why;

        /// <summary>Why it can't be said, and what to do.</summary>
        public string Why { get; }
    }
}
