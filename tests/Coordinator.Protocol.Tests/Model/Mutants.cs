using static Coordinator.Protocol.Tests.Model.Configurations;

namespace Coordinator.Protocol.Tests.Model;

/// <summary>The bugs that the model must find. The first group is the list of the design: each was once a counterexample.</summary>
internal static partial class Mutants
{
    private static readonly Rules Production = new();

    /// <summary>The machines' own alarms are not heard, so that the property itself must catch the bug.</summary>
    private static readonly Rules Deaf = new() { Lapse = Lapse.HearsNoAlarm };

    private static readonly Rules WithoutEpochTest = new() { AcceptsShardRow = static (end, version, _) => end.Version == version - 1 };

    private static readonly Rules WithKeyTestOnly = new() { AcceptsShardRow = static (end, version, _) => end.Version < version };

    /// <summary>
    /// What may be taken away alone: the same-epoch test is a net under the machines' own rules (together with pipelining or with going on
    /// past a claim it is what catches), and a claim's guard spares the shard a needless change of owner.
    /// </summary>
    public static IReadOnlyList<Mutant> Nets { get; } =
    [
        new("no same-epoch test", "none", SmallCommit, WithoutEpochTest),
        new("claim without its guard", "none", SmallClaims, Lapse.ClaimIgnoresGuard),
    ];

    public static IReadOnlyList<Mutant> All { get; } = [.. OfTheLog, .. OfOwnership, .. OfCommit, .. OfParticipants];

    private static Mutant[] OfTheLog =>
    [
        new("pipelined appends", "assertion", SmallPipeline, Lapse.PipelinesAppends),
        new("pipelined appends, the store tests no epoch", "I7", SmallPipeline, Tolerant(WithoutEpochTest) with { Lapse = Lapse.PipelinesAppends }),
        new("gap left by a group member, the store tests keys only", "I7", SmallThree, WithKeyTestOnly with { Lapse = Lapse.LeavesGapInGroup }),
        new("two transactions of one group blind to each other", "serializability", SmallGroup, Lapse.GroupMembersBlind),
        new("going on past a foreign ShardOwned, the store tests no epoch", "I7", SmallCommit, WithoutEpochTest with { Lapse = Lapse.StaysAfterForeignClaim }),
        new("numbering from the database's end, the store tests no epoch", "I7", SmallCommit, WithoutEpochTest with { Lapse = Lapse.NumbersFromDatabaseEnd }),
        new("unclear answer taken for a refusal", "I6", SmallCommit, Lapse.SettlesUnclearAsRefused),
        new("conflict believed after UNKNOWN", "I6", SmallCommit, Production with { Group = ConflictMeansDead }),
        new("fence's conflict believed without reading whose row it was", "I6", SmallCommit, Production with { Group = ConflictMeansLanded }),
        new("fence on the connection of its own open transaction", "I6", SmallCommit, Lapse.FencesOnOwnConnection),
        new("deletion that frees the fence key", "I6", SmallCommit, Lapse.DeletesFenceRows),
        new("missing row read as lost", "I6", SmallRetention, Lapse.MissingRowReadAsLost),
        new("row that can be read believed without a confirming row", "I6", SmallDurability, Production with { Group = NoConfirmation }),
        new("row that vanished while it was confirmed waited for", "V4", SmallVanishing, Production with { Group = WaitingForVanished }),
        new("row that vanished while it was confirmed fenced again", "V4", SmallVanishing, Production with { Group = FencingVanished }),
        new("read validation by a plain query with several hosts", "serializability", SmallHosts, Lapse.ValidatesReadsByPlainQuery),
        new("reads not validated at all", "serializability", SmallGroup, Production with { FirstConflict = IgnoringReads }),
        new("expected versions not tested", "I1", SmallThree, Production with { FirstConflict = static (_, _, _, _) => null }),
        new("a foreign write behind Held", "no-violation", SmallHeld, Production with { FirstConflict = IgnoringHeld }),
        new("a read validated after the binding batch", "no-violation", SmallHeldRead, Production with { FirstConflict = ValidatingReadsLate }),
        new("decision without its redo in the same batch", "I1", SmallCommit, Lapse.RedoLeftOutOfBatch),
        new("Held rows not written", "no-violation", SmallResource, Production with { Batch = WithoutHold }),
        new("key left behind by an abort", "V4", SmallResource, Production with { Batch = WithoutRelease }),
    ];

    private static Mutant[] OfOwnership =>
    [
        new("claim bits ignored", "I6", SmallClaims, Production with { Own = IgnoringClaimBits }),
        new("claim that can be read believed without a confirming row", "I6", SmallClaims, Production with { Own = OwningUnconfirmed }),
        new("confirmed claim not read again", "I6", SmallClaims, Production with { Own = OwningUnread }),
        new("inquiries answered before the claim is confirmed", "I6", SmallDurability, Lapse.AnswersInquiriesWhileClaiming),
        new("presumption below the horizon", "I6", SmallRetention, Production with { AnswerFromLog = PresumingForgotten }),
        new("horizon passes what is undecided", "V4", SmallRetention, Lapse.HorizonPassesUndecided),
        new("presumption for an id of another generation", "I6", SmallRestore, Production with { AnswerAtOnce = IgnoringGeneration }),
        new("restore that keeps the generation", "I6", SmallRestore, Lapse.KeepsGenerationAtRestore),
        new("unreadable row read as absent", "I6", SmallUnreadable, Lapse.UnreadableReadAsAbsent),
        new("presumption without a look-up by id", "I6", SmallCommit, Production with { AnswerFromLog = PresumingWithoutLookUp }),
        new("own epoch presumed from memory alone", "I6", SmallLoss, Production with { AnswerAtOnce = PresumingFromMemory }),
        new("inquiry answered aborted while the log has the decision", "I6", SmallCommit, Production with { AnswerAtOnce = PresumingInFlight }),
        new("shard lost while committing taken for abort", "I6", SmallCommit, Production with { Commit = AbortingLostShard }),
        new("new owner does not recover", "I1", SmallResource, Lapse.SkipsRecovery),
    ];

    private static Mutant[] OfCommit =>
    [
        new("outcome announced before the log has it", "I6", SmallCommit, Production with { Commit = AnnouncingEarly }),
        new("decision sent before the log has it", "I2", SmallExternal, Production with { Commit = DeliveringEarly }),
        new("quorum of votes", "D-6", SmallCommit, Deaf with { Commit = CountingAQuorum }),
        new("quorum of votes, external", "I3", SmallExternal, Deaf with { Commit = CountingAQuorum }),
        new("No counted as ReadOnly", "I6", SmallForgetful, Production with { Commit = CountingNoAsReadOnly }),
        new("deadline aborts while committing", "I6", SmallCommit, Production with { Commit = AbortingAtDeadline }),
        new("participant's inquiry answered aborted while committing", "I8", SmallCommit, Production with { Commit = AnsweringInFlight }),
        new("late request re-creates an aborted transaction", "I6", SmallLoss, Lapse.RecreatesTransaction),
        new("one-phase without a record", "I1", OnePhase, Deaf with { Commit = WithoutRecord }),
        new("last resource with volatile redo", "D-6", SmallResource, Production with { Apply = LosingRedo }),
        new("recovery aborts without asking the marker", "I1", SmallResource, Production with { Commit = AbortingAtRecovery }),
        new("refused commit retold as committed", "I6", SmallThree, Production with { Commit = CommittingRefused }),
    ];

    private static Mutant[] OfParticipants =>
    [
        new("marker's presence taken for commit", "I1", SmallResource, Lapse.MarkerPresenceIsCommit),
        new("COMMIT after a failed marker", "I1", SmallResource, Lapse.CommitsAfterFailedMarker),
        new("no marker taken for abort without writing one", "I1", SmallResource, Lapse.ResolvesWithoutMarker | Lapse.HearsNoAlarm),
        new("one incarnation for two enlistments", "D-6", SmallLoss, Lapse.OneIncarnation),
        new("a participant without the transaction votes ReadOnly", "D-6", SmallForgetful, Lapse.ForgottenVotesReadOnly | Lapse.HearsNoAlarm),
        new("Yes counted for another incarnation", "D-6", SmallLoss, AnyIncarnation),
        new("vote while a call runs", "D-6", SmallLoss, Production with { Participate = IgnoringRunningCalls }),
        new("vote after a call that failed", "D-6", SmallLoss, Production with { Participate = IgnoringFailedCalls }),
        new("prepared participant aborts alone", "I1", SmallCommit, Production with { Participate = DroppingPrepared }),
        new("prepared participant commits unasked", "I2", SmallCommit, Production with { Participate = CommittingAlone }),
        new("nothing in the stream taken for aborted", "I1", SmallCommit, Lapse.NothingInStreamMeansAborted),
        new("participant believes rows that are not durable", "I2", SmallDurability, Lapse.ParticipantBelievesVolatileRows),
        new("external aborts alone", "I3", SmallExternal, Lapse.ExternalAbortsAlone),
        new("external forgets what it has prepared", "I3", SmallExternal, Lapse.ExternalForgetsPrepared),
        new("external votes Yes without its work", "I3", SmallExternal, Lapse.ExternalVotesWithoutWork),
        new("external prepares after its abort", "I12", SmallExternal, Lapse.ExternalLacksTombstone),
    ];
}
