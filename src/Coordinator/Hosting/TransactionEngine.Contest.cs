using Coordinator.Shards;
using Microsoft.Extensions.Logging;

namespace Coordinator.Hosting;

/// <content>How an owner that has nothing to write learns that it was displaced in its sleep.</content>
internal sealed partial class TransactionEngine
{
    /// <summary>
    /// Another host's beat lists the shard: it may have been taken over. An append would find out, but there may never be one, and
    /// until then this host would call itself ready and answer reads from what it remembers. The log alone says who owns it.
    /// </summary>
    private void LookIfContested()
    {
        if (_heartbeat is not { } heartbeat || _shard is not { IsStopped: false } shard || heartbeat.AcknowledgedCount == _roundsLooked)
        {
            return;
        }

        _roundsLooked = heartbeat.AcknowledgedCount;
        foreach (var beat in heartbeat.Seen)
        {
            if (beat.Host != _host && beat.Shards.Contains(OnlyShard) && Interlocked.Exchange(ref _looking, 1) == 0)
            {
                _ = LookAsync(shard);
                return;
            }
        }
    }

    private async Task LookAsync(Shard shard)
    {
        try
        {
            await shard.LookForHeirAsync(_stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_stopping)
        {
            // The next owner reads the log anyway.
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            OwnerLookFailed(_logger, error.Message); // the store is away: the next round looks again
        }
        finally
        {
            Volatile.Write(ref _looking, 0);
        }
    }

    [LoggerMessage(1307, LogLevel.Warning, "Another host's heartbeat lists this host's shard, but the log can't be read: {Error}")]
    private static partial void OwnerLookFailed(ILogger logger, string error);
}
