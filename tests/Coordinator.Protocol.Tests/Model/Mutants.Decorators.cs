using System.Collections.Immutable;
using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Ownership;
using Coordinator.Protocol.Participation;
using CommitTransition = Coordinator.Protocol.Transition<Coordinator.Protocol.Commit.CommitState, Coordinator.Protocol.Commit.CommitEvent, Coordinator.Protocol.Commit.CommitMessage>;
using ParticipationTransition = Coordinator.Protocol.Transition<Coordinator.Protocol.Participation.ParticipationState, object, Coordinator.Protocol.Participation.ParticipationMessage>;

namespace Coordinator.Protocol.Tests.Model;

/// <summary>The bugs themselves: each wraps one production function and changes one answer of it.</summary>
internal static partial class Mutants
{
    private static readonly CommitMessage.OutcomeAnnounced SaysCommitted = new(OutcomeKind.Committed, null);
    private static readonly CommitMessage.OutcomeAnnounced SaysAborted = new(OutcomeKind.Aborted, new AbortCause(AbortReason.Timeout));

    private static Rules AnyIncarnation => Production with
    {
        Lapse = Lapse.WorksBeforeEnlisted,
        Participate = static (state, input) => ParticipationProtocol.Advance(
            state, input is ParticipationInput.PrepareRequested ? new ParticipationInput.PrepareRequested(state.Incarnation) : input),
        Commit = static (state, input) => CommitProtocol.Advance(
            state,
            input is CommitInput.VoteReceived vote && state.IndexOf(vote.Participant) is >= 0 and var index
                ? vote with { Incarnation = state.Participants[index].Incarnation }
                : input),
    };

    /// <summary>The owner's own assertion is taken out as well: two appends may be in flight.</summary>
    private static Rules Tolerant(Rules rules) => rules with
    {
        Own = static (state, input) => input switch
        {
            OwnershipInput.AppendStarted => state with { AppendInFlight = true },
            OwnershipInput.AppendSettled settled => state with { AppendInFlight = false, NextVersion = Math.Max(state.NextVersion, settled.NextVersion) },
            _ => OwnershipProtocol.Advance(state, input),
        },
    };

    private static GroupState ConflictMeansDead(GroupState state, GroupInput input, RowFound found) =>
        (state.Phase, input) is (GroupPhase.Fencing, GroupInput.RowInTheWay)
            ? state with { Phase = GroupPhase.Settled, Verdict = GroupVerdict.Dead, NextVersion = state.FirstVersion + 1 }
            : GroupProtocol.Advance(state, input, found);

    private static GroupState ConflictMeansLanded(GroupState state, GroupInput input, RowFound found) =>
        (state.Phase, input) is (GroupPhase.Fencing, GroupInput.RowInTheWay)
            ? state with { Phase = GroupPhase.Settled, Verdict = GroupVerdict.Landed, NextVersion = state.FirstVersion + state.RowCount }
            : GroupProtocol.Advance(state, input, found);

    private static GroupState NoConfirmation(GroupState state, GroupInput input, RowFound found)
    {
        var next = GroupProtocol.Advance(state, input, found);
        return next.Phase is GroupPhase.Confirming ? next with { Phase = GroupPhase.Settled, NextVersion = next.EmptyRowVersion } : next;
    }

    private static GroupState WaitingForVanished(GroupState state, GroupInput input, RowFound found) =>
        (state.Phase, input) is (GroupPhase.Confirming, GroupInput.RolledBack) ? state : GroupProtocol.Advance(state, input, found);

    private static GroupState FencingVanished(GroupState state, GroupInput input, RowFound found) =>
        (state.Phase, input) is (GroupPhase.Confirming, GroupInput.RolledBack)
            ? state with { Phase = GroupPhase.Fencing, Verdict = GroupVerdict.Open, EmptyRowVersion = state.FirstVersion }
            : GroupProtocol.Advance(state, input, found);

    private static StreamName? IgnoringReads(RedoMode mode, ImmutableArray<Redo> redo, TransactionId id, Func<StreamName, StreamEnd> endOf) =>
        AppendRules.FirstConflict(mode, redo.RemoveAll(static one => one.IsRead), id, endOf);

    private static StreamName? IgnoringHeld(RedoMode mode, ImmutableArray<Redo> redo, TransactionId id, Func<StreamName, StreamEnd> endOf) =>
        AppendRules.FirstConflict(mode, redo, id, name => BindingBatch.Validates(mode) ? endOf(name) with { HeldBy = default } : endOf(name));

    private static StreamName? ValidatingReadsLate(RedoMode mode, ImmutableArray<Redo> redo, TransactionId id, Func<StreamName, StreamEnd> endOf) => mode switch
    {
        RedoMode.Hold => IgnoringReads(mode, redo, id, endOf),
        RedoMode.WriteBehindHold => AppendRules.FirstConflict(mode, redo, id, endOf)
            ?? AppendRules.FirstConflict(RedoMode.Write, redo.RemoveAll(static one => !one.IsRead), id, endOf),
        _ => AppendRules.FirstConflict(mode, redo, id, endOf),
    };

    private static (RedoMode Mode, ImmutableArray<Redo> Redo) WithoutHold(CommitEvent durable) =>
        durable is CommitEvent.LastResourceCommitting ? (RedoMode.None, []) : BindingBatch.Of(durable);

    private static (RedoMode Mode, ImmutableArray<Redo> Redo) WithoutRelease(CommitEvent durable) =>
        durable is CommitEvent.AbortDecided ? (RedoMode.None, []) : BindingBatch.Of(durable);

    private static OwnershipState IgnoringClaimBits(OwnershipState state, OwnershipInput input) => OwnershipProtocol.Advance(
        state, input is OwnershipInput.EndRead end && end.Epoch > state.GuardEpoch ? end with { ClaimBits = state.ClaimBits } : input);

    private static OwnershipState OwningUnconfirmed(OwnershipState state, OwnershipInput input)
    {
        var next = OwnershipProtocol.Advance(state, input);
        return next.Phase is OwnershipPhase.Confirming ? next with { Phase = OwnershipPhase.Owned } : next;
    }

    private static OwnershipState OwningUnread(OwnershipState state, OwnershipInput input) =>
        OwnershipProtocol.Advance(state, input is OwnershipInput.ConfirmAcknowledged ? new OwnershipInput.ConfirmAcknowledged(state.ClaimBits) : input);

    private static InquiryAnswer PresumingForgotten(TransactionId id, OwnerView owner, LookUp found) =>
        InquiryRules.AnswerFromLog(id, owner, found) is var answer && answer is InquiryAnswer.Forgotten ? InquiryAnswer.Aborted : answer;

    private static InquiryAnswer PresumingWithoutLookUp(TransactionId id, OwnerView owner, LookUp found) =>
        InquiryRules.AnswerFromLog(id, owner, found with { Decision = null });

    private static InquiryAnswer? IgnoringGeneration(TransactionId id, OwnerView owner, CommitState? inMemory) =>
        InquiryRules.AnswerAtOnce(id, owner with { Log = id.Log }, inMemory);

    private static InquiryAnswer? PresumingFromMemory(TransactionId id, OwnerView owner, CommitState? inMemory) =>
        InquiryRules.AnswerAtOnce(id, owner, inMemory) ?? ((long)id.Epoch == owner.Epoch ? InquiryAnswer.Aborted : null);

    private static InquiryAnswer? PresumingInFlight(TransactionId id, OwnerView owner, CommitState? inMemory) =>
        inMemory?.Phase is CommitPhase.Committing ? InquiryAnswer.Aborted : InquiryRules.AnswerAtOnce(id, owner, inMemory);

    private static CommitTransition AbortingLostShard(CommitState state, CommitInput input) =>
        input is CommitInput.OwnershipLost && state.Phase is CommitPhase.Committing ? Aborted(state) : CommitProtocol.Advance(state, input);

    private static CommitTransition Aborted(CommitState state) =>
        CommitTransition.To(state with { Phase = CommitPhase.Aborted, Cause = SaysAborted.Cause, CanForget = true }, null, SaysAborted);

    private static CommitTransition AnnouncingEarly(CommitState state, CommitInput input)
    {
        var step = CommitProtocol.Advance(state, input);
        return step.Append is CommitEvent.CommitDecided ? step with { Messages = step.Messages.Add(SaysCommitted) } : step;
    }

    private static CommitTransition DeliveringEarly(CommitState state, CommitInput input)
    {
        var step = CommitProtocol.Advance(state, input);
        if (step.Append is not CommitEvent.CommitDecided { Branches: [var branch, ..] })
        {
            return step;
        }

        return step with { Messages = step.Messages.Add(new CommitMessage.DecisionDelivered(branch.Participant, branch.Incarnation, Decision.Commit)) };
    }

    private static CommitTransition CountingAQuorum(CommitState state, CommitInput input)
    {
        if (input is not CommitInput.VoteReceived { Ballot: Ballot.Yes } vote || state.Phase is not CommitPhase.Preparing)
        {
            return CommitProtocol.Advance(state, input);
        }

        var participants = state.Participants;
        for (var i = 0; i < participants.Length; i++)
        {
            if (participants[i].Ballot is Ballot.Pending && participants[i].Participant != vote.Participant)
            {
                participants = participants.SetItem(i, participants[i] with { Ballot = Ballot.ReadOnly });
            }
        }

        return CommitProtocol.Advance(state with { Participants = participants }, input);
    }

    private static CommitTransition CountingNoAsReadOnly(CommitState state, CommitInput input) => CommitProtocol.Advance(
        state,
        input is CommitInput.VoteReceived { Ballot: Ballot.No } vote && state.Phase is CommitPhase.Preparing
            ? vote with { Ballot = Ballot.ReadOnly, Redo = null, Cause = null }
            : input);

    private static CommitTransition AbortingAtDeadline(CommitState state, CommitInput input) =>
        input is CommitInput.DeadlinePassed && state.Phase is CommitPhase.Committing ? Aborted(state) : CommitProtocol.Advance(state, input);

    private static CommitTransition AnsweringInFlight(CommitState state, CommitInput input) =>
        input is CommitInput.OutcomeInquired inquired && state.Phase is CommitPhase.Committing
            ? CommitTransition.Ignore(state, "mutant", new CommitMessage.InquiryAnswered(inquired.Asker, inquired.Incarnation, Decision.Abort))
            : CommitProtocol.Advance(state, input);

    private static CommitTransition WithoutRecord(CommitState state, CommitInput input)
    {
        var step = CommitProtocol.Advance(state, input);
        return step.Append is CommitEvent.LastResourceCommitting record
            ? CommitTransition.To(
                step.State with { Phase = CommitPhase.LastResourceCommitting }, null, new CommitMessage.LastResourceCommitRequested(record.Resource))
            : step;
    }

    private static CommitState LosingRedo(CommitState? state, CommitEvent durable) => CommitProtocol.Apply(
        state, state is null && durable is CommitEvent.LastResourceCommitting record ? record with { Redo = [] } : durable);

    private static CommitTransition AbortingAtRecovery(CommitState state, CommitInput input) =>
        input is CommitInput.Recovered && state.Phase is CommitPhase.LastResourceCommitting
            ? CommitProtocol.Advance(state, new CommitInput.LastResourceAnswered(Decision.Abort))
            : CommitProtocol.Advance(state, input);

    private static CommitTransition CommittingRefused(CommitState state, CommitInput input) =>
        input is CommitInput.EventRefused { Event: CommitEvent.CommitDecided decided } && state.Phase is CommitPhase.Committing
            ? CommitProtocol.Advance(state, new CommitInput.EventDurable(decided))
            : CommitProtocol.Advance(state, input);

    private static ParticipationTransition IgnoringRunningCalls(ParticipationState state, ParticipationInput input) =>
        input is ParticipationInput.PrepareRequested && state.CallsRunning > 0
            ? Unseen(state, ParticipationProtocol.Advance(state with { CallsRunning = 0 }, input))
            : ParticipationProtocol.Advance(state, input);

    private static ParticipationTransition IgnoringFailedCalls(ParticipationState state, ParticipationInput input) =>
        input is ParticipationInput.PrepareRequested && state.CallFailed
            ? Unseen(state, ParticipationProtocol.Advance(state with { CallFailed = false }, input))
            : ParticipationProtocol.Advance(state, input);

    private static ParticipationTransition Unseen(ParticipationState state, ParticipationTransition step) =>
        step with { State = step.State with { CallsRunning = state.CallsRunning, CallFailed = state.CallFailed } };

    private static ParticipationTransition DroppingPrepared(ParticipationState state, ParticipationInput input) =>
        input is ParticipationInput.WorkDropped && state.Phase is ParticipationPhase.Prepared
            ? ParticipationTransition.To(state with { Phase = ParticipationPhase.Aborted }, null, ParticipationMessage.DropWork.Instance)
            : ParticipationProtocol.Advance(state, input);

    private static ParticipationTransition CommittingAlone(ParticipationState state, ParticipationInput input) =>
        input is ParticipationInput.InquiryDue && state.Phase is ParticipationPhase.Prepared
            ? ParticipationTransition.To(state with { Phase = ParticipationPhase.Committed }, null, ParticipationMessage.ApplyRedo.Instance)
            : ParticipationProtocol.Advance(state, input);
}
