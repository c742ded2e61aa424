using Coordinator.Client;
using Coordinator.Protocol;

namespace Coordinator.Orleans.Ambient;

/// <summary>A transaction as work sees it that has joined it: it can do all but commit it.</summary>
internal sealed class JoinedWork(CallScope scope) : ITransaction
{
    /// <summary>Why this work has aborted the transaction; null if it hasn't.</summary>
    public AbortCause? Aborted { get; private set; }

    /// <inheritdoc/>
    public TransactionId Id => scope.Header.Id;

    /// <inheritdoc/>
    public TransactionAge Age => scope.Header.Read().Age;

    /// <inheritdoc/>
    public ValueTask<AggregateView<T>> ReadAsync<T>(string id, CancellationToken cancellation = default)
        where T : class, IAggregate<T> => CallAsync(id, static (work, id, cancellation) => work.ReadAsync<T>(id, cancellation), cancellation);

    /// <inheritdoc/>
    public ValueTask<Aggregate<T>> UpdateAsync<T>(string id, CancellationToken cancellation = default)
        where T : class, IAggregate<T> => CallAsync(id, static (work, id, cancellation) => work.UpdateAsync<T>(id, cancellation), cancellation);

    /// <inheritdoc/>
    public ValueTask<StateView<T>> ReadStateAsync<T>(string stream, CancellationToken cancellation = default)
        where T : class => CallAsync(stream, static (work, stream, cancellation) => work.ReadStateAsync<T>(stream, cancellation), cancellation);

    /// <inheritdoc/>
    public ValueTask<TransactionalState<T>> UpdateStateAsync<T>(string stream, CancellationToken cancellation = default)
        where T : class => CallAsync(stream, static (work, stream, cancellation) => work.UpdateStateAsync<T>(stream, cancellation), cancellation);

    /// <inheritdoc/>
    public async ValueTask PublishAsync(string stream, object @event, CancellationToken cancellation = default) => await CallAsync(
        stream,
        async (work, stream, cancellation) =>
        {
            await work.PublishAsync(stream, @event, cancellation).ConfigureAwait(false);
            return true;
        },
        cancellation).ConfigureAwait(false);

    /// <summary>Only the outermost RunAsync commits.</summary>
    public ValueTask<TransactionOutcome> CommitAsync(CancellationToken cancellation = default) => throw new InvalidOperationException(
        $"Transaction {Id} was begun outside of this work and is committed there: let the delegate end instead.");

    /// <inheritdoc/>
    public ValueTask<TransactionOutcome> AbortAsync(string? reason = null)
    {
        Aborted ??= new AbortCause(AbortReason.Requested, null, reason);
        scope.Fail(Aborted);
        return new(new TransactionOutcome.Aborted(Id, Aborted));
    }

    /// <summary>It belongs to who began it.</summary>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private ValueTask<TResult> CallAsync<TResult>(
        string stream, Func<TransactionWork, string, CancellationToken, ValueTask<TResult>> operation, CancellationToken cancellation) =>
        scope.CallAsync(stream, operation, cancellation);
}
