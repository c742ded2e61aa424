using Coordinator.Protocol.Ownership;

namespace Coordinator.Log;

/// <summary>
/// Opens a log and makes sure that it is the one it says to be (rule D-3), and that it has as many shards as its host needs (decision 0013).
/// </summary>
internal static class LogOpening
{
    /// <summary>
    /// Opens it. A copy, where the store can tell, is refused until its operator has named a generation that the log never had: else
    /// it would issue ids again that the original issued, and presume aborted what the original committed. A log with fewer shards than
    /// <paramref name="shardCountMin"/> grows to that number; one with more keeps them. From then on nobody who opened it before
    /// claims a shard any more.
    /// </summary>
    /// <exception cref="LogStoreException">The store can't be used, or is a copy.</exception>
    public static async ValueTask<LogMeta> OpenAsync(
        ILogStore store, LogMeta proposed, byte? restoredAs, TimeProvider time, CancellationToken cancellation, int shardCountMin = 1)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(shardCountMin, LogMeta.ShardCountMax);
        var opened = await store.OpenAsync(WithShards(proposed, shardCountMin), cancellation).ConfigureAwait(false);
        var wanted = Wanted(store, opened, restoredAs, shardCountMin);
        while (wanted != opened.Meta)
        {
            // What is written rests on the row before it and on no earlier look: another host may have written more than is wanted here.
            var last = await MetaRow.ReadLastAsync(store, cancellation).ConfigureAwait(false);
            opened = MetaRow.Read(last, opened.Store, store.Description);
            wanted = Wanted(store, opened, restoredAs, shardCountMin);
            if (wanted != opened.Meta && await TryAppendAsync(store, last.Version, wanted, opened.Store, time).ConfigureAwait(false))
            {
                break;
            }
        }

        return wanted;
    }

    private static LogMeta WithShards(LogMeta meta, int countMin) => meta with { ShardCount = Math.Max(meta.ShardCount, countMin) };

    /// <exception cref="LogStoreException">It is a copy.</exception>
    private static LogMeta Wanted(ILogStore store, OpenedLog opened, byte? restoredAs, int shardCountMin)
    {
        var wanted = WithShards(opened.Meta, shardCountMin);
        if (restoredAs > wanted.Identity.Generation)
        {
            return wanted with { Identity = wanted.Identity with { Generation = restoredAs.Value } };
        }

        return opened.RecordedStore == opened.Store
            ? wanted
            : throw new LogStoreException(
                $"{store.Description} holds a copy of log {wanted.Identity}: it was restored, or promoted from a replica (the log lived in '{opened.RecordedStore}', this is '{opened.Store}'). "
                + "Make sure that the original runs nowhere any more, then set "
                + $"{nameof(CoordinatorOptions)}.{nameof(CoordinatorOptions.RestoredAsGeneration)} to a number greater than every generation the log ever had; here it is {wanted.Identity.Generation}.");
    }

    /// <summary>
    /// Writes the next meta row; false if another one has come first. Nothing is concluded from an unclear answer: what is read behind
    /// one may be undone, and this host would then write to shards that the log does not have.
    /// </summary>
    private static async ValueTask<bool> TryAppendAsync(ILogStore store, long behind, LogMeta meta, string identity, TimeProvider time)
    {
        var row = MetaRow.Create(meta, identity, behind + 1, time.GetUtcNow());
        var answer = await store.AppendAsync(new RowGroup([row], [new StreamCheck(LogStreams.Meta, behind, 0, default, false)]))
            .ConfigureAwait(false);
        return answer.Kind switch
        {
            GroupAnswerKind.Landed => true,
            GroupAnswerKind.CheckFailed => false,
            _ => throw new LogStoreException(
                $"That the log is {meta.Identity} with {meta.ShardCount} shards could not be written to {store.Description}. Start again.", answer.Error!),
        };
    }
}
