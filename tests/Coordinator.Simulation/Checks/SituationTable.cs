using Coordinator.Protocol;
using Coordinator.Testing.Simulation;
using Points = Coordinator.Testing.Simulation.Situations.Points;

namespace Coordinator.Simulation;

/// <summary>One counted situation.</summary>
/// <param name="Name">As counted.</param>
/// <param name="Elsewhere">Null if a run of a thousand seeds must reach it; else why it can't or need not, and where it is tested.</param>
/// <param name="IsSeldom">It is reached now and then: not demanded of a thousand seeds, and no error.</param>
internal sealed record Situation(string Name, string? Elsewhere = null, bool IsSeldom = false);

/// <summary>Every situation that is counted. A count without a row here, and a row without a count, are errors.</summary>
internal static class SituationTable
{
    public const string Crashed = "host: killed";
    public const string AllDown = "host: killed, and no other one was up";
    public const string EachCrashed = "host: killed, the last one that had not been";
    public const string Stalled = "host: stopped and continued (zombie)";
    public const string StoppedGracefully = "host: stopped by its operator";
    public const string StartFailed = "host: start failed on the store";
    public const string HandedOver = "owner: handed the log over";
    public const string TakenAfterRelease = "take-over: after a hand-over";
    public const string DisplacedSeenAlive = "take-over: displaced owner seen alive";
    public const string ReplacedInTime = "take-over: of a dead owner, within five seconds";
    public const string StoodBy = "host: stood by";
    public const string BecameStandbyAgain = "owner: deposed, stands by again";
    public const string OwnedAgain = "owner: owns again after it was deposed";
    public const string BeatFailed = "heartbeat: not taken";
    public const string RecoveredFromCheckpoint = "recovery: from a checkpoint";
    public const string BeginRefusedOutage = "begin refused: store outage";
    public const string BeginRefusedSilent = "begin refused: heartbeat not taken";
    public const string BeginRefusedBacklog = "begin refused: backlog";
    public const string ClockJumped = "host: wall clock jumped";
    public const string CrashedTwiceInStart = "host: killed in start, twice in a row";
    public const string CrashedWorking = "killed: transaction at work";
    public const string CrashedAskedToCommit = "killed: commit asked for, not in the log";
    public const string CrashedCommittedUntold = "killed: commit in the log, initiator not told";
    public const string CrashedWhileUnclear = "killed: while a group was unclear";
    public const string StoreDown = "plan: store down";
    public const string StoreFull = "plan: disk full";
    public const string StorePaused = "plan: store stands still";
    public const string RowDamaged = "plan: decision row made unreadable";
    public const string NetworkCut = "plan: network cut";
    public const string CutOneWay = "network: cut between two hosts, one way only";
    public const string BeatsLost = "plan: heartbeats of a host lost";
    public const string TakenFromDead = "take-over: from a dead owner";
    public const string TakenFromZombie = "take-over: from a stopped owner";
    public const string TakenFromLiving = "take-over: from a living owner";
    public const string TakenWhileUnclear = "take-over: while a group was unclear";
    public const string OwnerSawItsLoss = "owner: saw another one and stopped";
    public const string ZombieAppendRefused = "owner: append of a deposed one refused";
    public const string LateLostToClaim = "late append lost to a claim";
    public const string FenceLostToClaim = "fence: lost to a claim";
    public const string GroupUnclear = "group: unclear";
    public const string GroupOfSeveral = "group: several decisions in one";
    public const string FenceLanded = "fence: landed, the group is dead";
    public const string FenceFoundOwnGroup = "fence: found its own group";
    public const string FenceConfirmed = "fence: confirmed behind its own group";
    public const string WatchdogGaveUp = "watchdog: gave a write up";
    public const string BatchRejected = "batch: rejected by the store";
    public const string BeginRefusedStopping = "begin refused: host stopping";
    public const string BeginRefusedFull = "begin refused: too many in flight";
    public const string BeginRefusedDeposed = "begin refused: not the owner";
    public const string WentOnEarly = "work: went on from what is not durable yet";
    public const string WentOnInVain = "work: went on from what was not committed";
    public const string WorkAborted = "work: aborted underneath";
    public const string WorkNotActive = "work: transaction not active any more";
    public const string WorkRefused = "work: refused by a limit or a later owner's rows";
    public const string WorkReadFailed = "work: read of the store failed";
    public const string WorkThrew = "work: threw";
    public const string ReadOnlyCommitted = "told: read-only commit";
    public const string ReadByDisplaced = "told: Aborted, read-only at an owner that was displaced";
    public const string ToldCommitted = "told: Committed";
    public const string ToldUnknown = "told: Unknown";
    public const string UnknownWasCommitted = "told Unknown: it had committed";
    public const string UnknownWasAborted = "told Unknown: it had not";
    public const string GaveUpWaiting = "initiator: gave up waiting";
    public const string GaveUpOnWhatStood = "work: gave up, and what it had read stood";
    public const string VotedNo = "participant: voted No";
    public const string ParticipantInquired = "participant: in doubt, asked";
    public const string ParticipantAnsweredCommit = "participant: in doubt, told commit";
    public const string ParticipantAnsweredAbort = "participant: in doubt, told abort";
    public const string ParticipantNotOnRecord = "participant: in doubt, nothing is on record";
    public const string InquiryUndecided = "inquiry: undecided";
    public const string RequestDone = "request: done";
    public const string RequestDoneBefore = "request: told of an earlier attempt";
    public const string RequestNotDone = "request: not done, or unknown";
    public const string Forgotten = "inquiry: forgotten";
    public const string RowRemoved = "log: row below the horizon removed";
    public const string InquiryFailed = "inquiry: store or host can't answer";
    public const string InquiryHeld = "inquiry: held because of an unreadable row";
    public const string NeverIssued = "inquiry: id never issued";
    public const string DeadEpochPresumed = "inquiry: dead epoch, presumed aborted";
    public const string DeadEpochCommitted = "inquiry: dead epoch, found committed";

    public const string JoinedWork = "cluster: work at another host";
    public const string JoinedWorkFailed = "cluster: work at another host failed";
    public const string RemoteVote = "cluster: Yes of another host";
    public const string FoundInLog = "cluster: in doubt, commit found in the log";
    public const string ToldByNextOwner = "cluster: in doubt, told by the shard's next owner";
    public const string GivenAway = "cluster: shard handed over while others take work";
    public const string Joined = "cluster: shard taken by a host that has joined";
    public const string Left = "cluster: shard taken from a host that has left";
    public const string SeveralTaken = "cluster: several shards taken over from one host";
    public const string PlaceMoved = "cluster: stream moved to another host";
    public const string PlaceDoubled = "cluster: stream active at two hosts";
    public const string DoubledLost = "told: Aborted, a second activation came first";
    public const string HeadsRefused = "told: Aborted, read-only and another host had written";
    public const string SilentHostGivenUp = "told: Aborted, a host of it was silent";
    public const string GivenUpInTime = "cluster: all that a dead host took part in decided in five seconds";
    public const string ReadAtOwner = "read outside: at the owner";
    public const string ReadAtStandby = "read outside: at a host that stands by";
    public const string ReadInDoubt = "read outside: in doubt";
    public const string ReadAsOf = "read outside: as of a version";
    public const string ReadOutsideFailed = "read outside: store or host can't answer";

    /// <summary>Reasons that a log-native transaction can be aborted for.</summary>
    private static readonly AbortReason[] Reasons =
    [
        AbortReason.Requested, AbortReason.Refused, AbortReason.Timeout, AbortReason.VoteTimeout, AbortReason.LockTimeout,
        AbortReason.Conflict, AbortReason.Rejected, AbortReason.ParticipantLost, AbortReason.WorkFailed, AbortReason.Wounded,
        AbortReason.Presumed, AbortReason.SecondIncarnation, AbortReason.LastResourceAborted, AbortReason.Overloaded, AbortReason.Moved,
    ];

    public static IReadOnlyDictionary<string, Situation> All { get; } = List().ToDictionary(one => one.Name, StringComparer.Ordinal);

    public static string CrashedAt(string point) => "killed at: " + point;

    public static string StalledAt(string point) => "stopped at: " + point;

    public static string ToldAborted(AbortReason reason) => "told: Aborted, " + reason;

    private static IEnumerable<Situation> List()
    {
        string[] reachable =
        [
            Situations.Landed, Situations.LandedUnclear, Situations.Lost, Situations.LateLanded, Situations.LateRefused, Situations.LateGone,
            Situations.Refused, Situations.TryAgain, Situations.CheckFailed, Situations.CheckFailedForNothing, Situations.Stalled,
            Situations.Abandoned, Situations.Slow, Situations.FullMet, Situations.DownMetByWrite, Situations.DownMetByRead,
            Situations.PauseMet, Situations.ReadFailed, Situations.OrphanLanded, Situations.OrphanLost, Situations.ClaimUnclear,
            Situations.ClaimRefused, Situations.MessageLost, Situations.MessageRepeated, Situations.MessageDelayed,
            Situations.MessageOverdue, Situations.MessageCut, Situations.MessageSlow,
            Crashed, AllDown, EachCrashed, CutOneWay, Stalled, StoppedGracefully, StartFailed, HandedOver, TakenAfterRelease, DisplacedSeenAlive, ReplacedInTime, StoodBy,
            BecameStandbyAgain, OwnedAgain, BeatFailed, RecoveredFromCheckpoint, BeginRefusedOutage, BeginRefusedSilent, ClockJumped,
            CrashedTwiceInStart, CrashedWorking, CrashedAskedToCommit,
            CrashedCommittedUntold, CrashedWhileUnclear, StoreDown, StoreFull, StorePaused, NetworkCut, BeatsLost, RowDamaged, TakenFromDead, TakenFromZombie,
            TakenFromLiving, TakenWhileUnclear, OwnerSawItsLoss, ZombieAppendRefused, LateLostToClaim, FenceLostToClaim, GroupUnclear,
            GroupOfSeveral, FenceLanded, FenceFoundOwnGroup, FenceConfirmed, WatchdogGaveUp, BatchRejected, BeginRefusedStopping,
            BeginRefusedFull, BeginRefusedDeposed, WentOnEarly, WentOnInVain, WorkAborted, WorkNotActive, WorkRefused, WorkReadFailed, WorkThrew, ReadOnlyCommitted,
            ReadByDisplaced, ToldCommitted, ToldUnknown, UnknownWasCommitted, UnknownWasAborted, GaveUpWaiting, VotedNo,
            ParticipantInquired, ParticipantAnsweredCommit, ParticipantAnsweredAbort, GaveUpOnWhatStood, InquiryUndecided, RequestDone, RequestDoneBefore, RequestNotDone, Forgotten, RowRemoved, InquiryFailed, InquiryHeld, NeverIssued,
            DeadEpochPresumed, DeadEpochCommitted, ReadAtOwner, ReadAtStandby, ReadInDoubt, ReadAsOf, ReadOutsideFailed,
            Situations.HostsCut, Situations.CallLost, JoinedWork, JoinedWorkFailed, RemoteVote, FoundInLog, ToldByNextOwner, GivenAway, Joined, Left, SeveralTaken,
            PlaceMoved, PlaceDoubled, DoubledLost, HeadsRefused, SilentHostGivenUp, GivenUpInTime,
            Situations.SnapshotWritten, Situations.SnapshotRead, Situations.SnapshotLost, Situations.SnapshotOld, Situations.SnapshotTorn,
        ];
        return reachable.Select(name => new Situation(name))
            .Append(new Situation(ParticipantNotOnRecord, "one seed in a thousand asks that late: ClusterTests", IsSeldom: true))
            .Append(new Situation(BeginRefusedBacklog, "commits are refused before the backlog is that large: GroupCommitterTests", IsSeldom: true))
            .Concat(Points.All.SelectMany(point => new[] { new Situation(CrashedAt(point)), new Situation(StalledAt(point)) }))
            .Concat(Reasons.Select(reason => new Situation(ToldAborted(reason), Unreachable(reason))));
    }

    private static string? Unreachable(AbortReason reason) => reason switch
    {
        AbortReason.Refused => "a log-native participant always says why: Coordinator.Protocol.Tests",
        AbortReason.LastResourceAborted => "there is no last resource yet: Coordinator.Protocol.Tests",
        _ => null,
    };
}
