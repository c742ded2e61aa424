namespace Coordinator.Testing.Simulation;

/// <summary>Names of what the simulated store, network and processes do to the engine, as counters and traces have them.</summary>
internal static class Situations
{
    public const string Landed = "store: write landed";
    public const string LandedUnclear = "store: landed but error";
    public const string Lost = "store: lost";
    public const string LateLanded = "store: late write landed";
    public const string LateRefused = "store: late write refused by its checks";
    public const string LateGone = "store: late write never arrived";
    public const string Refused = "store: refused";
    public const string TryAgain = "store: try again";
    public const string CheckFailed = "store: check failed";
    public const string CheckFailedForNothing = "store: check failed, nothing in the way";
    public const string Stalled = "store: write stalled";
    public const string Abandoned = "store: write given up";
    public const string Slow = "store: slow answer";
    public const string FullMet = "store: disk full met";
    public const string DownMetByWrite = "store: down, met by a write";
    public const string DownMetByRead = "store: down, met by a read";
    public const string PauseMet = "store: long pause met";
    public const string ReadFailed = "store: read failed";
    public const string ReadSlow = "store: read slow";
    public const string OrphanLanded = "store: write of a dead process landed";
    public const string OrphanLost = "store: write of a dead process lost";
    public const string ClaimUnclear = "store: claim unclear";
    public const string ClaimRefused = "store: claim refused by the guard";
    public const string SnapshotWritten = "store: snapshot written";
    public const string SnapshotRead = "store: snapshot read";
    public const string SnapshotLost = "store: snapshot lost";
    public const string SnapshotOld = "store: old snapshot read";
    public const string SnapshotTorn = "store: torn snapshot read";
    public const string MessageLost = "network: lost";
    public const string MessageRepeated = "network: repeated";
    public const string MessageDelayed = "network: delayed";
    public const string MessageOverdue = "network: delayed past the transaction's end";
    public const string MessageSlow = "network: slow link";
    public const string MessageCut = "network: cut by a partition";
    public const string HostsCut = "network: cut between two hosts";
    public const string CallLost = "network: call to another host lost";

    /// <summary>Points of a process's code at which it can be crashed or stalled.</summary>
    public static class Points
    {
        public const string BeforeAppend = "before an append";
        public const string AppendSent = "append sent";
        public const string AppendLanded = "append landed, not answered";
        public const string AppendAnswered = "append answered, not heard";
        public const string BeforeFence = "before a fence";
        public const string BeforeClaim = "before a claim";
        public const string ClaimSent = "claim sent";
        public const string ClaimAnswered = "claim answered, not heard";
        public const string Recovering = "reading the shard in recovery";
        public const string BeforePrepare = "before a prepare";
        public const string BeforeVote = "before a vote";
        public const string VoteArrives = "vote arrives";
        public const string BeforeCommitDelivery = "before a commit is delivered";
        public const string BeforeAbortDelivery = "before an abort is delivered";
        public const string BeforeEnlistment = "before an enlistment";
        public const string Told = "initiator told";

        /// <summary>All of them.</summary>
        public static IReadOnlyList<string> All { get; } =
        [
            BeforeAppend, AppendSent, AppendLanded, AppendAnswered, BeforeFence, BeforeClaim, ClaimSent, ClaimAnswered, Recovering,
            BeforePrepare, BeforeVote, VoteArrives, BeforeCommitDelivery, BeforeAbortDelivery, BeforeEnlistment, Told,
        ];
    }
}
