namespace Coordinator.Orleans.Ambient;

/// <summary>A RunAsync inside a transaction: its work is part of that one, which its outermost RunAsync commits.</summary>
internal static class JoinedRun
{
    /// <summary>Runs the work. Says Joined, or Aborted if it has asked for that itself.</summary>
    /// <exception cref="TransactionRefusedException">The options ask for a transaction of its own.</exception>
    public static async Task<TransactionOutcome> RunAsync(
        CallScope scope, Func<ITransaction, Task> work, TransactionOptions options, CancellationToken cancellation)
    {
        EnsureFit(scope, options);
        cancellation.ThrowIfCancellationRequested();
        scope.StartCall();
        var joined = new JoinedWork(scope);
        try
        {
            await work(joined).ConfigureAwait(false);
        }
        catch (TransactionAbortedException) when (joined.Aborted is not null)
        {
            // It has asked for the abort itself, and went on. The outcome says so.
        }
        catch (Exception error)
        {
            scope.EndCall(error, "work that has joined the transaction");
            throw;
        }

        if (cancellation.IsCancellationRequested)
        {
            await joined.AbortAsync("cancelled before the commit was asked for").ConfigureAwait(false); // as an outermost one: its caller takes it for not done
        }

        scope.EndCall();
        return joined.Aborted is { } cause
            ? new TransactionOutcome.Aborted(scope.Header.Id, cause)
            : new TransactionOutcome.Joined(scope.Header.Id);
    }

    private static void EnsureFit(CallScope scope, TransactionOptions options)
    {
        var misfit =
            options.Key is not null ? nameof(options.Key)
            : options.Timeout is not null ? nameof(options.Timeout)
            : options.Age is not null ? nameof(options.Age)
            : options.Reruns is not null ? nameof(options.Reruns)
            : options.Mode is ConcurrencyMode.Optimistic && !scope.Header.IsOptimistic ? nameof(options.Mode)
            : null;
        if (misfit is not null)
        {
            throw new TransactionRefusedException(
                scope.Header.Id,
                $"RunAsync was called inside transaction {scope.Header.Id} and joins it, so it can't have a {nameof(TransactionOptions)}.{misfit} of its own: set it on the outermost RunAsync.");
        }
    }
}
