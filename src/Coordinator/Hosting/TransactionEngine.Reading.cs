using Coordinator.Aggregates;
using Coordinator.Log;

namespace Coordinator.Hosting;

/// <content>Reads outside transactions, and what they and snapshots may rest on.</content>
internal sealed partial class TransactionEngine
{
    private SnapshotKeeper NewSnapshotKeeper() => Aggregates.Keeper = new SnapshotKeeper(
        _seams.Store, _seams.Snapshots ?? _seams.Store.Snapshots, _seams.Time, _clock, Dispatcher, IsKnownDurable, Options.SnapshotBytesMax, _logger);

    /// <summary>
    /// False for a row of this host's own group that the store shows and has not acknowledged yet: it may still turn out not to be in the
    /// log (decision 0004). What other owners wrote is shown by a store that hosts share only when it is durable.
    /// </summary>
    private bool IsKnownDurable(LogRow row) =>
        _shard?.Lane.Ownership is not { } owned
        || row.Position.Shard != OnlyShard
        || row.Position.Position < (ulong)owned.NextVersion
        || row.Transaction.Epoch > (ulong)owned.Epoch;
}
