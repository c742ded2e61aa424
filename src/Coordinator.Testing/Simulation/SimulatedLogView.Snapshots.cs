using Coordinator.Log;
using Coordinator.Protocol;

namespace Coordinator.Testing.Simulation;

/// <content>Snapshots: nobody rests on them, so they are lost, come back old, or are torn, and nobody is told.</content>
internal sealed partial class SimulatedLogView : ISnapshotStore
{
    /// <inheritdoc/>
    public ISnapshotStore? Snapshots => this;

    /// <inheritdoc/>
    public ValueTask<Snapshot?> ReadSnapshotAsync(StreamName stream, CancellationToken cancellation) =>
        CallAsync("read a snapshot", () => ValueTask.FromResult(FindSnapshot(stream)), cancellation);

    /// <inheritdoc/>
    public async ValueTask WriteSnapshotAsync(Snapshot snapshot, CancellationToken cancellation) =>
        await CallAsync("write a snapshot", () => KeepAsync(snapshot), cancellation).ConfigureAwait(false);

    /// <inheritdoc/>
    public async ValueTask DeleteSnapshotAsync(StreamName stream, CancellationToken cancellation) =>
        await CallAsync("delete a snapshot", () => DoneAsync(Log.Rows.DeleteSnapshotAsync(stream, CancellationToken.None)), cancellation).ConfigureAwait(false);

    private async ValueTask<bool> KeepAsync(Snapshot snapshot)
    {
        if (Log.Random.Chance(Log.Faults.SnapshotLost))
        {
            Loop.Counters.Reach(Situations.SnapshotLost);
            return true;
        }

        Loop.Counters.Reach(Situations.SnapshotWritten);
        Log.OlderSnapshots[snapshot.Stream] = await Log.Rows.ReadSnapshotAsync(snapshot.Stream, CancellationToken.None).ConfigureAwait(false);
        await Log.Rows.WriteSnapshotAsync(snapshot, CancellationToken.None).ConfigureAwait(false);
        return true;
    }

    private Snapshot? FindSnapshot(StreamName stream)
    {
        var found = SimulatedLog.Completed(Log.Rows.ReadSnapshotAsync(stream, CancellationToken.None));
        if (found is null)
        {
            return null;
        }

        if (Log.Random.Chance(Log.Faults.SnapshotOld))
        {
            Loop.Counters.Reach(Situations.SnapshotOld);
            return Log.OlderSnapshots.GetValueOrDefault(stream);
        }

        if (Log.Random.Chance(Log.Faults.SnapshotTorn))
        {
            Loop.Counters.Reach(Situations.SnapshotTorn);
            return Logs.SnapshotDamage.WithPayload(found, found.Payload[..(found.Payload.Length / 2)]).Verified();
        }

        Loop.Counters.Reach(Situations.SnapshotRead);
        return found;
    }
}
