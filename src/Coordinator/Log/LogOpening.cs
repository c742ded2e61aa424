using Coordinator.Protocol.Ownership;

namespace Coordinator.Log;

/// <summary>Opens a log and makes sure that it is the one it says to be (rule D-3).</summary>
internal static class LogOpening
{
    /// <summary>
    /// Opens it. A copy, where the store can tell, is refused until its operator has named a generation that the log never had: else
    /// it would issue ids again that the original issued, and presume aborted what the original committed.
    /// </summary>
    /// <exception cref="LogStoreException">The store can't be used, or is a copy.</exception>
    public static async ValueTask<LogMeta> OpenAsync(
        ILogStore store, LogMeta proposed, byte? restoredAs, TimeProvider time, CancellationToken cancellation)
    {
        var opened = await store.OpenAsync(proposed, cancellation).ConfigureAwait(false);
        var generation = opened.Meta.Identity.Generation;
        if (restoredAs > generation)
        {
            return await RaiseAsync(store, opened, restoredAs.Value, time, cancellation).ConfigureAwait(false);
        }

        if (opened.RecordedStore != opened.Store)
        {
            throw new LogStoreException(
                $"{store.Description} holds a copy of log {opened.Meta.Identity}: it was restored, or promoted from a replica (the log lived in '{opened.RecordedStore}', this is '{opened.Store}'). "
                + "Make sure that the original runs nowhere any more, then set "
                + $"{nameof(CoordinatorOptions)}.{nameof(CoordinatorOptions.RestoredAsGeneration)} to a number greater than every generation the log ever had; here it is {generation}.");
        }

        return opened.Meta;
    }

    private static async ValueTask<LogMeta> RaiseAsync(
        ILogStore store, OpenedLog opened, byte generation, TimeProvider time, CancellationToken cancellation)
    {
        var last = await MetaRow.ReadLastAsync(store, cancellation).ConfigureAwait(false);
        var meta = opened.Meta with { Identity = opened.Meta.Identity with { Generation = generation } };
        var row = MetaRow.Create(meta, opened.Store, last.Version + 1, time.GetUtcNow());
        var answer = await store.AppendAsync(new RowGroup([row], [new StreamCheck(LogStreams.Meta, last.Version, 0, default, false)]))
            .ConfigureAwait(false);
        return answer.Kind is GroupAnswerKind.Landed
            ? meta
            : throw new LogStoreException($"Generation {generation} could not be written to {store.Description}. Start again.", answer.Error!);
    }
}
