using System.Globalization;
using Coordinator.Hosting;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Ownership;
using Coordinator.Testing.Simulation;

namespace Coordinator.Simulation;

/// <summary>
/// Sees everything as it happens: checks what must hold at that moment, and counts the situations of the protocol that the
/// simulation is there to reach.
/// </summary>
internal sealed partial class Watch(Cluster cluster)
{
    private static readonly TimeSpan TakeOverMax = TimeSpan.FromSeconds(5);
    private readonly HashSet<SimulatedProcess> _unclear = [];
    private readonly HashSet<SimulatedProcess> _foundOwn = [];
    private readonly HashSet<(TransactionId Id, StreamName Stream)> _votes = [];
    private readonly HashSet<TransactionId> _abortsDelivered = [];
    private int _crashesInStart;
    private readonly Dictionary<SimulatedProcess, (TimeSpan At, List<SimulatedProcess> Standbys)> _ownersDied = [];

    /// <summary>Transactions of which somebody was sent the decision to abort.</summary>
    public IReadOnlySet<TransactionId> AbortsDelivered => _abortsDelivered;

    /// <summary>A write is about to be entered into the ledger.</summary>
    public void Landing(SimulatedProcess process, IReadOnlyList<LogRow> rows)
    {
        var first = rows[0];
        if (first.Kind is RowKind.ShardOwned)
        {
            LandClaim(process, first);
            return;
        }

        if (rows is [{ Kind: RowKind.Fenced }])
        {
            cluster.Reach(_foundOwn.Remove(process) ? SituationTable.FenceConfirmed : SituationTable.FenceLanded);
            _unclear.Remove(process);
        }

        if (rows[^1].Kind is RowKind.ShardReleased)
        {
            LandRelease(process);
        }

        var decisions = 0;
        foreach (var row in rows)
        {
            if (row.Kind is RowKind.CommitDecided)
            {
                decisions++;
                CheckVotes(row);
            }
        }

        if (decisions > 1)
        {
            cluster.Reach(SituationTable.GroupOfSeveral);
        }
    }

    public void RefusedByChecks(SimulatedProcess process, IReadOnlyList<LogRow> rows, bool isLate)
    {
        if (rows is [{ Kind: RowKind.Fenced } fence]
            && ShardOf(fence) is { } shard && fence.Version <= shard.Rows.Count
            && shard.Rows[(int)fence.Version - 1] is var found
            && found.AppendId.Writer == fence.AppendId.Writer
            && found.Kind is not RowKind.Fenced)
        {
            cluster.Reach(SituationTable.FenceFoundOwnGroup);
            _foundOwn.Add(process);
        }

        foreach (var row in rows)
        {
            if (LogStreams.IsShard(row.Stream) && row.Kind is not RowKind.ShardOwned && row.Epoch < ShardOf(row).OwnerEpoch)
            {
                cluster.Reach(isLate ? SituationTable.LateLostToClaim
                    : row.Kind is RowKind.Fenced ? SituationTable.FenceLostToClaim
                    : SituationTable.ZombieAppendRefused);
                return;
            }
        }
    }

    /// <summary>Rows are removed only below a horizon that is in the log by then, so that whoever misses them knows why (D-5).</summary>
    public void Removing(SimulatedProcess process, ushort shard, ForgetMark horizon)
    {
        if (cluster.Ledger.ShardOf(shard).Horizon is not { } durable || horizon.Version > durable.Version)
        {
            cluster.Violations.Add(new Violation(
                "D-5", $"{process.Name} removes rows before {horizon.Version}, and the horizon in the log is at {cluster.Ledger.ShardOf(shard).Horizon?.Version.ToString(CultureInfo.InvariantCulture) ?? "none"}"));
        }
    }

    public void Crashed(Host host)
    {
        CheckDecidedInTime(host);
        if (cluster.Ledger.Owns(host.Process))
        {
            var standbys = cluster.Hosts.Where(one => one.IsUp && one != host && one.Engine!.Role is HostRole.Standby or HostRole.Owner).Select(one => one.Process!);
            _ownersDied[host.Process!] = (cluster.Loop.Time.Now, [.. standbys]);
        }

        foreach (var record in cluster.Workload.Running.Where(record => record.Host == host.Process!.Name))
        {
            cluster.Reach(cluster.Ledger.IsCommitted(record.Id) ? SituationTable.CrashedCommittedUntold
                : record.AsksToCommit ? SituationTable.CrashedAskedToCommit
                : SituationTable.CrashedWorking);
        }

        _crashesInStart = host.Engine!.Role is HostRole.Starting ? _crashesInStart + 1 : 0;
        if (_crashesInStart > 1)
        {
            cluster.Reach(SituationTable.CrashedTwiceInStart);
        }

        if (_unclear.Remove(host.Process!))
        {
            cluster.Reach(SituationTable.CrashedWhileUnclear);
        }
    }

    public void Logged(SimulatedProcess process, int eventId)
    {
        switch (eventId)
        {
            case 1001:
                cluster.Reach(SituationTable.WatchdogGaveUp);
                break;
            case 1003:
                cluster.Reach(SituationTable.BatchRejected);
                break;
            case 1004:
                cluster.Reach(SituationTable.OwnerSawItsLoss);
                _unclear.Remove(process);
                break;
            case 1301:
                if (cluster.Ledger.Shards.Values.Any(shard => shard.Claims.Count(claim => claim.Process == process) > 1))
                {
                    cluster.Reach(SituationTable.OwnedAgain);
                }

                if (cluster.Hosts.Find(host => host.Process == process)?.Engine is { ReplayedFrom: > 1 })
                {
                    cluster.Reach(SituationTable.RecoveredFromCheckpoint);
                }

                break;
            case 1303:
                cluster.Reach(SituationTable.HandedOver);
                break;
            case 1310:
                cluster.Reach(SituationTable.BeatFailed);
                break;
            case 1311:
                cluster.Reach(cluster.Ledger.Shards.Values.Any(shard => shard.Claims.Exists(claim => claim.Process == process)) ? SituationTable.BecameStandbyAgain : SituationTable.StoodBy);
                break;
            case 1313:
                cluster.Reach(SituationTable.DisplacedSeenAlive);
                break;
            case 1006:
                cluster.Reach(SituationTable.GroupUnclear);
                _unclear.Add(process);
                break;
        }
    }

    public void BeginRefused(SimulatedProcess process, TransactionRefusedException refused)
    {
        cluster.Loop.Trace.Note(process, $"begin refused");
        cluster.Reach(refused.Message switch
        {
            var text when text.Contains("stopping", StringComparison.Ordinal) => SituationTable.BeginRefusedStopping,
            var text when text.Contains("has not written", StringComparison.Ordinal) => SituationTable.BeginRefusedOutage,
            var text when text.Contains("heartbeat", StringComparison.Ordinal) => SituationTable.BeginRefusedSilent,
            var text when text.Contains("bytes wait", StringComparison.Ordinal) => SituationTable.BeginRefusedBacklog,
            var text when text.Contains("in flight", StringComparison.Ordinal) => SituationTable.BeginRefusedFull,
            _ => SituationTable.BeginRefusedDeposed,
        });
    }

    public void WorkFailed(Exception error) => cluster.Reach(error switch
    {
        TransactionAbortedException => SituationTable.WorkAborted,
        TransactionNotActiveException => SituationTable.WorkNotActive,
        TransactionRefusedException => SituationTable.WorkRefused,
        SimulatedStoreException => SituationTable.WorkReadFailed,
        _ => SituationTable.WorkThrew,
    });

    public void Told(SimulatedProcess process, TransactionRecord record, TransactionOutcome outcome)
    {
        switch (outcome)
        {
            case TransactionOutcome.Committed when record.IsReadOnly:
                cluster.Reach(SituationTable.ReadOnlyCommitted);
                break;
            case TransactionOutcome.Committed:
                cluster.Reach(SituationTable.ToldCommitted);
                break;
            case TransactionOutcome.Aborted aborted:
                cluster.Reach(SituationTable.ToldAborted(aborted.Cause.Reason));
                ToldInCluster(record, aborted.Cause);
                if (aborted.Cause.Detail == Protocol.BatchFate.DroppedDetail)
                {
                    cluster.Reach(SituationTable.WentOnInVain);
                }
                else if (aborted.Cause.Detail == Shards.ReadCheck.DisplacedDetail)
                {
                    cluster.Reach(SituationTable.ReadByDisplaced);
                }

                break;
            default:
                cluster.Reach(SituationTable.ToldUnknown);
                break;
        }
    }

    public void Answered(SimulatedProcess process, TransactionId id, TransactionOutcome outcome)
    {
        var isDead = (long)id.Epoch < cluster.Ledger.ShardOf(id.Shard).OwnerEpoch;
        switch (outcome)
        {
            case TransactionOutcome.Committed:
                if (isDead)
                {
                    cluster.Reach(SituationTable.DeadEpochCommitted);
                }

                if (!cluster.Ledger.IsCommitted(id) && cluster.History.ById.TryGetValue(id, out var record) && !record.IsReadOnly)
                {
                    cluster.Violations.Add(new Violation("I6", $"{process.Name} says that {id} committed, and no decision is in the log"));
                }

                break;
            case TransactionOutcome.Aborted:
                if (isDead)
                {
                    cluster.Reach(SituationTable.DeadEpochPresumed);
                }

                if (cluster.Ledger.IsCommitted(id))
                {
                    cluster.Violations.Add(new Violation("I8", $"{process.Name} says that {id} aborted, and its commit is in the log"));
                }

                break;
            default:
                cluster.Reach(outcome is TransactionOutcome.Unknown { Why: var why } && why.Contains("vouch", StringComparison.Ordinal)
                    ? SituationTable.InquiryHeld
                    : SituationTable.InquiryUndecided);
                break;
        }
    }

    public void Sent(SimulatedProcess process, TransactionId id, object message)
    {
        SentInCluster(process, id, message);
        switch (message)
        {
            case CommitInput.VoteReceived vote:
                if (vote.Ballot is Ballot.No)
                {
                    cluster.Reach(SituationTable.VotedNo);
                }
                else
                {
                    _votes.Add((id, vote.Participant.Address));
                }

                break;
            case CommitInput.OutcomeInquired:
                cluster.Reach(SituationTable.ParticipantInquired);
                break;
            case CommitMessage.OutcomeNotOnRecord:
                cluster.Reach(SituationTable.ParticipantNotOnRecord);
                break;
            case CommitMessage.InquiryAnswered answered:
                cluster.Reach(answered.Decision is Decision.Commit ? SituationTable.ParticipantAnsweredCommit : SituationTable.ParticipantAnsweredAbort);
                break;
        }
    }

    /// <summary>A decision reaches a participant: it must be in the log (I2), or never come there (I1, I4).</summary>
    public void Arrived(SimulatedProcess from, SimulatedProcess process, TransactionId id, object message)
    {
        Decision? decision = message switch
        {
            CommitMessage.DecisionDelivered delivered => delivered.Decision,
            CommitMessage.InquiryAnswered answered => answered.Decision,
            _ => null,
        };
        switch (decision)
        {
            case Decision.Commit when !cluster.Ledger.IsCommitted(id):
                cluster.Violations.Add(new Violation("I2", $"{process.Name}: a participant is told that {id} committed, and no decision is in the log"));
                break;
            case Decision.Abort when cluster.Ledger.IsCommitted(id):
                cluster.Violations.Add(new Violation("I1", $"{process.Name}: a participant is told that {id} aborted, and its commit is in the log"));
                break;
            case Decision.Abort:
                _abortsDelivered.Add(id);
                break;
        }
    }

    private void LandClaim(SimulatedProcess process, LogRow claim)
    {
        var shard = ShardOf(claim);
        if (shard.Owner is not { } before)
        {
            return;
        }

        cluster.Reach(shard.IsReleased ? SituationTable.TakenAfterRelease
            : before.IsCrashed ? SituationTable.TakenFromDead
            : before.IsStalled ? SituationTable.TakenFromZombie
            : SituationTable.TakenFromLiving);
        LandInCluster(process, shard);
        if (!shard.IsReleased)
        {
            CheckTakeOverTime(before);
        }

        if (_unclear.Contains(before) && before != process)
        {
            cluster.Reach(SituationTable.TakenWhileUnclear);
        }
    }

    /// <summary>Where only processes die, a dead owner is replaced within five seconds by those who stood by and live (V5).</summary>
    private void CheckTakeOverTime(SimulatedProcess before)
    {
        if (!_ownersDied.TryGetValue(before, out var died) || !cluster.Plan.IsFailover)
        {
            return;
        }

        var time = cluster.Loop.Time.Now - died.At;
        if (died.Standbys.Exists(standby => !standby.IsCrashed))
        {
            cluster.Reach(SituationTable.ReplacedInTime);
            if (time > TakeOverMax)
            {
                cluster.Violations.Add(new Violation("V5", $"{before.Name} died at {died.At} and was replaced {time} later"));
            }
        }
    }

    private ShardLedger ShardOf(LogRow row) => LogStreams.TryParseShard(row.Stream, out var shard)
        ? cluster.Ledger.ShardOf(shard)
        : throw new ArgumentException($"{row} is in no shard", nameof(row));

    /// <summary>A commit rests on a Yes or ReadOnly of every stream in it (I3).</summary>
    private void CheckVotes(LogRow decided)
    {
        foreach (var redo in ((CommitEvent.CommitDecided)ShardEventCodec.Decode(decided)).Redo)
        {
            if (!_votes.Contains((decided.Transaction, redo.Stream)))
            {
                cluster.Violations.Add(new Violation("I3", $"{decided} of {decided.Transaction} landed without a vote of {redo.Stream}"));
            }
        }
    }
}
