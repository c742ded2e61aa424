using Coordinator.Protocol;

namespace Coordinator.Orleans.Ambient;

/// <summary>
/// A transaction as the delegate of a silo's RunAsync sees it. The engine knows of the calls for streams of this silo; grain calls are counted by the scope,
/// and one that is outstanding or has failed must keep a commit by hand from committing as it does the one that follows the delegate (rule D-6).
/// </summary>
internal sealed class InitiatorWork(CallScope scope, ITransaction transaction) : ITransaction
{
    /// <inheritdoc/>
    public TransactionId Id => transaction.Id;

    /// <inheritdoc/>
    public TransactionAge Age => transaction.Age;

    /// <inheritdoc/>
    public ValueTask<AggregateView<T>> ReadAsync<T>(string id, CancellationToken cancellation = default)
        where T : class, IAggregate<T> => transaction.ReadAsync<T>(id, cancellation);

    /// <inheritdoc/>
    public ValueTask<Aggregate<T>> UpdateAsync<T>(string id, CancellationToken cancellation = default)
        where T : class, IAggregate<T> => transaction.UpdateAsync<T>(id, cancellation);

    /// <inheritdoc/>
    public ValueTask<StateView<T>> ReadStateAsync<T>(string stream, CancellationToken cancellation = default)
        where T : class => transaction.ReadStateAsync<T>(stream, cancellation);

    /// <inheritdoc/>
    public ValueTask<TransactionalState<T>> UpdateStateAsync<T>(string stream, CancellationToken cancellation = default)
        where T : class => transaction.UpdateStateAsync<T>(stream, cancellation);

    /// <inheritdoc/>
    public ValueTask PublishAsync(string stream, object @event, CancellationToken cancellation = default) =>
        transaction.PublishAsync(stream, @event, cancellation);

    /// <inheritdoc/>
    public ValueTask<TransactionOutcome> CommitAsync(CancellationToken cancellation = default)
    {
        scope.StopCalls(); // a cause that it finds has doomed the transaction, so that the commit answers Aborted
        return transaction.CommitAsync(cancellation);
    }

    /// <inheritdoc/>
    public ValueTask<TransactionOutcome> AbortAsync(string? reason = null) => transaction.AbortAsync(reason);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => transaction.DisposeAsync();
}
