using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Testing.Simulation;

namespace Coordinator.Simulation;

/// <content>What only happens where hosts share the shards.</content>
internal sealed partial class Watch
{
    private static readonly TimeSpan DecidedMax = TimeSpan.FromSeconds(5);
    private readonly HashSet<(SimulatedProcess Process, TransactionId Id)> _inquiring = [];
    private readonly Dictionary<(SimulatedProcess Owner, SimulatedProcess Taker), int> _taken = [];
    private readonly List<TimeSpan> _crashes = [];

    /// <summary>A process has looked a decision up by its id.</summary>
    public void DecisionFound(SimulatedProcess process, TransactionId id)
    {
        if (_inquiring.Remove((process, id)) && !cluster.Hosts.Exists(host => host.Process == process && host.Engine!.ShardOf(id.Shard) is not null))
        {
            cluster.Reach(SituationTable.FoundInLog);
        }
    }

    private void SentInCluster(SimulatedProcess process, TransactionId id, object message)
    {
        switch (message)
        {
            case CommitInput.OutcomeInquired:
                _inquiring.Add((process, id));
                break;
            case CommitInput.VoteReceived { Ballot: Ballot.Yes } when HomeOf(id) is { } home && home != process.Name:
                cluster.Reach(SituationTable.RemoteVote);
                break;
            case CommitMessage.InquiryAnswered when HomeOf(id) is { } home && home != process.Name:
                cluster.Reach(SituationTable.ToldByNextOwner);
                break;
        }
    }

    private void ToldInCluster(TransactionRecord record, AbortCause cause)
    {
        if (cause.Reason is AbortReason.Conflict && cause.Participant is { } participant && cluster.Places.WasDoubled(participant.Address))
        {
            cluster.Reach(SituationTable.DoubledLost);
        }

        if (cause is { Reason: AbortReason.Conflict, Detail: "has changed since it was read" } && record.IsReadOnly && record.AsksToCommit)
        {
            cluster.Reach(SituationTable.HeadsRefused);
        }

        if (cause is { Reason: AbortReason.ParticipantLost, Detail: { } detail } && detail.Contains("silent", StringComparison.Ordinal))
        {
            cluster.Reach(SituationTable.SilentHostGivenUp);
        }
    }

    private void LandInCluster(SimulatedProcess process, ShardLedger shard)
    {
        var before = shard.Owner!;
        if (!shard.IsReleased)
        {
            if (before.IsCrashed && (_taken[(before, process)] = _taken.GetValueOrDefault((before, process)) + 1) == 2)
            {
                cluster.Reach(SituationTable.SeveralTaken);
            }
        }
        else if (before != process)
        {
            var isLeft = before.IsCrashed || cluster.Hosts.Exists(host => host.Process == before && host.IsStopping);
            cluster.Reach(isLeft ? SituationTable.Left : SituationTable.Joined);
        }
    }

    private void LandRelease(SimulatedProcess process)
    {
        if (cluster.Hosts.Exists(host => host.Process == process && !host.IsStopping) && cluster.Workload.RunningCount > 0)
        {
            cluster.Reach(SituationTable.GivenAway);
        }
    }

    /// <summary>
    /// Where only processes die, all that a dead host coordinated or took part in is decided within five seconds, and holds no lock at others (V5, G01): if no
    /// other dies in that time, and one that lives was a member already.
    /// </summary>
    private void CheckDecidedInTime(Host dead)
    {
        var at = cluster.Loop.Time.Now;
        _crashes.Add(at);
        var process = dead.Process!;
        var members = cluster.Hosts.Where(host => host != dead && host.IsUp && host.Engine!.OwnedCount > 0).Select(host => host.Process!).ToList();
        if (!cluster.Plan.IsFailover || !cluster.Plan.IsCluster || members.Count == 0)
        {
            return;
        }

        var open = cluster.Workload.Running.Where(record => record.Host == process.Name || record.WorkedAt.Contains(process)).ToList();
        cluster.Loop.After(DecidedMax, () =>
        {
            if (_crashes.Exists(crash => crash != at && crash > at - DecidedMax && crash <= at + DecidedMax))
            {
                return;
            }

            foreach (var record in open)
            {
                CheckDecided(record, process, at);
            }

            cluster.Reach(SituationTable.GivenUpInTime);
        });
    }

    private void CheckDecided(TransactionRecord record, SimulatedProcess dead, TimeSpan at)
    {
        if (cluster.Ledger.ShardOf(record.Id.Shard).IsReleased)
        {
            // On its way to another host: whoever gave it had decided all of it.
        }
        else if (cluster.Hosts.Find(host => host.IsUp && host.Process == cluster.Ledger.ShardOf(record.Id.Shard).Owner) is { } owner)
        {
            cluster.Loop.Start(async () =>
            {
                if (await cluster.Workload.AskAndWaitAsync(owner, record.Id) is null or TransactionOutcome.Unknown && !owner.Process!.IsCrashed && cluster.Ledger.ShardOf(record.Id.Shard).Horizon?.Covers(record.Id) is not true)
                {
                    cluster.Violations.Add(new Violation("V5", $"{record} is still undecided at {owner.Process.Name}, though {dead.Name} died at {at}"));
                }
            });
        }
        else
        {
            cluster.Violations.Add(new Violation("V5", $"{record}: nobody owns its shard, though {dead.Name} died at {at}"));
        }

        foreach (var host in cluster.Hosts.Where(host => host.IsUp))
        {
            foreach (var stream in record.Streams)
            {
                if (host.Engine!.Participants.IsOtherAtWork(stream, default, out var other) && other == record.Id)
                {
                    cluster.Violations.Add(new Violation("V5", $"{record} is still at work on {stream} at {host.Process!.Name}, though {dead.Name} died at {at}"));
                }
            }
        }
    }

    private string? HomeOf(TransactionId id) => cluster.History.ById.GetValueOrDefault(id)?.Host;
}
