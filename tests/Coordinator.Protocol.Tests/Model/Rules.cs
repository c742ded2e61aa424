using System.Collections.Immutable;
using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Ownership;
using Coordinator.Protocol.Participation;
using CommitTransition = Coordinator.Protocol.Transition<Coordinator.Protocol.Commit.CommitState, Coordinator.Protocol.Commit.CommitEvent, Coordinator.Protocol.Commit.CommitMessage>;
using ParticipationTransition = Coordinator.Protocol.Transition<Coordinator.Protocol.Participation.ParticipationState, object, Coordinator.Protocol.Participation.ParticipationMessage>;

namespace Coordinator.Protocol.Tests.Model;

/// <summary>
/// The functions that the model executes: the production ones, unless a mutant puts a decorator around one of them.
/// </summary>
internal sealed record Rules
{
    public Func<CommitState, CommitInput, CommitTransition> Commit { get; init; } = CommitProtocol.Advance;

    public Func<CommitState?, CommitEvent, CommitState> Apply { get; init; } = CommitProtocol.Apply;

    public Func<ParticipationState, ParticipationInput, ParticipationTransition> Participate { get; init; } = ParticipationProtocol.Advance;

    public Func<GroupState, GroupInput, RowFound, GroupState> Group { get; init; } = GroupProtocol.Advance;

    public Func<OwnershipState, OwnershipInput, OwnershipState> Own { get; init; } = OwnershipProtocol.Advance;

    public Func<StreamEnd, long, long, bool> AcceptsShardRow { get; init; } = AppendRules.AcceptsShardRow;

    public Func<RedoMode, ImmutableArray<Redo>, TransactionId, Func<StreamName, StreamEnd>, StreamName?> FirstConflict { get; init; } = AppendRules.FirstConflict;

    public Func<CommitEvent, (RedoMode Mode, ImmutableArray<Redo> Redo)> Batch { get; init; } = BindingBatch.Of;

    public Func<TransactionId, OwnerView, CommitState?, InquiryAnswer?> AnswerAtOnce { get; init; } = InquiryRules.AnswerAtOnce;

    public Func<TransactionId, OwnerView, LookUp, InquiryAnswer> AnswerFromLog { get; init; } = InquiryRules.AnswerFromLog;

    /// <summary>What the shell fails to do; none in the product.</summary>
    public Lapse Lapse { get; init; }
}

/// <summary>Shell obligations of docs/protocol.md#shell that a mutant drops, one bit each.</summary>
[Flags]
internal enum Lapse : ulong
{
    None = 0,
    SettlesUnclearAsRefused = 1UL << 0,
    PipelinesAppends = 1UL << 1,
    LeavesGapInGroup = 1UL << 2,
    GroupMembersBlind = 1UL << 3,
    NumbersFromDatabaseEnd = 1UL << 4,
    FencesOnOwnConnection = 1UL << 5,
    DeletesFenceRows = 1UL << 6,
    MissingRowReadAsLost = 1UL << 7,
    MarkerPresenceIsCommit = 1UL << 8,
    CommitsAfterFailedMarker = 1UL << 9,
    ResolvesWithoutMarker = 1UL << 10,
    OneIncarnation = 1UL << 11,
    ForgottenVotesReadOnly = 1UL << 12,
    ValidatesReadsByPlainQuery = 1UL << 13,
    RecreatesTransaction = 1UL << 14,
    ParticipantBelievesVolatileRows = 1UL << 15,
    NothingInStreamMeansAborted = 1UL << 16,
    ExternalForgetsPrepared = 1UL << 17,
    ExternalAbortsAlone = 1UL << 18,
    ExternalVotesWithoutWork = 1UL << 19,
    HorizonPassesUndecided = 1UL << 20,
    StaysAfterForeignClaim = 1UL << 21,
    AnswersInquiriesWhileClaiming = 1UL << 22,
    RedoLeftOutOfBatch = 1UL << 23,
    SkipsRecovery = 1UL << 24,
    WorksBeforeEnlisted = 1UL << 25,
    ExternalLacksTombstone = 1UL << 26,
    KeepsGenerationAtRestore = 1UL << 27,
    UnreadableReadAsAbsent = 1UL << 28,
    ClaimIgnoresGuard = 1UL << 29,

    /// <summary>Not a bug but an ear-plug: a violation that a machine reports is passed over, so that a property has to catch the bug.</summary>
    HearsNoAlarm = 1UL << 30,
}
