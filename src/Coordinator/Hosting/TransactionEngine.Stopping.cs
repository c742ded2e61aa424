using Coordinator.Log;
using Coordinator.Protocol;
using Microsoft.Extensions.Logging;

namespace Coordinator.Hosting;

/// <content>The end of the host's life, and what it says to operators.</content>
internal sealed partial class TransactionEngine
{
    /// <summary>Begins nothing more, lets what is in flight end, hands the log over and lets go of it.</summary>
    public async Task StopAsync(CancellationToken cancellation)
    {
        if (Interlocked.Exchange(ref _stopping, true))
        {
            return;
        }

        _snapshots.Stop();
        _stop.Cancel(); // ends an opening, and a look that has not claimed yet
        _owned.TryComplete(new OperationCanceledException("The host was stopped while it stood by."), Dispatcher);
        if (_timer is not null && !IsQuiet)
        {
            var drained = _drained = new Completion<bool>();
            using var registration = cancellation.UnsafeRegister(_ => drained.TryComplete(false, Dispatcher), null);
            await WithinAsync(drained, Options.StopTimeout).ConfigureAwait(false);
        }

        await CloseAsync().ConfigureAwait(false);
        _seams.Telemetry?.Dispose();
    }

    public async ValueTask DisposeAsync() => await StopAsync(CancellationToken.None).ConfigureAwait(false);

    private async ValueTask CloseAsync()
    {
        if (_shard is { } shard)
        {
            // Whoever still waits is told: with the ticks ends every other way to an answer.
            await shard.CloseAsync().ConfigureAwait(false);
            if (_role is HostRole.Owner && _committer.IsIdle)
            {
                await HandOverAsync(shard.Lane).ConfigureAwait(false);
            }
        }

        if (_timer is { } timer)
        {
            _timer = null;
            await timer.DisposeAsync().ConfigureAwait(false);
        }

        if (!_committer.IsIdle || Volatile.Read(ref _looking) != 0 || !_snapshots.IsIdle)
        {
            // The store has not answered for a batch, a snapshot or a read: closing it under that could hang as well. The process lets go of it.
            StoreLeftOpen(_logger, _seams.Store.Description);
            return;
        }

        if (_heartbeat is not null)
        {
            await _heartbeat.LeaveAsync(CancellationToken.None).ConfigureAwait(false);
        }

        await _seams.Store.DisposeAsync().ConfigureAwait(false);
    }

    private async ValueTask HandOverAsync(ShardLane lane)
    {
        var answered = new Completion<bool>();
        _ = ReleaseAsync();
        if (await WithinAsync(answered, Options.StopTimeout).ConfigureAwait(false))
        {
            HandedOver(_logger, lane.Shard);
        }

        async Task ReleaseAsync() => answered.TryComplete(await _committer.TryReleaseAsync(lane).ConfigureAwait(false), Dispatcher);
    }

    /// <summary>What the completion says, or false once the time is over.</summary>
    private async ValueTask<bool> WithinAsync(Completion<bool> completion, TimeSpan limit)
    {
        var timer = _seams.Time.CreateTimer(_ => completion.TryComplete(false, Dispatcher), null, limit, Timeout.InfiniteTimeSpan);
        await using (timer.ConfigureAwait(false))
        {
            return await completion.WaitAsync().ConfigureAwait(false);
        }
    }

    [LoggerMessage(1301, LogLevel.Information, "Coordinating on {Store}, log {Identity}, epoch {Epoch}; {Open} transactions were left open and are taken up (replayed from row {From}).")]
    private static partial void Started(ILogger logger, string store, LogIdentity identity, long epoch, int open, long from);

    [LoggerMessage(1302, LogLevel.Warning, "Stopped while the log store {Store} had a write or a read in hand; it is left open. The next owner reads what became of it.")]
    private static partial void StoreLeftOpen(ILogger logger, string store);

    [LoggerMessage(1303, LogLevel.Information, "Handed shard {Shard} over: the next owner need not wait.")]
    private static partial void HandedOver(ILogger logger, ushort shard);

    [LoggerMessage(1304, LogLevel.Critical, "The log can't be opened.")]
    private static partial void OpeningFailed(ILogger logger, Exception error);

    [LoggerMessage(1305, LogLevel.Critical, "The log can't be taken over; it is tried again.")]
    private static partial void TakeOverFailed(ILogger logger, Exception error);

    [LoggerMessage(1306, LogLevel.Warning, "Standing by, but the log can't be read: {Error}")]
    private static partial void LookFailed(ILogger logger, string error);
}
