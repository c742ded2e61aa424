using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;
using Coordinator.Shards;
using Microsoft.Extensions.Logging;

namespace Coordinator.Hosting;

/// <content>
/// Forgetting (rule D-5): what became of transactions after <see cref="CoordinatorOptions.DecisionRetention"/>, and idempotency keys after
/// <see cref="CoordinatorOptions.IdempotencyWindow"/>. The owner's business, now and then; the streams of users are never touched.
/// </content>
internal sealed partial class TransactionEngine
{
    private const int RowsAtOnce = 1000;
    private static readonly TimeSpan ForgetPeriodMax = TimeSpan.FromMinutes(1);

    private TimeSpan _nextForget;
    private int _forgetting;

    /// <summary>Rows that this host has removed from the log.</summary>
    public long RowsForgotten { get; private set; }

    /// <summary>What is covered by it is forgotten; null if nothing is.</summary>
    public ForgetMark? Horizon => _shard?.Lane.Forgetting.Horizon;

    private void ForgetIfDue()
    {
        if (_shard is not { IsStopped: false } shard || _clock.Now < _nextForget || Interlocked.Exchange(ref _forgetting, 1) != 0)
        {
            return;
        }

        _nextForget = _clock.Now + ForgetPeriodMax;
        if (Options.DecisionRetention is var retention && retention != Timeout.InfiniteTimeSpan)
        {
            var spacing = retention / (ForgetRules.MarksMax / 2);
            shard.LimitForgetting(Before(retention), spacing.Ticks / TimeSpan.TicksPerMicrosecond);
            _nextForget = spacing < ForgetPeriodMax ? _clock.Now + spacing : _nextForget;
        }

        _ = ForgetAsync(shard);
    }

    private async Task ForgetAsync(Shard shard)
    {
        try
        {
            var before = RowsForgotten;
            while (shard.Lane.Forgetting.Horizon is { } horizon && MayGoOn(shard)
                && await RemoveAsync(_seams.Store.Removal.RemoveShardRowsAsync(shard.Number, horizon, RowsAtOnce, _stop.Token)).ConfigureAwait(false))
            {
            }

            while (Options.IdempotencyWindow != Timeout.InfiniteTimeSpan && MayGoOn(shard)
                && await RemoveAsync(_seams.Store.Removal.RemoveKeysAsync(Before(Options.IdempotencyWindow + (2 * ClockSkewMax)), RowsAtOnce, _stop.Token)).ConfigureAwait(false))
            {
            }

            if (RowsForgotten > before)
            {
                Forgot(_logger, RowsForgotten - before, shard.Number);
            }
        }
        catch (Exception error) when (error is not (OutOfMemoryException or InvariantViolationException))
        {
            if (!_stopping)
            {
                ForgetFailed(_logger, error.Message); // tried again in a minute; what is still there does no harm
            }
        }
        finally
        {
            Volatile.Write(ref _forgetting, 0);
        }
    }

    private bool MayGoOn(Shard shard) => !_stopping && !shard.IsStopped;

    /// <summary>False once there is nothing left to remove.</summary>
    private async ValueTask<bool> RemoveAsync(ValueTask<int> removal)
    {
        var count = await removal.ConfigureAwait(false);
        RowsForgotten += count;
        return count == RowsAtOnce;
    }

    [LoggerMessage(1308, LogLevel.Information, "Removed {Rows} rows from the log that may be forgotten: decisions of shard {Shard} and idempotency keys.")]
    private static partial void Forgot(ILogger logger, long rows, ushort shard);

    [LoggerMessage(1309, LogLevel.Warning, "What the log may forget could not be removed: {Error} It is tried again.")]
    private static partial void ForgetFailed(ILogger logger, string error);

    private long Before(TimeSpan window) => LogRow.ClockOf(_seams.Time) - (window.Ticks / TimeSpan.TicksPerMicrosecond);
}
