using System.Diagnostics;
using Coordinator.Client;
using Coordinator.Protocol;
using Polly;

namespace Coordinator.Hosting;

/// <content>Transactions begun by hand, and work that is run as one and again.</content>
internal sealed partial class TransactionEngine
{
    private long _lastAge;

    public ITransaction Begin(TransactionOptions? options = null) => options?.Key is null
        ? BeginContext(options ?? TransactionOptions.Default, options?.Age, options?.Mode is ConcurrencyMode.Optimistic, attempt: 1)
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
        if (options.Reruns is null && _reruns is null)
        {
            // Most work is done at once: only what has lost pays for the pipeline, which is then shown the outcome that there is.
            var outcome = await attempts.NextAsync(cancellation).ConfigureAwait(false);
            if (outcome is not TransactionOutcome.Aborted { IsWorthRerun: true })
            {
                return ToBeTold(outcome, options);
            }

            attempts.ShowAgain(outcome);
        }

        return ToBeTold(
            await (options.Reruns ?? _reruns ?? _defaultReruns).ExecuteAsync(
                static (attempts, token) => attempts.TakeShown() is { } outcome ? new(outcome) : attempts.NextAsync(token), attempts, cancellation).ConfigureAwait(false),
            options);
    }

    /// <summary>
    /// On one host an attempt under a key waits for the one that has the key. Another host's attempt is seen by nobody here until it has committed: <em>told that
    /// nothing happened, while the first attempt, which was in its way, goes on to commit.</em>
    /// </summary>
    private TransactionOutcome ToBeTold(TransactionOutcome outcome, TransactionOptions options) =>
        IsClustered && options.Key is not null && outcome is TransactionOutcome.Aborted aborted && MayBeAnothersDoing(aborted.Cause.Reason)
            && !(aborted.IsWorthRerun && options.Reruns == ResiliencePipeline<TransactionOutcome>.Empty) // whoever gives this runs it again himself
            ? Reruns.Doubted(aborted)
            : outcome;

    /// <summary>What work is aborted for where another attempt at the same work is in its way. What the work itself makes of what it finds is told as it is.</summary>
    private static bool MayBeAnothersDoing(AbortReason reason) => reason is AbortReason.LockTimeout or AbortReason.Timeout or AbortReason.VoteTimeout
        or AbortReason.ParticipantLost or AbortReason.Moved or AbortReason.Conflict or AbortReason.Wounded;

    private TransactionContext BeginContext(TransactionOptions options, TransactionAge? age, bool isOptimistic, int attempt)
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

        var shard = _beginAt.Current;
        if (RefusalOf(shard) is { } refusal)
        {
            throw Refused(refusal);
        }

        var now = _clock.Now;
        var context = new TransactionContext(this, now, Telemetry.Traces.Begin(attempt, options.Key is not null));
        var id = shard!.Begin(now, timeout, context);
        context.Start(new TransactionHeader(id, _host, age ?? new TransactionAge(NextAge(), id), timeout, isOptimistic));
        return context;
    }

    /// <summary>
    /// The clock, which never goes back here: after a step back all that is begun would else be older than all that runs, and whatever is run again
    /// would lose to newcomers for as long as the step was.
    /// </summary>
    private DateTimeOffset NextAge()
    {
        var ticks = _seams.Time.GetUtcNow().UtcTicks;
        for (var last = Volatile.Read(ref _lastAge); ;)
        {
            if (ticks <= last)
            {
                return new DateTimeOffset(last, TimeSpan.Zero); // ids tell the order
            }

            var seen = Interlocked.CompareExchange(ref _lastAge, ticks, last);
            if (seen == last)
            {
                return new DateTimeOffset(ticks, TimeSpan.Zero);
            }

            last = seen;
        }
    }

    /// <summary>The attempts at one piece of work, in the hands of a pipeline that may be the user's own.</summary>
    private sealed class Attempts(TransactionEngine engine, Func<ITransaction, Task> work, TransactionOptions options)
    {
        private TransactionContext? _last;
        private int _attempts;
        private bool _mayRun = true;

        private TransactionOutcome? _shown;

        /// <summary>The pipeline has not seen this outcome yet: its first attempt is to be it.</summary>
        public void ShowAgain(TransactionOutcome outcome) => _shown = outcome;

        public TransactionOutcome? TakeShown() => Interlocked.Exchange(ref _shown, null);

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
                    engine.Telemetry.Metrics.RunAgain((last.KnownOutcome as TransactionOutcome.Aborted)?.Cause.Reason);
                }

                // Run again with locks: optimistic work could lose again and again, whatever its age.
                transaction = engine.BeginContext(options, _last?.Age ?? options.Age, _last is null && options.Mode is ConcurrencyMode.Optimistic, ++_attempts);
                _last = transaction;

                if (transaction.Span is { } span)
                {
                    Activity.Current = span; // for the work; the caller's comes back with the end of this method
                }

                return options.Key is null
                    ? await WorkAsync(transaction, cancellation).ConfigureAwait(false)
                    : await WorkOnceAsync(transaction, options.Key, cancellation).ConfigureAwait(false);
            }
            finally
            {
                _mayRun = transaction is null or { KnownOutcome: TransactionOutcome.Aborted } || options.Key is not null;
            }
        }

        /// <summary>What is told of the key once an attempt under it has not committed; null if nothing is known to have.</summary>
        private async ValueTask<TransactionOutcome?> EarlierAsync(TransactionId attempt, IdempotencyKey key, CancellationToken cancellation)
        {
            try
            {
                return await engine.FindOutcomeAsync(key, attempt, cancellation).ConfigureAwait(false);
            }
            catch (Exception error) when (error is not (TransactionException or InvariantViolationException or OperationCanceledException))
            {
                return new TransactionOutcome.Unknown(attempt, $"Whether another attempt under its key has committed can't be read: {error.Message}");
            }
        }

        private async ValueTask<TransactionOutcome> WorkOnceAsync(TransactionContext transaction, IdempotencyKey key, CancellationToken cancellation)
        {
            try
            {
                TransactionOutcome outcome;
                if (await transaction.BindAsync(key, cancellation).ConfigureAwait(false) is { } earlier)
                {
                    await transaction.WithdrawAsync().ConfigureAwait(false);
                    outcome = await engine.OutcomeOfAsync(key, earlier, transaction.Id, cancellation).ConfigureAwait(false);
                }
                else
                {
                    engine.EnsureInWindow(key); // what was found unbound may have been removed while it was being read
                    outcome = await WorkAsync(transaction, cancellation).ConfigureAwait(false);
                }

                return outcome is TransactionOutcome.Committed || cancellation.IsCancellationRequested
                    ? outcome
                    : await EarlierAsync(transaction.Id, key, cancellation).ConfigureAwait(false) ?? outcome;
            }
            catch (Exception error) when (!cancellation.IsCancellationRequested)
            {
                // An earlier attempt may have had its effect: what it left (the last item sold) must not be told as this one's failure.
                var own = await transaction.FailAsync(error).ConfigureAwait(false);
                var isUnderWay = engine.Participants.IsOtherAtWork(key.Stream, transaction.Id, out _); // asked first: it may be told of next
                if (await EarlierAsync(transaction.Id, key, cancellation).ConfigureAwait(false) is { } earlier)
                {
                    return earlier;
                }

                if (error is TransactionAbortedException aborted && aborted.TransactionId == transaction.Id)
                {
                    // It gave up waiting for the key: none of this attempt happened, but the one that holds the key may.
                    return own is TransactionOutcome.Aborted { IsWorthRerun: false } && isUnderWay
                        ? new TransactionOutcome.Unknown(transaction.Id, "Another attempt under its key is under way. Ask again with the key.")
                        : own;
                }

                throw;
            }
        }

        private async ValueTask<TransactionOutcome> WorkAsync(TransactionContext transaction, CancellationToken cancellation)
        {
            try
            {
                await work(transaction).ConfigureAwait(false);
            }
            catch (TransactionAbortedException aborted) when (aborted.TransactionId == transaction.Id)
            {
                return await transaction.AbortAsync(aborted.Cause).ConfigureAwait(false); // another host's, of which the coordinator may not have heard yet
            }
            catch (Exception error)
            {
                var outcome = await transaction.FailAsync(error).ConfigureAwait(false);
                if (outcome is TransactionOutcome.Aborted aborted && IsConsequence(error, aborted, transaction.Id) && !cancellation.IsCancellationRequested)
                {
                    return outcome;
                }

                throw;
            }

            return cancellation.IsCancellationRequested
                ? await transaction.DropAsync("cancelled before the commit was asked for").ConfigureAwait(false)
                : await transaction.CommitAsync(cancellation).ConfigureAwait(false);
        }

        /// <summary>It was aborted before the work threw, and the work perhaps threw because of what it then saw.</summary>
        private static bool IsConsequence(Exception error, TransactionOutcome.Aborted aborted, TransactionId id) => aborted.IsWorthRerun
            || (error is TransactionNotActiveException late && late.TransactionId == id
                && aborted.Cause.Reason is not (AbortReason.Requested or AbortReason.WorkFailed));
    }
}
