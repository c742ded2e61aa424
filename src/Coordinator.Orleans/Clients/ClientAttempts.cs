using System.Runtime.ExceptionServices;
using Coordinator.Orleans.Ambient;
using Coordinator.Protocol;

namespace Coordinator.Orleans.Clients;

/// <summary>The attempts at one piece of a client's work, in the hands of a pipeline that may be the user's own.</summary>
internal sealed class ClientAttempts(IClientTransactionGrain gateway, Func<ITransaction, Task> work, TransactionOptions options)
{
    private TransactionAge? _age = options.Age;
    private int _attempts;
    private bool _mayRun = true;

    /// <summary>Does the work once more, under the age of the first attempt.</summary>
    /// <exception cref="InvalidOperationException">The last attempt was not aborted.</exception>
    public async ValueTask<TransactionOutcome> NextAsync(CancellationToken cancellation)
    {
        if (!Interlocked.Exchange(ref _mayRun, false))
        {
            throw new InvalidOperationException("The work may be run again only after an attempt that was aborted, and one at a time: change the pipeline.");
        }

        TransactionOutcome? outcome = null;
        try
        {
            var begun = await gateway.Begin(Terms()).WaitAsync(cancellation).ConfigureAwait(false);
            if (begun.Outcome is { } earlier)
            {
                return outcome = earlier;
            }

            var transaction = new ClientTransaction(gateway, begun);
            _age = transaction.Age;
            return outcome = await RunAsync(transaction, cancellation).ConfigureAwait(false);
        }
        finally
        {
            _mayRun = outcome is TransactionOutcome.Aborted || options.Key is not null;
        }
    }

    private ClientTerms Terms() => new()
    {
        Timeout = options.Timeout,
        IsOptimistic = ++_attempts == 1 && options.Mode is ConcurrencyMode.Optimistic, // run again with locks: it could lose again and again
        Key = options.Key,
        AgeTicks = _age?.Begun.UtcTicks,
        AgeFirst = _age?.First ?? default,
    };

    private async Task<TransactionOutcome> RunAsync(ClientTransaction transaction, CancellationToken cancellation)
    {
        var scope = new CallScope(transaction.Header, work: null);
        Exception? failure = null;
        try
        {
            await WorkAsync(scope, transaction).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            failure = error;
        }

        var fault = scope.Close();
        if (failure is null && fault is null && !cancellation.IsCancellationRequested)
        {
            return await transaction.CommitAsync(cancellation).ConfigureAwait(false);
        }

        var outcome = await transaction.AbortAsync(fault ?? (failure is null
            ? new AbortCause(AbortReason.Requested, null, "cancelled before the commit was asked for")
            : new AbortCause(AbortReason.WorkFailed, null, $"the work threw {failure.GetType().Name}"))).ConfigureAwait(false);
        if (failure is not null && !IsConsequence(failure, outcome, transaction.Id))
        {
            ExceptionDispatchInfo.Throw(failure);
        }

        return outcome;
    }

    private async Task WorkAsync(CallScope scope, ClientTransaction transaction)
    {
        CallScope.Enter(scope);
        AmbientTransaction.Carry(scope.Header);
        await work(transaction).ConfigureAwait(false);
    }

    /// <summary>The work threw because of what became of its transaction, or may have, from a state that never was.</summary>
    private static bool IsConsequence(Exception failure, TransactionOutcome outcome, TransactionId id) =>
        outcome is TransactionOutcome.Aborted { IsWorthRerun: true }
        || (failure is TransactionAbortedException aborted && aborted.TransactionId == id)
        || (failure is TransactionNotActiveException late && late.TransactionId == id
            && outcome is TransactionOutcome.Aborted { Cause.Reason: not (AbortReason.Requested or AbortReason.WorkFailed) });
}
