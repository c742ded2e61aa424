using System.Diagnostics;
using Coordinator.Client;
using Coordinator.Participants;
using Coordinator.Protocol;

namespace Coordinator.Hosting;

/// <content>Transactions begun by hand, and work that is run as one and again.</content>
internal sealed partial class TransactionEngine
{
    public ITransaction Begin(TransactionOptions? options = null) => options?.Key is null
        ? BeginContext(options ?? TransactionOptions.Default, attempt: 1)
        : throw new ArgumentException("Work with an idempotency key is run by RunAsync, which can tell what an earlier attempt has done.", nameof(options));

    public Task<TransactionOutcome> RunAsync(Func<ITransaction, Task> work, CancellationToken cancellation = default) =>
        RunAsync(work, TransactionOptions.Default, cancellation);

    public async Task<TransactionOutcome> RunAsync(
        Func<ITransaction, Task> work, TransactionOptions options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(work);
        ArgumentNullException.ThrowIfNull(options);
        cancellation.ThrowIfCancellationRequested();
        if (options.Key is { } key)
        {
            EnsureInWindow(key);
        }

        var attempts = new Attempts(this, work, options);
        return await (options.Reruns ?? _reruns).ExecuteAsync(static (run, token) => run.NextAsync(token), attempts, cancellation).ConfigureAwait(false);
    }

    private TransactionContext BeginContext(TransactionOptions options, int attempt)
    {
        if (System.Transactions.Transaction.Current is not null)
        {
            throw new InvalidOperationException(
                "A System.Transactions scope is open, and its transaction can't be one with this one. Begin outside the scope, or suppress it with TransactionScopeOption.Suppress.");
        }

        if (!Enum.IsDefined(options.Mode))
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.Mode, $"{nameof(TransactionOptions.Mode)} is no mode.");
        }

        var timeout = options.Timeout ?? Options.TransactionTimeout;
        if (timeout <= TimeSpan.Zero || timeout > CoordinatorOptions.TimeoutMax)
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), timeout, $"{nameof(TransactionOptions.Timeout)} must be more than zero and at most {CoordinatorOptions.TimeoutMax}.");
        }

        var shard = _shard;
        if (RefusalOf(shard) is { } refusal)
        {
            throw new TransactionRefusedException(default, refusal);
        }

        var now = _clock.Now;
        var context = new TransactionContext(this, now, Telemetry.Traces.Begin(attempt, options.Key is not null));
        var id = shard!.Begin(now, timeout, context);
        context.Start(id, new WorkTerms(options.Age ?? new TransactionAge(_seams.Time.GetUtcNow(), id), timeout, options.Mode is ConcurrencyMode.Optimistic));
        return context;
    }

    /// <summary>The attempts at one piece of work, in the hands of a pipeline that may be the user's own.</summary>
    private sealed class Attempts(TransactionEngine engine, Func<ITransaction, Task> work, TransactionOptions options)
    {
        private TransactionOptions _options = options;
        private TransactionContext? _last;
        private int _attempts;
        private bool _mayRun = true;

        public async ValueTask<TransactionOutcome> NextAsync(CancellationToken cancellation)
        {
            if (!Interlocked.Exchange(ref _mayRun, false))
            {
                // A pipeline that retries what is Unknown, or hedges, would do the work twice.
                throw new InvalidOperationException("The work may be run again only after an attempt that was aborted, and one at a time: change the pipeline.");
            }

            TransactionContext? transaction = null;
            try
            {
                if (_last is { } last)
                {
                    // Locked from now on: optimistic work could lose again and again, whatever its age.
                    _options = _options with { Age = last.Age, Mode = ConcurrencyMode.Pessimistic };
                    engine.Telemetry.Metrics.RunAgain((last.KnownOutcome as TransactionOutcome.Aborted)?.Cause.Reason);
                }

                transaction = _last = engine.BeginContext(_options, ++_attempts);
                var outcome = await RunAsync(transaction, cancellation).ConfigureAwait(false);
                return _options.Key is { } key && outcome is not TransactionOutcome.Committed && !cancellation.IsCancellationRequested
                    ? await EarlierAsync(transaction.Id, key, cancellation).ConfigureAwait(false) ?? outcome
                    : outcome;
            }
            catch (Exception) when (_options.Key is not null && transaction is not null && !cancellation.IsCancellationRequested)
            {
                // An earlier attempt may have had its effect: what it left (the last item sold) must not be told as this one's failure.
                if (await EarlierAsync(transaction.Id, _options.Key, cancellation).ConfigureAwait(false) is { } earlier)
                {
                    return earlier;
                }

                throw;
            }
            finally
            {
                _mayRun = transaction is null or { KnownOutcome: TransactionOutcome.Aborted } || _options.Key is not null;
            }
        }

        /// <summary>What is told of the key once an attempt under it has not committed; null if nothing is known to have.</summary>
        private async ValueTask<TransactionOutcome?> EarlierAsync(TransactionId attempt, IdempotencyKey key, CancellationToken cancellation)
        {
            try
            {
                return await engine.OutcomeOfAsync(key, cancellation).ConfigureAwait(false);
            }
            catch (Exception error) when (error is not (TransactionException or InvariantViolationException or OperationCanceledException))
            {
                return new TransactionOutcome.Unknown(attempt, $"Whether another attempt under its key has committed can't be read: {error.Message}");
            }
        }

        private async ValueTask<TransactionOutcome> RunAsync(TransactionContext transaction, CancellationToken cancellation)
        {
            if (transaction.Span is { } span)
            {
                Activity.Current = span; // for the work; the caller's comes back with the end of this method
            }

            try
            {
                if (_options.Key is { } key && await transaction.BindAsync(key, cancellation).ConfigureAwait(false) is { } earlier)
                {
                    await transaction.AbortAsync("its idempotency key is bound already").ConfigureAwait(false);
                    return await engine.OutcomeOfAsync(key, earlier, cancellation).ConfigureAwait(false);
                }

                await work(transaction).ConfigureAwait(false);
            }
            catch (TransactionAbortedException aborted) when (aborted.TransactionId == transaction.Id)
            {
                return await transaction.AbortAsync().ConfigureAwait(false);
            }
            catch (Exception error)
            {
                var outcome = await transaction.AbortAsync($"the work threw {error.GetType().Name}").ConfigureAwait(false);
                if (outcome is TransactionOutcome.Aborted { IsWorthRerun: true } && !cancellation.IsCancellationRequested)
                {
                    return outcome; // aborted before it threw, and perhaps because of what it then saw
                }

                throw;
            }

            return cancellation.IsCancellationRequested
                ? await transaction.AbortAsync("cancelled before the commit was asked for").ConfigureAwait(false)
                : await transaction.CommitAsync(cancellation).ConfigureAwait(false);
        }
    }
}
