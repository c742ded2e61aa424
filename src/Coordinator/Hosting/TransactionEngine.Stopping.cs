using Coordinator.Protocol;
using Coordinator.Shards;
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
        var until = Now + Options.StopTimeout; // for all shards: a store that does not answer for one answers for none
        var ended = new List<(ShardSeat Seat, Shard Shard)>();
        foreach (var seat in _seats)
        {
            if (await seat.CloseAsync().ConfigureAwait(false) is { } shard) // whoever still waits is told: with the ticks ends every other way to an answer
            {
                ended.Add((seat, shard));
            }
        }

        Participants.Close(); // so are those who work here in transactions of others
        foreach (var release in ended.ConvertAll(one => one.Seat.ReleaseAsync(one.Shard, until))) // all are under way, one behind the other
        {
            await release.ConfigureAwait(false);
        }

        if (_timer is { } timer)
        {
            _timer = null;
            await timer.DisposeAsync().ConfigureAwait(false);
        }

        if (!_committer.IsIdle || !_seats.All(static seat => seat.IsQuiet) || !_snapshots.IsIdle)
        {
            // The store has not answered for a batch, a snapshot or a read: closing it under that could hang as well. The process lets go of it.
            StoreLeftOpen(_logger, _seams.Store.Description);
            return;
        }

        if (Heartbeat is not null)
        {
            await Heartbeat.LeaveAsync(CancellationToken.None).ConfigureAwait(false);
        }

        await _seams.Store.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>What the completion says, or false once the time is over.</summary>
    public async ValueTask<bool> WithinAsync(Completion<bool> completion, TimeSpan limit)
    {
        var timer = _seams.Time.CreateTimer(_ => completion.TryComplete(false, Dispatcher), null, limit, Timeout.InfiniteTimeSpan);
        await using (timer.ConfigureAwait(false))
        {
            return await completion.WaitAsync().ConfigureAwait(false);
        }
    }

    [LoggerMessage(1301, LogLevel.Information, "Coordinating on {Store}, log {Identity}, shard {Shard}, epoch {Epoch}; {Open} transactions were left open and are taken up (replayed from row {From}).")]
    private static partial void Started(ILogger logger, string store, LogIdentity identity, ushort shard, long epoch, int open, long from);

    [LoggerMessage(1302, LogLevel.Warning, "Stopped while the log store {Store} had a write or a read in hand; it is left open. The next owner reads what became of it.")]
    private static partial void StoreLeftOpen(ILogger logger, string store);

    [LoggerMessage(1304, LogLevel.Critical, "The log can't be opened.")]
    private static partial void OpeningFailed(ILogger logger, Exception error);

#if PLANTED_BUGS
    [LoggerMessage(1399, LogLevel.Warning, "This is a build with planted bugs, for tests of tests: it does the wrong thing on purpose ({Bug}). Trust it with nothing.")]
    private static partial void HasPlantedBugs(ILogger logger, PlantedBug bug);
#endif
}
