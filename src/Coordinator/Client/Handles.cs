using Coordinator.Participants;

namespace Coordinator;

/// <summary>An aggregate as it was read.</summary>
public sealed class AggregateView<T>
    where T : class, IAggregate<T>
{
    internal AggregateView(T state, long version)
    {
        State = state;
        Version = version;
    }

    /// <summary>The state; <c>T.Initial</c> if the aggregate has no events.</summary>
    public T State { get; }

    /// <summary>The version of its last event; 0 if it has none.</summary>
    public long Version { get; }

    /// <summary>
    /// Of a read outside transactions by the host that owns the log: a transaction that changes this had voted and was not known to be
    /// decided, so that what was read may already be past. Always false in a transaction, and as of a version or an instant.
    /// </summary>
    public bool IsInDoubt { get; internal init; }
}

/// <summary>An aggregate that a transaction may change.</summary>
public sealed class Aggregate<T>
    where T : class, IAggregate<T>
{
    private readonly Client.TransactionWork _transaction;
    private readonly Participation _participation;

    internal Aggregate(Client.TransactionWork transaction, Participation participation)
    {
        _transaction = transaction;
        _participation = participation;
    }

    /// <summary>The state as this transaction sees it: with what it has raised.</summary>
    public T State => (T)_participation.Working!;

    /// <summary>The version that the transaction found; 0 if the aggregate had no events.</summary>
    public long Version => _participation.BaseVersion;

    /// <summary>Raises an event: it is applied to <see cref="State"/> now and becomes durable if the transaction commits.</summary>
    /// <exception cref="ArgumentException">The event's type was not added to the coordinator, or the event would not be read back as it is.</exception>
    /// <exception cref="TransactionNotActiveException">The transaction is being committed or has ended.</exception>
    /// <exception cref="TransactionRefusedException">The transaction's events exceed the limit of the options.</exception>
    public void Raise(object @event) => _transaction.Record(_participation, @event);
}

/// <summary>A plain value as it was read.</summary>
public sealed class StateView<T>
    where T : class
{
    internal StateView(T? value, long version)
    {
        Value = value;
        Version = version;
    }

    /// <summary>The value, or null if none was ever set.</summary>
    public T? Value { get; }

    /// <summary>How many values there were.</summary>
    public long Version { get; }

    /// <summary>
    /// Of a read outside transactions by the host that owns the log: a transaction that changes this had voted and was not known to be
    /// decided, so that what was read may already be past. Always false in a transaction, and as of a version or an instant.
    /// </summary>
    public bool IsInDoubt { get; internal init; }
}

/// <summary>A plain value that a transaction may replace; every value it had stays in its stream.</summary>
public sealed class TransactionalState<T>
    where T : class
{
    private readonly Client.TransactionWork _transaction;
    private readonly Participation _participation;

    internal TransactionalState(Client.TransactionWork transaction, Participation participation)
    {
        _transaction = transaction;
        _participation = participation;
    }

    /// <summary>The value as this transaction sees it, or null if none was ever set.</summary>
    public T? Value => (T?)_participation.Working;

    /// <summary>Replaces the value if the transaction commits.</summary>
    /// <exception cref="ArgumentException">The event's type was not added to the coordinator, or the event would not be read back as it is.</exception>
    /// <exception cref="TransactionNotActiveException">The transaction is being committed or has ended.</exception>
    /// <exception cref="TransactionRefusedException">The transaction's events exceed the limit of the options.</exception>
    public void Set(T value) => _transaction.Record(_participation, value);
}
