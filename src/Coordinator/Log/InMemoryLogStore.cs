using System.Collections.Immutable;
using System.Globalization;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;

namespace Coordinator.Log;

/// <summary>
/// The log in memory, for tests and simulation: the same rules as a database, nothing durable, every call answered at once.
/// What it holds outlives <see cref="DisposeAsync"/>, so that opening it again is like a restart of the process.
/// </summary>
internal sealed partial class InMemoryLogStore(TimeProvider time) : ILogStore, IHostBeats
{
    private readonly Lock _gate = new();
    private readonly Dictionary<StreamName, List<LogRow>> _streams = [];
    private readonly Dictionary<TransactionId, LogRow> _decisions = [];
    private readonly Dictionary<ulong, HostBeat> _beats = [];

    /// <inheritdoc/>
    public string Description => "memory";

    /// <inheritdoc/>
    public IHostBeats? Beats => this;

    /// <summary>What a database server says of itself: a test sets another to play a restored copy.</summary>
    internal string StoreIdentity { get; set; } = "memory";

    /// <inheritdoc/>
    public ValueTask<OpenedLog> OpenAsync(LogMeta proposed, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(proposed);
        cancellation.ThrowIfCancellationRequested();
        lock (_gate)
        {
            if (!_streams.TryGetValue(LogStreams.Meta, out var meta))
            {
                _streams.Add(LogStreams.Meta, meta = [MetaRow.Create(proposed, StoreIdentity, version: 1, time.GetUtcNow())]);
            }

            var last = meta[^1];
            return RowTrust.FaultOf(last, null) is { } fault
                ? throw new LogCorruptException(LogStreams.Meta, last.Version, fault)
                : ValueTask.FromResult(MetaRow.Read(last, StoreIdentity, Description));
        }
    }

    /// <inheritdoc/>
    public ValueTask<GroupAnswer> AppendAsync(RowGroup group)
    {
        ArgumentNullException.ThrowIfNull(group);
        if (RowGroupRules.FaultOf(group) is { } fault)
        {
            return ValueTask.FromResult(new GroupAnswer(GroupAnswerKind.Refused, new ArgumentException(fault, nameof(group))));
        }

        lock (_gate)
        {
            foreach (var check in group.Checks)
            {
                if (!check.Holds(EndOf(check.Stream)))
                {
                    return ValueTask.FromResult(new GroupAnswer(GroupAnswerKind.CheckFailed));
                }
            }

            Write(group.Rows.AsSpan());
        }

        return ValueTask.FromResult(new GroupAnswer(GroupAnswerKind.Landed));
    }

    /// <inheritdoc/>
    public void AbandonAppend()
    {
        // Every append has been answered before anyone could give up on it.
    }

    /// <inheritdoc/>
    public ValueTask<ClaimAnswer> ClaimAsync(ShardClaim claim)
    {
        ArgumentNullException.ThrowIfNull(claim);
        var wanted = claim.Row;
        if (!LogStreams.TryParseShard(wanted.Stream, out var shard))
        {
            return ValueTask.FromResult(new ClaimAnswer(
                GroupAnswerKind.Refused, 0, new ArgumentException($"'{wanted.Stream}' is no shard.", nameof(claim))));
        }

        lock (_gate)
        {
            var end = EndOf(wanted.Stream);
            if (end.Epoch != claim.GuardEpoch || _streams[LogStreams.Meta][^1].AppendId != claim.MetaAppendId)
            {
                return ValueTask.FromResult(new ClaimAnswer(GroupAnswerKind.CheckFailed));
            }

            var version = end.Version + 1;
            var row = new LogRow
            {
                Stream = wanted.Stream,
                Version = version,
                Kind = RowKind.ShardOwned,
                AppendId = wanted.AppendId,
                Epoch = version,
                Checkpoint = wanted.Checkpoint,
                Position = new LogPosition(shard, (ulong)version),
                Previous = wanted.Previous,
                Type = wanted.Type,
                TypeVersion = wanted.TypeVersion,
                WrittenAt = wanted.WrittenAt,
                Payload = wanted.Payload,
            };
            row.Checksum = RowChecksum.Of(row, 0);
            Write([row]);
            return ValueTask.FromResult(new ClaimAnswer(GroupAnswerKind.Landed, version));
        }
    }

    /// <inheritdoc/>
    public ValueTask<ImmutableArray<KeyFinding>> InspectAsync(ImmutableArray<RowKey> keys, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var findings = ImmutableArray.CreateBuilder<KeyFinding>(keys.Length);
        lock (_gate)
        {
            foreach (var key in keys)
            {
                var rows = RowsOf(key.Stream);
                var row = Find(rows, key.Version);
                findings.Add(new KeyFinding(
                    key,
                    row is not null,
                    row?.AppendId ?? default,
                    row?.Kind ?? default,
                    rows.Count == 0 ? default : rows[^1].AsEnd(),
                    rows.Count == 0 ? default : rows[^1].Position));
            }
        }

        return ValueTask.FromResult(findings.MoveToImmutable());
    }

    /// <inheritdoc/>
    public ValueTask<ImmutableArray<LogRow>> ReadAsync(
        StreamName stream, long fromVersion, int count, UnreadableRows unreadable, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        cancellation.ThrowIfCancellationRequested();
        List<LogRow> read;
        lock (_gate)
        {
            var rows = RowsOf(stream);
            var start = IndexOf(rows, Math.Max(1, fromVersion - 1)); // the row before the page seeds its first checksum
            read = rows.GetRange(start, (int)Math.Min(rows.Count - start, (long)count + 1));
        }

        return ValueTask.FromResult(RowTrust.Page(stream, fromVersion, count, unreadable, read));
    }

    /// <inheritdoc/>
    public ValueTask<LogRow?> ReadLastAsync(StreamName stream, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        lock (_gate)
        {
            var rows = RowsOf(stream);
            return ValueTask.FromResult(rows.Count == 0 ? null : RowTrust.Trusted(rows[^1], rows.Count > 1 ? rows[^2] : null));
        }
    }

    /// <inheritdoc/>
    public ValueTask<ShardEnd> ReadShardEndAsync(ushort shard, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        lock (_gate)
        {
            var rows = RowsOf(LogStreams.Shard(shard));
            if (rows.Count == 0)
            {
                return ValueTask.FromResult(new ShardEnd(0, null, null));
            }

            var owned = rows.FindLast(row => row.Kind is RowKind.ShardOwned);
            return ValueTask.FromResult(new ShardEnd(
                rows[^1].Version,
                owned is null ? null : RowTrust.Mark(owned, null),
                RowTrust.Mark(rows[^1], rows.Count > 1 ? rows[^2] : null)));
        }
    }

    /// <inheritdoc/>
    public ValueTask<LogRow?> FindDecisionAsync(TransactionId transaction, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        lock (_gate)
        {
            if (!_decisions.TryGetValue(transaction, out var row))
            {
                return ValueTask.FromResult<LogRow?>(null);
            }

            var before = Find(RowsOf(row.Stream), row.Version - 1);
            return ValueTask.FromResult<LogRow?>(RowTrust.Trusted(row, before));
        }
    }

    /// <inheritdoc/>
    public ValueTask BeatAsync(HostBeat beat, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(beat);
        lock (_gate)
        {
            _beats[beat.Host] = beat;
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask<ImmutableArray<HostBeat>> ReadBeatsAsync(CancellationToken cancellation)
    {
        lock (_gate)
        {
            return ValueTask.FromResult<ImmutableArray<HostBeat>>([.. _beats.Values]);
        }
    }

    /// <inheritdoc/>
    public ValueTask ForgetBeatAsync(ulong host, CancellationToken cancellation)
    {
        lock (_gate)
        {
            _beats.Remove(host);
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>Puts another row in a row's place: a damaged disk, for tests of whoever reads.</summary>
    internal void Damage(RowKey key, Func<LogRow, LogRow> damage)
    {
        lock (_gate)
        {
            var rows = _streams[key.Stream];
            var at = IndexOf(rows, key.Version);
            var damaged = damage(rows[at]);
            if (rows[at].IsDecision)
            {
                // As the index of a real store: it finds a row by what is in it now.
                _decisions.Remove(rows[at].Transaction);
                if (damaged.IsDecision && !damaged.Transaction.IsEmpty)
                {
                    _decisions[damaged.Transaction] = damaged;
                }
            }

            rows[at] = damaged;
        }
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Description}, {_streams.Count} streams");

    private List<LogRow> RowsOf(StreamName stream) => _streams.TryGetValue(stream, out var rows) ? rows : [];

    private StreamEnd EndOf(StreamName stream) => _streams.TryGetValue(stream, out var rows) ? rows[^1].AsEnd() : default;

    private void Write(ReadOnlySpan<LogRow> rows)
    {
        List<LogRow>? current = null;
        StreamName stream = default;
        foreach (var row in rows)
        {
            if (current is null || row.Stream != stream)
            {
                stream = row.Stream;
                if (!_streams.TryGetValue(stream, out current))
                {
                    _streams.Add(stream, current = []);
                }
            }

            current.Add(row);
            if (row.IsDecision)
            {
                _decisions.TryAdd(row.Transaction, row); // the first one decides
            }
        }
    }
}
