using Coordinator.Log;
using Coordinator.Protocol;
using Orleans.Storage;

namespace Coordinator.Orleans.Snapshots;

/// <summary>Keeps snapshots in a grain storage of the silo. Each stream's has the id of a grain that does not exist.</summary>
/// <remarks>
/// States are loaded in the flow of the transaction that uses them, and a storage may itself be grains: calls of these are no part of the transaction, or
/// one that fails would doom it, and a snapshot that can't be read costs time only.
/// </remarks>
internal sealed class GrainStorageSnapshotStore(IGrainStorage storage) : ISnapshotStore
{
    private const string StateName = "snapshot";
    private static readonly GrainType s_type = GrainType.Create("coordinator.snapshot");

    /// <inheritdoc/>
    public async ValueTask<Snapshot?> ReadSnapshotAsync(StreamName stream, CancellationToken cancellation)
    {
        using var outside = TransactionFlow.Suppress();
        var state = await ReadAsync(stream, cancellation).ConfigureAwait(false);
        return state.RecordExists ? state.State?.Read(stream) : null;
    }

    /// <inheritdoc/>
    public async ValueTask WriteSnapshotAsync(Snapshot snapshot, CancellationToken cancellation)
    {
        using var outside = TransactionFlow.Suppress();
        var state = await ReadAsync(snapshot.Stream, cancellation).ConfigureAwait(false);
        if (state.RecordExists && state.State?.Read(snapshot.Stream) is { Fault: null } last && last.IsNewerThan(snapshot))
        {
            return;
        }

        state.State = SnapshotState.Of(snapshot);
        try
        {
            await storage.WriteStateAsync(StateName, IdOf(snapshot.Stream), state, cancellation).ConfigureAwait(false);
        }
        catch (InconsistentStateException)
        {
            // Another silo has written one meanwhile. Whichever is there, it was taken of the same rows.
        }
    }

    /// <inheritdoc/>
    public async ValueTask DeleteSnapshotAsync(StreamName stream, CancellationToken cancellation)
    {
        using var outside = TransactionFlow.Suppress();
        var state = await ReadAsync(stream, cancellation).ConfigureAwait(false);
        if (state.RecordExists)
        {
            await storage.ClearStateAsync(StateName, IdOf(stream), state, cancellation).ConfigureAwait(false);
        }
    }

    private async Task<GrainState<SnapshotState>> ReadAsync(StreamName stream, CancellationToken cancellation)
    {
        var state = new GrainState<SnapshotState>(new SnapshotState());
        await storage.ReadStateAsync(StateName, IdOf(stream), state, cancellation).ConfigureAwait(false);
        return state;
    }

    private static GrainId IdOf(StreamName stream) => GrainId.Create(s_type, IdSpan.Create(stream.Value));
}
