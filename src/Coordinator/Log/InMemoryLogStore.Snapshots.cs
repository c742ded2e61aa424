using Coordinator.Protocol;

namespace Coordinator.Log;

/// <content>Snapshots.</content>
internal sealed partial class InMemoryLogStore : ISnapshotStore
{
    private readonly Dictionary<StreamName, Snapshot> _snapshots = [];

    /// <inheritdoc/>
    public ISnapshotStore? Snapshots => this;

    /// <inheritdoc/>
    public ValueTask<Snapshot?> ReadSnapshotAsync(StreamName stream, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        lock (_gate)
        {
            return ValueTask.FromResult(_snapshots.GetValueOrDefault(stream)?.Verified());
        }
    }

    /// <inheritdoc/>
    public ValueTask WriteSnapshotAsync(Snapshot snapshot, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        cancellation.ThrowIfCancellationRequested();
        lock (_gate)
        {
            if (_snapshots.GetValueOrDefault(snapshot.Stream)?.IsNewerThan(snapshot) is not true)
            {
                _snapshots[snapshot.Stream] = snapshot;
            }
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask DeleteSnapshotAsync(StreamName stream, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        lock (_gate)
        {
            _snapshots.Remove(stream);
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>Puts another snapshot in a snapshot's place, newer or not, or none: for tests of whoever reads.</summary>
    internal void Damage(StreamName stream, Func<Snapshot?, Snapshot?> damage)
    {
        lock (_gate)
        {
            if (damage(_snapshots.GetValueOrDefault(stream)) is { } damaged)
            {
                _snapshots[stream] = damaged;
            }
            else
            {
                _snapshots.Remove(stream);
            }
        }
    }
}
