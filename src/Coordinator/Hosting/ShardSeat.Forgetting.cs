using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;
using Coordinator.Shards;
using Microsoft.Extensions.Logging;

namespace Coordinator.Hosting;

/// <content>
/// Forgetting (rule D-5): what became of transactions after <see cref="CoordinatorOptions.DecisionRetention"/>, and idempotency keys after
/// <see cref="CoordinatorOptions.IdempotencyWindow"/>. The owner's business, now and then, and for keys that of the owner of the first shard; the streams of
/// users are never touched.
/// </content>
internal sealed partial class ShardSeat
{
    private const int RowsAtOnce = 1000;
    private static readonly TimeSpan ForgetPeriodMax = TimeSpan.FromMinutes(1);

    private TimeSpan _nextForget;
    private int _forgetting;

    private void ForgetIfDue()
    {
        if (Shard is not { IsStopped: false } shard || engine.Now < _nextForget || Interlocked.Exchange(ref _forgetting, 1) != 0)
        {
            return;
        }

        _nextForget = engine.Now + ForgetPeriodMax;
        if (engine.Options.DecisionRetention is var retention && retention != Timeout.InfiniteTimeSpan)
        {
            var spacing = retention / (ForgetRules.MarksMax / 2);
            shard.LimitForgetting(Before(retention), spacing.Ticks / TimeSpan.TicksPerMicrosecond);
            _nextForget = spacing < ForgetPeriodMax ? engine.Now + spacing : _nextForget;
        }

        _ = ForgetAsync(shard);
    }

    private async Task ForgetAsync(Shard shard)
    {
        try
        {
            var before = RowsForgotten;
            while (shard.Lane.Forgetting.Horizon is { } horizon && MayGoOn(shard)
                && await RemoveAsync(engine.Store.Removal.RemoveShardRowsAsync(shard.Number, horizon, RowsAtOnce, engine.StopToken)).ConfigureAwait(false))
            {
            }

            while (number == 0 && engine.Options.IdempotencyWindow != Timeout.InfiniteTimeSpan && MayGoOn(shard)
                && await RemoveAsync(engine.Store.Removal.RemoveKeysAsync(Before(engine.Options.IdempotencyWindow + (2 * TransactionEngine.ClockSkewMax)), RowsAtOnce, engine.StopToken)).ConfigureAwait(false))
            {
            }

            if (RowsForgotten > before)
            {
                Forgot(engine.Logger, RowsForgotten - before, shard.Number);
            }
        }
        catch (Exception error) when (error is not (OutOfMemoryException or InvariantViolationException))
        {
            if (!engine.IsStopping)
            {
                ForgetFailed(engine.Logger, error.Message); // tried again in a minute; what is still there does no harm
            }
        }
        finally
        {
            Volatile.Write(ref _forgetting, 0);
        }
    }

    private bool MayGoOn(Shard shard) => !engine.IsStopping && !shard.IsStopped;

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

    private long Before(TimeSpan window) => LogRow.ClockOf(engine.Time) - (window.Ticks / TimeSpan.TicksPerMicrosecond);
}
