using Coordinator.Log;
using Coordinator.Protocol;

namespace Coordinator.AdoNet;

/// <content>Snapshots: read like rows; written over a connection of their own, or by the writer between two groups.</content>
internal sealed partial class AdoNetLogStore : ISnapshotStore
{
    private readonly SemaphoreSlim _snapshotTurn = new(1); // the writer's lane takes one at a time

    /// <inheritdoc/>
    public ISnapshotStore? Snapshots => this;

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
        return _dialect.SnapshotWriter is { } own
            ? own.WriteAsync(snapshot, cancellation)
            : BetweenGroupsAsync(writer => writer.WriteSnapshot(snapshot), cancellation);
    }

    /// <inheritdoc/>
    public ValueTask DeleteSnapshotAsync(StreamName stream, CancellationToken cancellation) => _dialect.SnapshotWriter is { } own
        ? own.DeleteAsync(stream, cancellation)
        : BetweenGroupsAsync(writer => writer.DeleteSnapshot(stream), cancellation);

    private async ValueTask BetweenGroupsAsync(Action<LogWriter> write, CancellationToken cancellation)
    {
        await _snapshotTurn.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            await Lane().PostBetween(write).ConfigureAwait(false);
        }
        finally
        {
            _snapshotTurn.Release();
        }
    }
}
