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
            var begun = await BeginAsync(cancellation).ConfigureAwait(false);
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

    private async Task<ClientBegun> BeginAsync(CancellationToken cancellation)
    {
        var beginning = gateway.Begin(Terms());
        try
        {
            return await beginning.WaitAsync(cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            AbandonAsync(beginning).Ignore(); // whatever becomes of it, the caller is told of the cancellation
            throw;
        }
    }

    /// <summary>The silo has begun it for nobody: without a word it would hold its key until its deadline, and keep out the next try.</summary>
    private async Task AbandonAsync(Task<ClientBegun> beginning)
    {
        if (await beginning.ConfigureAwait(false) is { Outcome: null } begun)
        {
            await new ClientTransaction(gateway, begun).AbortAsync(new AbortCause(AbortReason.Requested, null, "cancelled before it was begun")).ConfigureAwait(false);
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
        Exception? failure = null;
        try
        {
            await WorkAsync(transaction).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            failure = error;
        }

        var fault = transaction.Scope.Close();
        if (failure is null && fault is null && !cancellation.IsCancellationRequested)
        {
            return await transaction.CommitAsync(cancellation).ConfigureAwait(false);
        }

        var outcome = await transaction.AbortAsync(fault ?? (failure is null
            ? new AbortCause(AbortReason.Requested, null, "cancelled before the commit was asked for")
            : new AbortCause(AbortReason.WorkFailed, null, $"the work threw {failure.GetType().Name}"))).ConfigureAwait(false);
        if (failure is not null && !IsOfTheKey(outcome) && !IsConsequence(failure, outcome, transaction.Id))
        {
            ExceptionDispatchInfo.Throw(failure);
        }

        return outcome;
    }

    private async Task WorkAsync(ClientTransaction transaction)
    {
        CallScope.Enter(transaction.Scope);
        AmbientTransaction.Carry(transaction.Scope.Header);
        await work(transaction).ConfigureAwait(false);
    }

    /// <summary>
    /// An earlier attempt under the key has committed, or may have: what it left (the last item sold) must not be told as this one's failure.
    /// </summary>
    private bool IsOfTheKey(TransactionOutcome outcome) => options.Key is not null && outcome is not TransactionOutcome.Aborted;

    /// <summary>The work threw because of what became of its transaction, or may have, from a state that never was.</summary>
    private static bool IsConsequence(Exception failure, TransactionOutcome outcome, TransactionId id) =>
        outcome is TransactionOutcome.Aborted { IsWorthRerun: true }
        || (failure is TransactionAbortedException aborted && aborted.TransactionId == id)
        || (failure is TransactionNotActiveException late && late.TransactionId == id
            && outcome is TransactionOutcome.Aborted { Cause.Reason: not (AbortReason.Requested or AbortReason.WorkFailed) });
}
