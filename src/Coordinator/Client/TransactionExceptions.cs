using Coordinator.Protocol;

namespace Coordinator;

/// <summary>A transaction can't do what was asked of it.</summary>
public abstract class TransactionException : Exception
{
    private protected TransactionException(TransactionId id, string message)
        : base(message) => TransactionId = id;

    /// <summary>The transaction; empty if none was begun.</summary>
    public TransactionId TransactionId { get; }
}

/// <summary>The transaction was aborted: nothing of it happened. Work that goes on in it is refused.</summary>
public sealed class TransactionAbortedException : TransactionException
{
    internal TransactionAbortedException(TransactionId id, AbortCause cause)
        : base(id, $"Transaction {id} was aborted. {cause}") => Cause = cause;

    /// <summary>Why, and because of which participant.</summary>
    public AbortCause Cause { get; }
}

/// <summary>The outcome of the transaction is not known yet.</summary>
public sealed class TransactionUnknownException : TransactionException
{
    internal TransactionUnknownException(TransactionId id, string why)
        : base(id, $"The outcome of transaction {id} is unknown. {why}") => Why = why;

    /// <summary>Why it can't be said, and what to do: the message without its beginning.</summary>
    internal string Why { get; }
}

/// <summary>Work was asked of a transaction that is being committed or has ended.</summary>
public sealed class TransactionNotActiveException : TransactionException
{
    internal TransactionNotActiveException(TransactionId id)
        : base(id, $"Transaction {id} is being committed or has ended: do all work before CommitAsync, inside the delegate of RunAsync.")
    {
    }
}

/// <summary>An idempotency key was used before for another request: nothing was done now.</summary>
public sealed class IdempotencyMismatchException : TransactionException
{
    internal IdempotencyMismatchException(TransactionId id, IdempotencyKey key)
        : base(id, $"Transaction {id} has committed under the same idempotency key for another request: give each request a key of its own.") => Key = key;

    /// <summary>The key; not in the message, as it may be a secret.</summary>
    public IdempotencyKey Key { get; }
}

/// <summary>A limit of the options, or the state of the host, forbids what was asked.</summary>
public sealed class TransactionRefusedException : TransactionException
{
    internal TransactionRefusedException(TransactionId id, string message)
        : base(id, message)
    {
    }
}
