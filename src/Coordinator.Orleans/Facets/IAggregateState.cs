namespace Coordinator;

/// <summary>
/// The aggregate that belongs to a grain: its id is the grain's key. It is used inside calls that are part of a transaction; who reads outside
/// of one uses <see cref="IAggregates"/> with <see cref="Id"/>.
/// </summary>
/// <typeparam name="T">The aggregate's state.</typeparam>
public interface IAggregateState<T>
    where T : class, IAggregate<T>
{
    /// <summary>The aggregate's id: the grain's key, percent-encoded where it is not printable ASCII.</summary>
    string Id { get; }

    /// <summary>Reads it under a shared lock.</summary>
    /// <param name="cancellation">Ends the wait; the transaction is aborted then.</param>
    /// <exception cref="TransactionRequiredException">The call is not part of a transaction.</exception>
    /// <inheritdoc cref="ITransaction.ReadAsync" path="/exception"/>
    Task<AggregateView<T>> ReadAsync(CancellationToken cancellation = default);

    /// <summary>Opens it for change under an exclusive lock. Say so at once if a read will lead to a write.</summary>
    /// <inheritdoc cref="ReadAsync"/>
    Task<Aggregate<T>> UpdateAsync(CancellationToken cancellation = default);
}
