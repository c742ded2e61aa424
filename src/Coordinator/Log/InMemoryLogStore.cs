using System.Collections.Immutable;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;

namespace Coordinator.Log;

/// <summary>A log in this process's memory, by the same rules as the durable ones. Nothing survives the process.</summary>
internal sealed class InMemoryLogStore : ILogStore
{
    private readonly Lock _gate = new();
    private readonly Dictionary<StreamName, List<LogRow>> _streams = [];
    private readonly Dictionary<TransactionId, LogRow> _decisions = [];
    private LogMeta? _meta;

    public string Description => "the in-memory log";

    public ValueTask<LogMeta> OpenAsync(LogMeta proposed, CancellationToken cancellation)
    {
        lock (_gate)
        {
            return new(_meta ??= proposed);
        }
    }

    public ValueTask<GroupAnswer> AppendAsync(RowGroup group)
    {
        lock (_gate)
        {
            foreach (var check in group.Checks)
            {
                if (!check.Holds(EndOf(check.Stream)))
                {
                    return new(new GroupAnswer(GroupAnswerKind.CheckFailed));
                }
            }

            foreach (var row in group.Rows)
            {
                Add(row);
            }
        }

        return new(new GroupAnswer(GroupAnswerKind.Landed));
    }

    public void AbandonAppend()
    {
    }

    public ValueTask<ClaimAnswer> ClaimAsync(ShardClaim claim)
    {
        lock (_gate)
        {
            var end = EndOf(claim.Row.Stream);
            if (end.Epoch != claim.GuardEpoch || _meta?.Identity != claim.Identity)
            {
                return new(new ClaimAnswer(GroupAnswerKind.CheckFailed));
            }

            var version = end.Version + 1;
            Add(new LogRow
            {
                Stream = claim.Row.Stream,
                Version = version,
                Kind = claim.Row.Kind,
                AppendId = claim.Row.AppendId,
                Epoch = version,
                Position = new LogPosition(claim.Row.Position.Shard, (ulong)version),
                WrittenAt = claim.Row.WrittenAt,
                Payload = claim.Row.Payload,
                Checksum = claim.Row.Checksum,
            });
            return new(new ClaimAnswer(GroupAnswerKind.Landed, version));
        }
    }

    public ValueTask<ImmutableArray<KeyFinding>> InspectAsync(ImmutableArray<RowKey> keys, CancellationToken cancellation)
    {
        lock (_gate)
        {
            return new([.. keys.Select(key =>
            {
                var rows = _streams.GetValueOrDefault(key.Stream);
                var row = rows is not null && key.Version >= 1 && key.Version <= rows.Count ? rows[(int)key.Version - 1] : null;
                return new KeyFinding(
                    key, row is not null, row?.AppendId ?? default, row?.Kind ?? default, EndOf(key.Stream), rows is null ? default : rows[^1].Position);
            })]);
        }
    }

    public ValueTask<ImmutableArray<LogRow>> ReadAsync(StreamName stream, long fromVersion, int count, CancellationToken cancellation)
    {
        lock (_gate)
        {
            var rows = _streams.GetValueOrDefault(stream);
            return new(rows is null || fromVersion > rows.Count
                ? []
                : [.. rows.GetRange((int)fromVersion - 1, (int)Math.Min(count, rows.Count - fromVersion + 1))]);
        }
    }

    public ValueTask<ShardEnd> ReadShardEndAsync(ushort shard, CancellationToken cancellation)
    {
        lock (_gate)
        {
            var rows = _streams.GetValueOrDefault(LogStreams.Shard(shard));
            return new(rows is null ? new ShardEnd(0, null, null) : new ShardEnd(rows.Count, rows[(int)rows[^1].Epoch - 1], rows[^1]));
        }
    }

    public ValueTask<LogRow?> FindDecisionAsync(TransactionId transaction, CancellationToken cancellation)
    {
        lock (_gate)
        {
            return new(_decisions.GetValueOrDefault(transaction));
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private StreamEnd EndOf(StreamName stream) => _streams.TryGetValue(stream, out var rows) ? rows[^1].AsEnd() : default;

    private void Add(LogRow row)
    {
        if (!_streams.TryGetValue(row.Stream, out var rows))
        {
            _streams[row.Stream] = rows = new(4);
        }

        Invariant.Holds(row.Version == rows.Count + 1, "an append succeeds only at the end of a stream (D-1)");
        rows.Add(row);
        if (row.IsDecision)
        {
            _decisions[row.Transaction] = row;
        }
    }
}
