using Coordinator.Protocol;

namespace Coordinator;

/// <summary>Begins transactions and says what became of them.</summary>
public interface ITransactions
{
    /// <summary>
    /// Runs work as one transaction and commits it. If the work throws, the transaction is aborted and the exception goes on to
    /// the caller; if the transaction is aborted underneath it, the outcome says why.
    /// </summary>
    /// <remarks>
    /// Work that lost to another transaction (<see cref="TransactionOutcome.Aborted.IsWorthRerun"/>) is run again, as a new transaction under its
    /// first age, so it must not leave traces outside its transaction. What it throws in an attempt that was lost is not
    /// passed on: it may come from a state that never was. Where transactions are ambient (Orleans), RunAsync inside another one's work joins that:
    /// the outcome is <see cref="TransactionOutcome.Joined"/>, and options that ask for a transaction of its own are refused.
    /// </remarks>
    /// <param name="work">The work; it may end early after <see cref="ITransaction.AbortAsync"/>.</param>
    /// <param name="cancellation">
    /// Ends the work (the transaction is aborted) or the wait for the outcome (Unknown is returned). It never reaches the log: a
    /// decision on its way is not recalled.
    /// </param>
    /// <exception cref="TransactionRefusedException">
    /// Too many transactions are in flight, this host does not own the log or its store does not write, or the idempotency key is too old.
    /// </exception>
    /// <exception cref="IdempotencyMismatchException">The idempotency key was used for another request.</exception>
    /// <exception cref="ArgumentException">The options make no sense.</exception>
    /// <exception cref="InvalidOperationException">
    /// A System.Transactions scope is open: the two can't be one transaction. Or a pipeline runs the work again that may not be run again.
    /// </exception>
    /// <exception cref="OperationCanceledException">It was cancelled before it began, or while the work waited.</exception>
    Task<TransactionOutcome> RunAsync(Func<ITransaction, Task> work, CancellationToken cancellation = default);

    /// <param name="options">How it runs, where that differs from the host's options.</param>
    /// <inheritdoc cref="RunAsync(Func{ITransaction, Task}, CancellationToken)"/>
#pragma warning disable CS1573 // the other parameters are inherited
    Task<TransactionOutcome> RunAsync(Func<ITransaction, Task> work, TransactionOptions options, CancellationToken cancellation = default);
#pragma warning restore CS1573

    /// <summary>Begins a transaction that the caller commits or aborts. Dispose it: one that is neither is aborted then.</summary>
    /// <param name="options">How it runs, where that differs from the host's options; null for all of these.</param>
    /// <exception cref="TransactionRefusedException">Too many transactions are in flight, this host does not own the log, or its store does not write.</exception>
    /// <exception cref="ArgumentException">The options make no sense, or name an idempotency key: those go with RunAsync.</exception>
    /// <exception cref="InvalidOperationException">A System.Transactions scope is open: the two can't be one transaction.</exception>
    ITransaction Begin(TransactionOptions? options = null);

    /// <summary>
    /// What became of a transaction, from the log if need be. Unknown while it is undecided, and for ever where the log can't
    /// say or has forgotten. A host that stands by says Unknown of all that it finds no decision of: ask the owner. A silo does that by itself.
    /// </summary>
    /// <param name="id">Of the transaction.</param>
    /// <param name="cancellation">Ends the look.</param>
    /// <exception cref="ArgumentException">The id was not issued by this log, or is empty.</exception>
    /// <exception cref="TransactionRefusedException">The host has not started.</exception>
    ValueTask<TransactionOutcome> OutcomeOfAsync(TransactionId id, CancellationToken cancellation = default);

    /// <summary>
    /// What was committed under an idempotency key, from the log: Committed, or null if nothing has. While an attempt is under way: Unknown on the host that
    /// owns the log, Unknown or null on others. Answers on every host of the log.
    /// </summary>
    /// <param name="key">The key, with the request if the attempt had one.</param>
    /// <param name="cancellation">Ends the look.</param>
    /// <exception cref="IdempotencyMismatchException">It was for another request.</exception>
    /// <exception cref="TransactionRefusedException">
    /// The key is older than keys are remembered, or dated more than 5 minutes ahead, or the host has not started.
    /// </exception>
    ValueTask<TransactionOutcome?> OutcomeOfAsync(IdempotencyKey key, CancellationToken cancellation = default);
}

/// <summary>
/// One transaction: all that is raised, set and published in it commits together or not at all. Serializable: aggregates that
/// it has read or written are locked until it ends. Not for use by several threads at once, except that calls for different
/// streams may overlap.
/// </summary>
public interface ITransaction : IAsyncDisposable
{
    /// <summary>Names this attempt, for ever.</summary>
    TransactionId Id { get; }

    /// <summary>Since when the work is tried; whoever runs it again by hand passes it on (<see cref="TransactionOptions.Age"/>).</summary>
    TransactionAge Age { get; }

    /// <summary>Reads an aggregate under a shared lock.</summary>
    /// <param name="id">The part of the stream name behind the category.</param>
    /// <param name="cancellation">Ends the wait; the transaction is aborted then.</param>
    /// <exception cref="TransactionAbortedException">The lock was not granted in time, or the transaction was aborted.</exception>
    /// <exception cref="TransactionNotActiveException">It is being committed or has ended.</exception>
    /// <exception cref="TransactionRefusedException">It is one participant too many.</exception>
    /// <exception cref="ArgumentException">That makes no stream name, or the stream is in use as something else.</exception>
    /// <exception cref="LogCorruptException">A row of the stream can't be trusted.</exception>
    /// <exception cref="LogBehindSnapshotException">The log has lost rows of the stream.</exception>
    /// <exception cref="EventUnreadableException">This process can't read an event of the stream.</exception>
    ValueTask<AggregateView<T>> ReadAsync<T>(string id, CancellationToken cancellation = default)
        where T : class, IAggregate<T>;

    /// <summary>Opens an aggregate for change under an exclusive lock. Say so at once if a read will lead to a write.</summary>
    /// <inheritdoc cref="ReadAsync"/>
    ValueTask<Aggregate<T>> UpdateAsync<T>(string id, CancellationToken cancellation = default)
        where T : class, IAggregate<T>;

    /// <summary>Reads a plain value under a shared lock.</summary>
    /// <param name="stream">The stream that keeps the value's versions.</param>
    /// <param name="cancellation">Ends the wait; the transaction is aborted then.</param>
    /// <inheritdoc cref="ReadAsync" path="/exception"/>
    ValueTask<StateView<T>> ReadStateAsync<T>(string stream, CancellationToken cancellation = default)
        where T : class;

    /// <summary>Opens a plain value for change under an exclusive lock.</summary>
    /// <inheritdoc cref="ReadStateAsync"/>
    ValueTask<TransactionalState<T>> UpdateStateAsync<T>(string stream, CancellationToken cancellation = default)
        where T : class;

    /// <summary>
    /// Publishes an event to a stream: it is appended at the stream's end with the decision, or not at all. Publishers do not
    /// wait for each other.
    /// </summary>
    /// <param name="stream">The stream; one that no aggregate, plain value or part of the engine owns.</param>
    /// <param name="event">The event; its type was added to the coordinator.</param>
    /// <param name="cancellation">Ends the wait; the transaction is aborted then.</param>
    /// <exception cref="ArgumentException">The stream belongs to an aggregate or to the engine, the event's type was not added to the coordinator, or the event would not be read back as it is.</exception>
    /// <exception cref="TransactionAbortedException">The transaction was aborted.</exception>
    /// <exception cref="TransactionNotActiveException">The transaction is being committed or has ended.</exception>
    /// <exception cref="TransactionRefusedException">It is one participant too many, or the transaction's events exceed the limit of the options.</exception>
    ValueTask PublishAsync(string stream, object @event, CancellationToken cancellation = default);

    /// <summary>Commits. Says the same again if asked again.</summary>
    /// <param name="cancellation">Ends the wait only: Unknown is returned, and the transaction goes its way.</param>
    ValueTask<TransactionOutcome> CommitAsync(CancellationToken cancellation = default);

    /// <summary>Aborts. If the decision is out already, that is the answer.</summary>
    /// <param name="reason">For people; becomes the detail of the cause.</param>
    ValueTask<TransactionOutcome> AbortAsync(string? reason = null);
}
