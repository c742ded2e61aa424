using System.Collections.Immutable;
using Coordinator.Log;
using Coordinator.Protocol;

namespace Coordinator.Chaos.Victims.Faults;

/// <summary>The real store, with crash points before and behind its writes.</summary>
internal sealed class CrashingStore(ILogStore inner, CrashPoint point) : ILogStore
{
    public string Description => inner.Description;

    public IHostBeats? Beats => inner.Beats;

    public ISnapshotStore? Snapshots => inner.Snapshots;

    public ILogRemoval Removal => inner.Removal;

    public ValueTask<OpenedLog> OpenAsync(LogMeta proposed, CancellationToken cancellation) => inner.OpenAsync(proposed, cancellation);

    public async ValueTask<GroupAnswer> AppendAsync(RowGroup group)
    {
        point.Reach("append.before");
        var answer = await inner.AppendAsync(group);
        point.Reach("append.after");
        return answer;
    }

    public void AbandonAppend() => inner.AbandonAppend();

    public async ValueTask<ClaimAnswer> ClaimAsync(ShardClaim claim)
    {
        point.Reach("claim.before");
        var answer = await inner.ClaimAsync(claim);
        point.Reach("claim.after");
        return answer;
    }

    public ValueTask<ImmutableArray<KeyFinding>> InspectAsync(ImmutableArray<RowKey> keys, CancellationToken cancellation) =>
        inner.InspectAsync(keys, cancellation);

    public ValueTask<ImmutableArray<LogRow>> ReadAsync(
        StreamName stream, long fromVersion, int count, UnreadableRows unreadable, CancellationToken cancellation) =>
        inner.ReadAsync(stream, fromVersion, count, unreadable, cancellation);

    public ValueTask<LogRow?> ReadLastAsync(StreamName stream, CancellationToken cancellation) => inner.ReadLastAsync(stream, cancellation);

    public ValueTask<ShardEnd> ReadShardEndAsync(ushort shard, CancellationToken cancellation) => inner.ReadShardEndAsync(shard, cancellation);

    public ValueTask<LogRow?> FindDecisionAsync(TransactionId transaction, CancellationToken cancellation) =>
        inner.FindDecisionAsync(transaction, cancellation);

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
