using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;

namespace Coordinator.AdoNet;

/// <content>
/// Snapshots, and the removal of what may be forgotten: over a connection of their own, or by the writer between two groups. Snapshots are read
/// like rows.
/// </content>
internal sealed partial class AdoNetLogStore : ISnapshotStore, ILogRemoval
{
    private readonly SemaphoreSlim _sideTurn = new(1); // the writer's lane takes one at a time

    /// <inheritdoc/>
    public ISnapshotStore? Snapshots => this;

    /// <inheritdoc/>
    public ILogRemoval Removal => this;

    /// <inheritdoc/>
    public async ValueTask<Snapshot?> ReadSnapshotAsync(StreamName stream, CancellationToken cancellation)
    {
        var found = await QueryAsync(
            _dialect.ReadSnapshotStatement, reader => SnapshotDecoder.Read(reader, stream), cancellation, ("@stream", stream.Value)).ConfigureAwait(false);
        return found.Count == 0 ? null : found[0];
    }

    /// <inheritdoc/>
    public ValueTask WriteSnapshotAsync(Snapshot snapshot, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        return _dialect.SideWriter is { } own
            ? own.WriteSnapshotAsync(snapshot, cancellation)
            : BetweenGroupsAsync(writer => writer.WriteSnapshot(snapshot), cancellation);
    }

    /// <inheritdoc/>
    public ValueTask DeleteSnapshotAsync(StreamName stream, CancellationToken cancellation) => _dialect.SideWriter is { } own
        ? own.DeleteSnapshotAsync(stream, cancellation)
        : BetweenGroupsAsync(writer => writer.DeleteSnapshot(stream), cancellation);

    /// <inheritdoc/>
    public ValueTask<int> RemoveShardRowsAsync(ushort shard, ForgetMark horizon, int countMax, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(horizon);
        return _dialect.SideWriter is { } own
            ? own.RemoveShardRowsAsync(shard, horizon, countMax, cancellation)
            : CountBetweenGroupsAsync(writer => writer.RemoveShardRows(shard, horizon, countMax), cancellation);
    }

    /// <inheritdoc/>
    public ValueTask<int> RemoveKeysAsync(long writtenBefore, int countMax, CancellationToken cancellation) => _dialect.SideWriter is { } own
        ? own.RemoveKeysAsync(writtenBefore, countMax, cancellation)
        : CountBetweenGroupsAsync(writer => writer.RemoveKeys(writtenBefore, countMax), cancellation);

    private async ValueTask<int> CountBetweenGroupsAsync(Func<LogWriter, int> write, CancellationToken cancellation)
    {
        var count = 0;
        await BetweenGroupsAsync(writer => count = write(writer), cancellation).ConfigureAwait(false);
        return count;
    }

    private async ValueTask BetweenGroupsAsync(Action<LogWriter> write, CancellationToken cancellation)
    {
        await _sideTurn.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            await Lane().PostBetween(write).ConfigureAwait(false);
        }
        finally
        {
            _sideTurn.Release();
        }
    }
}
