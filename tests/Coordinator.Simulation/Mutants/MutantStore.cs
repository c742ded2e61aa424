using System.Collections.Immutable;
using Coordinator.Log;
using Coordinator.Protocol;

namespace Coordinator.Simulation;

/// <summary>A store that passes everything on; a mutant overrides what it falsifies.</summary>
internal abstract class MutantStore(ILogStore inner) : ILogStore
{
    public string Description => Inner.Description;

    public virtual IHostBeats? Beats => Inner.Beats;

    public virtual ISnapshotStore? Snapshots => Inner.Snapshots;

    public virtual ILogRemoval Removal => Inner.Removal;

    protected ILogStore Inner { get; } = inner;

    public ValueTask<OpenedLog> OpenAsync(LogMeta proposed, CancellationToken cancellation) => Inner.OpenAsync(proposed, cancellation);

    public virtual ValueTask<GroupAnswer> AppendAsync(RowGroup group) => Inner.AppendAsync(group);

    public void AbandonAppend() => Inner.AbandonAppend();

    public ValueTask<ClaimAnswer> ClaimAsync(ShardClaim claim) => Inner.ClaimAsync(claim);

    public virtual ValueTask<ImmutableArray<KeyFinding>> InspectAsync(ImmutableArray<RowKey> keys, CancellationToken cancellation) =>
        Inner.InspectAsync(keys, cancellation);

    public virtual ValueTask<ImmutableArray<LogRow>> ReadAsync(
        StreamName stream, long fromVersion, int count, UnreadableRows unreadable, CancellationToken cancellation) =>
        Inner.ReadAsync(stream, fromVersion, count, unreadable, cancellation);

    public virtual ValueTask<LogRow?> ReadLastAsync(StreamName stream, CancellationToken cancellation) => Inner.ReadLastAsync(stream, cancellation);

    public virtual ValueTask<ShardEnd> ReadShardEndAsync(ushort shard, CancellationToken cancellation) => Inner.ReadShardEndAsync(shard, cancellation);

    public virtual ValueTask<LogRow?> FindDecisionAsync(TransactionId transaction, CancellationToken cancellation) =>
        Inner.FindDecisionAsync(transaction, cancellation);

    public ValueTask DisposeAsync() => Inner.DisposeAsync();
}
