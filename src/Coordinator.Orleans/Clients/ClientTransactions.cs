using Coordinator.Client;
using Coordinator.Hosting;
using Coordinator.Orleans.Ambient;
using Coordinator.Protocol;
using Polly;

namespace Coordinator.Orleans.Clients;

/// <summary>Transactions that begin on a client outside of the cluster: the work is done in grains that the client calls.</summary>
internal sealed class ClientTransactions(IGrainFactory grains, TimeProvider time) : ITransactions
{
    private readonly ResiliencePipeline<TransactionOutcome> _reruns = Reruns.Default(time, SystemRandomSource.Instance);

    private IClientTransactionGrain Gateway => grains.GetGrain<IClientTransactionGrain>(0);

    /// <inheritdoc/>
    public Task<TransactionOutcome> RunAsync(Func<ITransaction, Task> work, CancellationToken cancellation = default) =>
        RunAsync(work, TransactionOptions.Default, cancellation);

    /// <inheritdoc/>
    public async Task<TransactionOutcome> RunAsync(
        Func<ITransaction, Task> work, TransactionOptions options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(work);
        ArgumentNullException.ThrowIfNull(options);
        cancellation.ThrowIfCancellationRequested();
        if (CallScope.Current is { } scope)
        {
            return await JoinedRun.RunAsync(scope, work, options, cancellation).ConfigureAwait(false);
        }

        var attempts = new ClientAttempts(Gateway, work, options);
        var outcome = await (options.Reruns ?? _reruns).ExecuteAsync(
            static (attempts, token) => attempts.NextAsync(token), attempts, cancellation).ConfigureAwait(false);

        // The silo says so of the rest: what is worth another run it can't know to be the last.
        return options.Key is not null && outcome is TransactionOutcome.Aborted { IsWorthRerun: true } aborted
            ? Reruns.Doubted(aborted)
            : outcome;
    }

    /// <summary>Not on a client: nothing could tell it apart from calls that are not part of it.</summary>
    public ITransaction Begin(TransactionOptions? options = null) => throw new NotSupportedException(
        $"A client's transaction is the delegate of {nameof(RunAsync)}: what it calls is part of it. To begin one by hand, do it in a grain.");

    /// <inheritdoc/>
    public async ValueTask<TransactionOutcome> OutcomeOfAsync(TransactionId id, CancellationToken cancellation = default) => id.IsEmpty
        ? throw new ArgumentException("The id is empty: ask with the Id of a transaction or of an outcome.", nameof(id))
        : await grains.GetGrain<ITransactionGrain>(id.ToString(null, null)).Outcome().WaitAsync(cancellation).ConfigureAwait(false);

    /// <inheritdoc/>
    public async ValueTask<TransactionOutcome?> OutcomeOfAsync(IdempotencyKey key, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        return await Gateway.OutcomeOf(key).WaitAsync(cancellation).ConfigureAwait(false);
    }
}
