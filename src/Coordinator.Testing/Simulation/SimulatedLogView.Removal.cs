using Coordinator.Log;
using Coordinator.Protocol.Ownership;

namespace Coordinator.Testing.Simulation;

/// <content>Removal of what may be forgotten: slow or refused like any other call, and done when it is answered.</content>
internal sealed partial class SimulatedLogView : ILogRemoval
{
    /// <inheritdoc/>
    public ILogRemoval Removal => this;

    /// <inheritdoc/>
    public ValueTask<int> RemoveShardRowsAsync(ushort shard, ForgetMark horizon, int countMax, CancellationToken cancellation) =>
        CallAsync(
            "remove shard rows",
            () =>
            {
                Log.Removing?.Invoke(Process, shard, horizon);
                return Log.Rows.RemoveShardRowsAsync(shard, horizon, countMax, CancellationToken.None);
            },
            cancellation);

    /// <inheritdoc/>
    public ValueTask<int> RemoveKeysAsync(long writtenBefore, int countMax, CancellationToken cancellation) =>
        CallAsync("remove keys", () => Log.Rows.RemoveKeysAsync(writtenBefore, countMax, CancellationToken.None), cancellation);
}
