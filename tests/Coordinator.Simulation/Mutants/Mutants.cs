using System.Collections.Immutable;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Ownership;
using Coordinator.Shards;
using Coordinator.Testing.Simulation;

namespace Coordinator.Simulation;

/// <summary>A lost group is said to have landed.</summary>
internal sealed class LostSaidLanded : Mutant
{
    public override ILogStore Over(Cluster cluster, SimulatedProcess process, ILogStore store) => new Store(cluster, store);

    private sealed class Store(Cluster cluster, ILogStore inner) : MutantStore(inner)
    {
        public override ValueTask<GroupAnswer> AppendAsync(RowGroup group) => cluster.Nemesis.IsAtWork && cluster.Random.Chance(0.05)
            ? ValueTask.FromResult(new GroupAnswer(GroupAnswerKind.Landed))
            : base.AppendAsync(group);
    }
}

/// <summary>An answer is replaced by another one.</summary>
internal sealed class AnswerReplaced(GroupAnswerKind from, GroupAnswerKind to, double share) : Mutant
{
    public override ILogStore Over(Cluster cluster, SimulatedProcess process, ILogStore store) => new Store(this, cluster, store);

    public override string ToString() => $"{from} said {to}";

    private GroupAnswerKind Replace(Cluster cluster, GroupAnswerKind kind) =>
        kind == from && cluster.Nemesis.IsAtWork && cluster.Random.Chance(share) ? to : kind;

    private sealed class Store(AnswerReplaced mutant, Cluster cluster, ILogStore inner) : MutantStore(inner)
    {
        public override async ValueTask<GroupAnswer> AppendAsync(RowGroup group)
        {
            var answer = await base.AppendAsync(group);
            return answer with { Kind = mutant.Replace(cluster, answer.Kind) };
        }
    }
}

/// <summary>The epoch is not checked: a deposed owner's rows are put behind the new one's.</summary>
internal sealed class EpochIgnored : Mutant
{
    public override ILogStore Over(Cluster cluster, SimulatedProcess process, ILogStore store) => new Store(cluster, store);

    private sealed class Store(Cluster cluster, ILogStore inner) : MutantStore(inner)
    {
        private static readonly StreamName Shard = LogStreams.Shard(0);

        public override ValueTask<GroupAnswer> AppendAsync(RowGroup group)
        {
            var first = group.Rows.FirstOrDefault(row => row.Stream == Shard);
            return base.AppendAsync(first is null || first.Epoch == cluster.Ledger.ShardOf(0).OwnerEpoch ? group : Renumber(group));
        }

        private RowGroup Renumber(RowGroup group)
        {
            var last = cluster.Ledger.ShardOf(0).Rows[^1];
            var version = last.Version;
            var seed = RowChecksum.SeedAfter(last);
            var rows = group.Rows.Select(row =>
            {
                if (row.Stream != Shard)
                {
                    return row;
                }

                var moved = new LogRow
                {
                    Stream = row.Stream,
                    Version = ++version,
                    Kind = row.Kind,
                    AppendId = row.AppendId,
                    Transaction = row.Transaction,
                    Epoch = cluster.Ledger.ShardOf(0).OwnerEpoch,
                    Checkpoint = row.Checkpoint,
                    Position = new LogPosition(0, (ulong)version),
                    WrittenAt = row.WrittenAt,
                    Payload = row.Payload,
                };
                moved.Checksum = RowChecksum.Of(moved, seed);
                seed = RowChecksum.SeedAfter(moved);
                return moved;
            });
            var checks = group.Checks.Select(check => check.Stream == Shard
                ? new StreamCheck(Shard, last.Version, cluster.Ledger.ShardOf(0).OwnerEpoch, default, false)
                : check);
            return new RowGroup([.. rows], [.. checks]);
        }
    }
}

/// <summary>A group that was acknowledged is gone a moment later.</summary>
internal sealed class AcknowledgedRowsVanish : Mutant
{
    public override ILogStore Over(Cluster cluster, SimulatedProcess process, ILogStore store) => new Store(cluster, store);

    private sealed class Store(Cluster cluster, ILogStore inner) : MutantStore(inner)
    {
        public override async ValueTask<GroupAnswer> AppendAsync(RowGroup group)
        {
            var answer = await base.AppendAsync(group);
            if (answer.Kind is GroupAnswerKind.Landed && cluster.Nemesis.IsAtWork && cluster.Random.Chance(0.02))
            {
                LoseLastGroup();
            }

            return answer;
        }

        private void LoseLastGroup()
        {
            var rows = new InMemoryLogStore(cluster.Loop.Time);
            foreach (var group in cluster.Ledger.Groups.SkipLast(1).Prepend([.. Meta()]))
            {
                var checks = group.DistinctBy(row => row.Stream)
                    .Select(row => new StreamCheck(row.Stream, row.Version - 1, LogStreams.IsShard(row.Stream) ? row.Epoch : 0, default, false));
                if (group[0].Kind is RowKind.ShardOwned)
                {
                    _ = SimulatedLog.Completed(rows.ClaimAsync(new ShardClaim(group[0], EpochBefore(group[0]), new LogMeta(Identity(), 1, LogMeta.CurrentFormatVersion))));
                }
                else
                {
                    _ = SimulatedLog.Completed(rows.AppendAsync(new RowGroup([.. group], [.. checks])));
                }
            }

            cluster.Log.Rows = rows;
        }

        private ImmutableArray<LogRow> Meta() =>
            SimulatedLog.Completed(cluster.Log.Rows.ReadAsync(LogStreams.Meta, 1, 10, UnreadableRows.Throw, CancellationToken.None));

        private LogIdentity Identity() => cluster.History.Transactions[0].Id.Log;

        private long EpochBefore(LogRow claim) =>
            cluster.Ledger.ShardOf(0).Claims.Where(one => one.Row.Version < claim.Version).Select(one => one.Row.Version).DefaultIfEmpty(0).Max();
    }
}

/// <summary>Participants hear of a commit when it is handed to the log.</summary>
internal sealed class CommitBeforeDurable : Mutant
{
    private readonly Dictionary<(SimulatedProcess Process, TransactionId Id), List<CommitMessage.PrepareRequested>> _prepared = [];
    private readonly Dictionary<SimulatedProcess, ITransport> _transports = [];

    public override ILogStore Over(Cluster cluster, SimulatedProcess process, ILogStore store) => new Store(this, process, store);

    public override ITransport Over(Cluster cluster, SimulatedProcess process, ITransport transport)
    {
        _transports[process] = transport;
        return new Wire(this, process, transport);
    }

    private sealed class Store(CommitBeforeDurable mutant, SimulatedProcess process, ILogStore inner) : MutantStore(inner)
    {
        public override ValueTask<GroupAnswer> AppendAsync(RowGroup group)
        {
            foreach (var row in group.Rows.Where(row => row.Kind is RowKind.CommitDecided))
            {
                foreach (var prepare in mutant._prepared.GetValueOrDefault((process, row.Transaction)) ?? [])
                {
                    mutant._transports[process].ToParticipant(
                        row.Transaction, new CommitMessage.DecisionDelivered(prepare.Participant, prepare.Incarnation, Decision.Commit));
                }
            }

            return base.AppendAsync(group);
        }
    }

    private sealed class Wire(CommitBeforeDurable mutant, SimulatedProcess process, ITransport inner) : ITransport
    {
        public void ToCoordinator(TransactionId transaction, ulong home, CommitInput input) => inner.ToCoordinator(transaction, home, input);

        public void ToParticipant(TransactionId transaction, CommitMessage message)
        {
            if (message is CommitMessage.PrepareRequested prepare)
            {
                if (!mutant._prepared.TryGetValue((process, transaction), out var prepared))
                {
                    mutant._prepared.Add((process, transaction), prepared = []);
                }

                prepared.Add(prepare);
            }

            inner.ToParticipant(transaction, message);
        }
    }
}

/// <summary>Some participant of a committed transaction hears of an abort.</summary>
internal sealed class AbortToOne : Mutant
{
    public override ITransport Over(Cluster cluster, SimulatedProcess process, ITransport transport) => new Wire(cluster, transport);

    private sealed class Wire(Cluster cluster, ITransport inner) : ITransport
    {
        public void ToCoordinator(TransactionId transaction, ulong home, CommitInput input) => inner.ToCoordinator(transaction, home, input);

        public void ToParticipant(TransactionId transaction, CommitMessage message) => inner.ToParticipant(
            transaction,
            message is CommitMessage.DecisionDelivered { Decision: Decision.Commit } delivered && cluster.Random.Chance(0.02)
                ? delivered with { Decision = Decision.Abort }
                : message);
    }
}

/// <summary>A participant that holds nothing of the transaction votes ReadOnly instead of No (rule D-6).</summary>
internal sealed class LostWorkVotesReadOnly : Mutant
{
    public override ITransport Over(Cluster cluster, SimulatedProcess process, ITransport transport) => new Wire(cluster, transport);

    private sealed class Wire(Cluster cluster, ITransport inner) : ITransport
    {
        public void ToCoordinator(TransactionId transaction, ulong home, CommitInput input) => inner.ToCoordinator(transaction, home, input);

        public void ToParticipant(TransactionId transaction, CommitMessage message)
        {
            if (message is CommitMessage.PrepareRequested prepare && cluster.Random.Chance(0.02))
            {
                inner.ToCoordinator(transaction, home: 0, new CommitInput.VoteReceived(prepare.Participant, prepare.Incarnation, Ballot.ReadOnly));
            }
            else
            {
                inner.ToParticipant(transaction, message);
            }
        }
    }
}

/// <summary>A vote does not say that its work rests on a batch that is still on its way to the log.</summary>
internal sealed class DependencyForgotten : Mutant
{
    public override ITransport Over(Cluster cluster, SimulatedProcess process, ITransport transport) => new Wire(transport);

    private sealed class Wire(ITransport inner) : ITransport
    {
        public void ToCoordinator(TransactionId transaction, ulong home, CommitInput input) => inner.ToCoordinator(
            transaction, home, input is CommitInput.VoteReceived { Redo: { } redo } vote ? vote with { Redo = redo with { RestsOn = null } } : input);

        public void ToParticipant(TransactionId transaction, CommitMessage message) => inner.ToParticipant(transaction, message);
    }
}

/// <summary>One that only read does not go behind what it read into the log: its commit is told at once.</summary>
internal sealed class ReadOfUndurableTold : Mutant
{
    public override ITransport Over(Cluster cluster, SimulatedProcess process, ITransport transport) => new Wire(transport);

    private sealed class Wire(ITransport inner) : ITransport
    {
        public void ToCoordinator(TransactionId transaction, ulong home, CommitInput input) => inner.ToCoordinator(
            transaction, home, input is CommitInput.VoteReceived { Ballot: Ballot.ReadOnly } vote ? vote with { Redo = null } : input);

        public void ToParticipant(TransactionId transaction, CommitMessage message) => inner.ToParticipant(transaction, message);
    }
}

/// <summary>
/// Whoever looks on behalf of readers whether its process still owns the log is told that it does, and nobody has looked (D-9). These looks are
/// known by their having no end but an answer.
/// </summary>
internal sealed class ReadsNotChecked : Mutant
{
    public override ILogStore Over(Cluster cluster, SimulatedProcess process, ILogStore store) => new Store(cluster, process, store);

    private sealed class Store(Cluster cluster, SimulatedProcess process, ILogStore inner) : MutantStore(inner)
    {
        public override ValueTask<ShardEnd> ReadShardEndAsync(ushort shard, CancellationToken cancellation) =>
            !cancellation.CanBeCanceled && cluster.Ledger.ShardOf(0).Claims.FindLast(claim => claim.Process == process) is { Row: { } own }
                ? ValueTask.FromResult(new ShardEnd(own.Version, own, own))
                : base.ReadShardEndAsync(shard, cancellation);
    }
}

/// <summary>A look-up by id misses a decision.</summary>
internal sealed class DecisionNotFound : Mutant
{
    public override ILogStore Over(Cluster cluster, SimulatedProcess process, ILogStore store) => new Store(cluster, store);

    private sealed class Store(Cluster cluster, ILogStore inner) : MutantStore(inner)
    {
        public override ValueTask<LogRow?> FindDecisionAsync(TransactionId transaction, CancellationToken cancellation) =>
            cluster.Random.Chance(0.1) ? ValueTask.FromResult<LogRow?>(null) : base.FindDecisionAsync(transaction, cancellation);
    }
}

/// <summary>Streams are read from a replica that lags a row behind.</summary>
internal sealed class ReadsLag : Mutant
{
    public override ILogStore Over(Cluster cluster, SimulatedProcess process, ILogStore store) => new Store(cluster, store);

    private sealed class Store(Cluster cluster, ILogStore inner) : MutantStore(inner)
    {
        public override async ValueTask<ImmutableArray<LogRow>> ReadAsync(
            StreamName stream, long fromVersion, int count, UnreadableRows unreadable, CancellationToken cancellation)
        {
            var rows = await base.ReadAsync(stream, fromVersion, count, unreadable, cancellation);
            return !LogStreams.IsShard(stream) && rows.Length > 1 && cluster.Random.Chance(0.1) ? rows[..^1] : rows;
        }
    }
}

/// <summary>A fence believes that the row in its way is its group's, whoever wrote it.</summary>
internal sealed class RowInTheWayBelieved : Mutant
{
    public override ILogStore Over(Cluster cluster, SimulatedProcess process, ILogStore store) => new Store(store);

    private sealed class Store(ILogStore inner) : MutantStore(inner)
    {
        private AppendId _last;

        public override ValueTask<GroupAnswer> AppendAsync(RowGroup group)
        {
            if (group.Rows[0].Kind is not RowKind.Fenced)
            {
                _last = group.Rows[0].AppendId;
            }

            return base.AppendAsync(group);
        }

        public override async ValueTask<ImmutableArray<KeyFinding>> InspectAsync(ImmutableArray<RowKey> keys, CancellationToken cancellation)
        {
            var findings = await base.InspectAsync(keys, cancellation);
            return findings is [{ Exists: true } finding] && LogStreams.IsShard(finding.Key.Stream)
                ? [finding with { AppendId = _last, Kind = RowKind.CommitDecided }]
                : findings;
        }
    }
}

/// <summary>A snapshot that was written whole, of a state that never was.</summary>
internal sealed class SnapshotOfAnotherState : Mutant
{
    public override ILogStore Over(Cluster cluster, SimulatedProcess process, ILogStore store) => new Store(store);

    private sealed class Store(ILogStore inner) : MutantStore(inner), ISnapshotStore
    {
        public override ISnapshotStore Snapshots => this;

        public ValueTask<Snapshot?> ReadSnapshotAsync(StreamName stream, CancellationToken cancellation) => Inner.Snapshots!.ReadSnapshotAsync(stream, cancellation);

        public ValueTask WriteSnapshotAsync(Snapshot snapshot, CancellationToken cancellation)
        {
            var other = Testing.Logs.SnapshotDamage.WithPayload(snapshot, "{\"balance\":77}"u8.ToArray());
            other.Checksum = other.ComputeChecksum();
            return Inner.Snapshots!.WriteSnapshotAsync(other, cancellation);
        }

        public ValueTask DeleteSnapshotAsync(StreamName stream, CancellationToken cancellation) => Inner.Snapshots!.DeleteSnapshotAsync(stream, cancellation);
    }
}

/// <summary>A snapshot of a row that this log never had, as if it had been restored and nobody had said so.</summary>
internal sealed class SnapshotOfAnotherLog : Mutant
{
    public override ILogStore Over(Cluster cluster, SimulatedProcess process, ILogStore store) => new Store(store);

    private sealed class Store(ILogStore inner) : MutantStore(inner), ISnapshotStore
    {
        public override ISnapshotStore Snapshots => this;

        public ValueTask<Snapshot?> ReadSnapshotAsync(StreamName stream, CancellationToken cancellation) => Inner.Snapshots!.ReadSnapshotAsync(stream, cancellation);

        public ValueTask WriteSnapshotAsync(Snapshot snapshot, CancellationToken cancellation)
        {
            var other = new Snapshot
            {
                Stream = snapshot.Stream,
                Version = snapshot.Version,
                AppendId = new AppendId(1, 1),
                Generation = snapshot.Generation,
                Position = snapshot.Position,
                Type = snapshot.Type,
                TypeVersion = snapshot.TypeVersion,
                WrittenAt = snapshot.WrittenAt,
                Payload = snapshot.Payload,
            };
            other.Checksum = other.ComputeChecksum();
            return Inner.Snapshots!.WriteSnapshotAsync(other, cancellation);
        }

        public ValueTask DeleteSnapshotAsync(StreamName stream, CancellationToken cancellation) => Inner.Snapshots!.DeleteSnapshotAsync(stream, cancellation);
    }
}

/// <summary>Idempotency keys are not written with the commit.</summary>
internal sealed class KeysNotWritten : Mutant
{
    public override ILogStore Over(Cluster cluster, SimulatedProcess process, ILogStore store) => new Store(store);

    private sealed class Store(ILogStore inner) : MutantStore(inner)
    {
        public override ValueTask<GroupAnswer> AppendAsync(RowGroup group) => base.AppendAsync(group with
        {
            Rows = group.Rows.RemoveAll(row => LogStreams.IsKey(row.Stream)),
            Checks = group.Checks.RemoveAll(check => LogStreams.IsKey(check.Stream)),
        });
    }
}

/// <summary>Idempotency keys are not found by those who read them: work that was done already is run again, and what it makes of that is told.</summary>
internal sealed class KeysNotRead : Mutant
{
    public override ILogStore Over(Cluster cluster, SimulatedProcess process, ILogStore store) => new Store(store);

    private sealed class Store(ILogStore inner) : MutantStore(inner)
    {
        public override async ValueTask<ImmutableArray<LogRow>> ReadAsync(
            StreamName stream, long fromVersion, int count, UnreadableRows unreadable, CancellationToken cancellation)
        {
            var rows = await base.ReadAsync(stream, fromVersion, count, unreadable, cancellation);
            return LogStreams.IsKey(stream) ? [] : rows;
        }

        public override async ValueTask<LogRow?> ReadLastAsync(StreamName stream, CancellationToken cancellation)
        {
            var row = await base.ReadLastAsync(stream, cancellation);
            return LogStreams.IsKey(stream) ? null : row;
        }
    }
}

/// <summary>Rows are removed when the checkpoint whose horizon gives them up is sent, not when it is durable.</summary>
internal sealed class RemovesTooEarly : Mutant
{
    public override ILogStore Over(Cluster cluster, SimulatedProcess process, ILogStore store) => new Store(store);

    private sealed class Store(ILogStore inner) : MutantStore(inner)
    {
        public override ValueTask<GroupAnswer> AppendAsync(RowGroup group)
        {
            foreach (var row in group.Rows.Where(row => row.Kind is RowKind.ShardCheckpoint))
            {
                if (ShardCheckpoint.Decode(row).Forgetting.Horizon is { } horizon)
                {
                    _ = Removal.RemoveShardRowsAsync(0, horizon, int.MaxValue, CancellationToken.None).AsTask(); // if it fails, the next one removes more
                }
            }

            return base.AppendAsync(group);
        }
    }
}

/// <summary>More rows are removed than the horizon gives up.</summary>
internal sealed class RemovesTooMuch : Mutant
{
    public override ILogStore Over(Cluster cluster, SimulatedProcess process, ILogStore store) => new Store(store);

    private sealed class Store(ILogStore inner) : MutantStore(inner)
    {
        public override ILogRemoval Removal => new Greedy(base.Removal);
    }

    private sealed class Greedy(ILogRemoval inner) : ILogRemoval
    {
        public ValueTask<int> RemoveShardRowsAsync(ushort shard, ForgetMark horizon, int countMax, CancellationToken cancellation) =>
            inner.RemoveShardRowsAsync(shard, horizon with { Version = horizon.Version + 7 }, countMax, cancellation);

        public ValueTask<int> RemoveKeysAsync(long writtenBefore, int countMax, CancellationToken cancellation) =>
            inner.RemoveKeysAsync(writtenBefore, countMax, cancellation);
    }
}
