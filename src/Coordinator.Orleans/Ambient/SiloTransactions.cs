using Coordinator.Client;
using Coordinator.Hosting;
using Coordinator.Orleans.Grains;
using Coordinator.Orleans.Wire;
using Coordinator.Protocol;

namespace Coordinator.Orleans.Ambient;

/// <summary>The engine's transactions, with the ambient that makes grain calls part of them, and answers of all silos.</summary>
internal sealed class SiloTransactions(TransactionEngine engine, TransactionAnswers answers, IGrainFactory grains) : ITransactions
{
    /// <inheritdoc/>
    public Task<TransactionOutcome> RunAsync(Func<ITransaction, Task> work, CancellationToken cancellation = default) =>
        RunAsync(work, TransactionOptions.Default, cancellation);

    /// <inheritdoc/>
    public Task<TransactionOutcome> RunAsync(Func<ITransaction, Task> work, TransactionOptions options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(work);
        ArgumentNullException.ThrowIfNull(options);
        if (CallScope.Current is { } scope)
        {
            return JoinedRun.RunAsync(scope, work, options, cancellation);
        }

        var place = GrainPlace.Here();
        return engine.RunAsync(transaction => WorkAsync(transaction, work, place), options, cancellation);
    }

    /// <inheritdoc/>
    public ITransaction Begin(TransactionOptions? options = null) => engine.Begin(options);

    /// <inheritdoc/>
    public ValueTask<TransactionOutcome> OutcomeOfAsync(TransactionId id, CancellationToken cancellation = default) => answers.IsOfAnotherSilo(id)
        ? new(grains.GetGrain<ITransactionGrain>(id.ToString(null, null)).Outcome().WaitAsync(cancellation))
        : engine.OutcomeOfAsync(id, cancellation);

    /// <inheritdoc/>
    public ValueTask<TransactionOutcome?> OutcomeOfAsync(IdempotencyKey key, CancellationToken cancellation = default) => engine.OutcomeOfAsync(key, cancellation);

    private static async Task WorkAsync(ITransaction transaction, Func<ITransaction, Task> work, GrainPlace place)
    {
        var initiator = (TransactionWork)transaction;
        var scope = new CallScope(WireHeader.Of(initiator.Header), initiator);
        CallScope.Enter(scope);
        AmbientTransaction.Carry(scope.Header);
        try
        {
            await place.RunAsync(work, new InitiatorWork(scope, transaction)).ConfigureAwait(false);
        }
        finally
        {
            scope.Close(); // what failed in it has doomed the transaction, so that the commit which follows answers Aborted
        }
    }
}
