using Coordinator.Orleans.Ambient;
using Coordinator.Protocol;

namespace Coordinator.Orleans.Clients;

/// <summary>A transaction as the client's delegate sees it.</summary>
internal sealed class ClientTransaction(IClientTransactionGrain gateway, ClientBegun begun) : ITransaction
{
    private readonly Lock _gate = new();
    private Task<TransactionOutcome>? _ending;

    /// <summary>Counts the calls of the delegate.</summary>
    public CallScope Scope { get; } = new(begun.Header!, work: null);

    /// <inheritdoc/>
    public TransactionId Id => Scope.Header.Id;

    /// <inheritdoc/>
    public TransactionAge Age { get; } = begun.Header!.Read().Age;

    /// <inheritdoc/>
    public ValueTask<AggregateView<T>> ReadAsync<T>(string id, CancellationToken cancellation = default)
        where T : class, IAggregate<T> => throw NotHere();

    /// <inheritdoc/>
    public ValueTask<Aggregate<T>> UpdateAsync<T>(string id, CancellationToken cancellation = default)
        where T : class, IAggregate<T> => throw NotHere();

    /// <inheritdoc/>
    public ValueTask<StateView<T>> ReadStateAsync<T>(string stream, CancellationToken cancellation = default)
        where T : class => throw NotHere();

    /// <inheritdoc/>
    public ValueTask<TransactionalState<T>> UpdateStateAsync<T>(string stream, CancellationToken cancellation = default)
        where T : class => throw NotHere();

    /// <inheritdoc/>
    public ValueTask PublishAsync(string stream, object @event, CancellationToken cancellation = default) => throw NotHere();

    /// <inheritdoc/>
    public async ValueTask<TransactionOutcome> CommitAsync(CancellationToken cancellation = default) =>
        await EndAsync(Scope.StopCalls(), cancellation).ConfigureAwait(false); // rule D-6: by hand as well

    /// <inheritdoc/>
    public async ValueTask<TransactionOutcome> AbortAsync(string? reason = null) =>
        await AbortAsync(new AbortCause(AbortReason.Requested, null, reason)).ConfigureAwait(false);

    /// <summary>As by <see cref="AbortAsync(string?)"/>, for this cause.</summary>
    public Task<TransactionOutcome> AbortAsync(AbortCause cause) => EndAsync(cause, CancellationToken.None);

    /// <summary>It belongs to RunAsync.</summary>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async Task<TransactionOutcome> EndAsync(AbortCause? cause, CancellationToken cancellation)
    {
        Task<TransactionOutcome> ending;
        lock (_gate)
        {
            // One that has thrown was not sent. The next word, which may be RunAsync's own, must not find its exception in place of an outcome.
            ending = _ending = _ending is null or { IsFaulted: true } or { IsCanceled: true } ? SendEndAsync(cause) : _ending;
        }

        try
        {
            return await ending.WaitAsync(cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return new TransactionOutcome.Unknown(Id, "The wait was cancelled; the transaction goes its way. Ask for the outcome with this id.");
        }
    }

    private async Task<TransactionOutcome> SendEndAsync(AbortCause? cause)
    {
        try
        {
            return await gateway.End(begun.Home, Id, begun.Authority, cause).ConfigureAwait(false);
        }
        catch (Exception error) when (error is OrleansException or TimeoutException)
        {
            // The call may have arrived: what can't be told is not Aborted.
            return new TransactionOutcome.Unknown(Id, $"The silo that coordinates it did not answer: {error.Message} Ask for the outcome with this id.");
        }
    }

    private static NotSupportedException NotHere() =>
        new("A client has no part in the log: do the work in grains that the delegate calls.");
}
