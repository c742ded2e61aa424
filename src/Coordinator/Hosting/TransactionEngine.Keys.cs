using Coordinator.Aggregates;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;

namespace Coordinator.Hosting;

/// <content>What was committed under an idempotency key.</content>
internal sealed partial class TransactionEngine
{
    /// <summary>
    /// How far the clocks of hosts and of those who make keys may be apart. Keys are remembered for so much longer than the window, twice: the key may be
    /// dated by a clock that is ahead, and its row by one that is behind.
    /// </summary>
    internal static readonly TimeSpan ClockSkewMax = TimeSpan.FromMinutes(5);

    public async ValueTask<TransactionOutcome?> OutcomeOfAsync(IdempotencyKey key, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        var isUnderWay = Participants.IsOtherAtWork(key.Stream, default, out var attempt); // asked first: what ends in between can be read
        return await FindOutcomeAsync(key, default, cancellation).ConfigureAwait(false)
            ?? (isUnderWay ? new TransactionOutcome.Unknown(attempt, "It is not decided yet. Ask again with the key.") : null);
    }

    /// <summary>What the log says was committed under a key; null if it says nothing.</summary>
    /// <param name="key">The key.</param>
    /// <param name="self">The attempt that asks; default if none does. What others have committed is an earlier attempt's.</param>
    /// <param name="cancellation">Ends the look.</param>
    private async ValueTask<TransactionOutcome?> FindOutcomeAsync(IdempotencyKey key, TransactionId self, CancellationToken cancellation)
    {
        EnsureInWindow(key);
        if (_meta is null)
        {
            throw new TransactionRefusedException(default, "The host has not started: await its StartAsync first.");
        }

        var rows = await _seams.Store.ReadAsync(key.Stream, 1, int.MaxValue - 1, Log.UnreadableRows.Throw, cancellation).ConfigureAwait(false);
        EnsureInWindow(key); // what was not found may have been removed while it was being read
        return !rows.IsEmpty && KeyBinding.Of(rows[^1]) is { } binding ? await OutcomeOfAsync(key, binding, self, cancellation).ConfigureAwait(false) : null;
    }

    /// <summary>What to tell of a key that is bound. The row that binds it came with the commit and is the proof of it.</summary>
    private async ValueTask<TransactionOutcome> OutcomeOfAsync(IdempotencyKey key, KeyBinding binding, TransactionId self, CancellationToken cancellation)
    {
        if (!binding.IsFor(key))
        {
            throw new IdempotencyMismatchException(binding.Transaction, key);
        }

        // A row that can be read need not be durable while this process has its batch in hand. What an earlier owner wrote is.
        var isOwn = ShardOf(binding.Transaction.Shard) is { } shard && (long)binding.Transaction.Epoch == shard.Epoch;
        return isOwn && await InquireAsync(binding.Transaction, cancellation).ConfigureAwait(false) is InquiryAnswer.Undecided
            ? new TransactionOutcome.Unknown(binding.Transaction, "It is not decided yet. Ask again with the key.")
            : new TransactionOutcome.Committed(binding.Transaction) { IsEarlierAttempt = binding.Transaction != self };
    }

    private void EnsureInWindow(IdempotencyKey key)
    {
        if (key.IssuedAt is not { } issued || Options.IdempotencyWindow == Timeout.InfiniteTimeSpan)
        {
            return;
        }

        var age = _seams.Time.GetUtcNow() - issued;
        if (age < -ClockSkewMax)
        {
            throw new TransactionRefusedException(
                default, $"The idempotency key says that it was issued at {issued:u}, more than {ClockSkewMax} from now: it would be forgotten before it is old.");
        }

        if (age > Options.IdempotencyWindow)
        {
            throw new TransactionRefusedException(
                default,
                $"The idempotency key was issued at {issued:u}, longer ago than keys are remembered (option {nameof(CoordinatorOptions.IdempotencyWindow)}, {Options.IdempotencyWindow}): what was done under it may be forgotten.");
        }
    }
}
