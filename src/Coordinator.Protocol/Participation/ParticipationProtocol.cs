using System.Collections.Immutable;
using Coordinator.Protocol.Commit;
using ParticipationTransition = Coordinator.Protocol.Transition<Coordinator.Protocol.Participation.ParticipationState, object, Coordinator.Protocol.Participation.ParticipationMessage>;

namespace Coordinator.Protocol.Participation;

/// <summary>
/// A log-native participant's side of atomic commit: one transaction at one address under one incarnation.
/// </summary>
/// <remarks>
/// <para>What it owns: the promise. Before its Yes it may drop the work at any time (a lost lock, a failed call, a
/// deadline) and says No; after its Yes it obeys the coordinator, or its own stream, and nobody else.</para>
/// <para>When the transaction counts as committed here: when the coordinator says so, or when the participant's own
/// stream carries the transaction's events at the expected version; another transaction's events there mean aborted, an
/// unchanged end means nothing yet.</para>
/// <para>What a partial failure means: a participant that lost its memory holds no transaction and answers No to a
/// prepare, never ReadOnly (rule D-6). What stays unknown: a prepared one that hears nothing stays in doubt, keeps its locks
/// and asks again; it never decides alone (I10).</para>
/// </remarks>
internal static class ParticipationProtocol
{
    private static readonly ImmutableArray<ParticipationMessage> VoteYes = [ParticipationMessage.Vote.Yes];
    private static readonly ImmutableArray<ParticipationMessage> VoteReadOnly = [ParticipationMessage.Vote.ReadOnly];
    private static readonly ImmutableArray<ParticipationMessage> LeaveReadOnly = [ParticipationMessage.Vote.ReadOnly, ParticipationMessage.ReleaseLocks.Instance];
    private static readonly ImmutableArray<ParticipationMessage> ApplyRedo = [ParticipationMessage.ApplyRedo.Instance];
    private static readonly ImmutableArray<ParticipationMessage> DropWork = [ParticipationMessage.DropWork.Instance];

    /// <summary>One transition. The table of all (phase, input) pairs is docs/protocol.md#participant-table.</summary>
    public static ParticipationTransition Advance(ParticipationState state, ParticipationInput input) => input switch
    {
        ParticipationInput.CallStarted => StartCall(state),
        ParticipationInput.CallEnded ended => EndCall(state, ended.Failed),
        ParticipationInput.ChangeMade => MakeChange(state),
        ParticipationInput.PrepareRequested prepare => Prepare(state, prepare.Incarnation),
        ParticipationInput.DecisionReceived received => Obey(state, received.Decision),
        ParticipationInput.WorkDropped dropped => Drop(state, dropped.Cause),
        ParticipationInput.InquiryDue => state.Phase is ParticipationPhase.Active or ParticipationPhase.Prepared
            ? ParticipationTransition.To(state, null, ParticipationMessage.Inquire.Instance)
            : ParticipationTransition.Ignore(state, "not in doubt"),
        ParticipationInput.StreamRead read => ReadStream(state, read.Finding),
        _ => throw new InvariantViolationException("every input has a handler"),
    };

    private static ParticipationTransition StartCall(ParticipationState state) => state.Phase is ParticipationPhase.Active
        ? ParticipationTransition.To(state with { CallsRunning = state.CallsRunning + 1 }, null)
        : ParticipationTransition.Ignore(state, "work after the vote or the end is refused", ParticipationMessage.RefuseCall.Instance);

    private static ParticipationTransition EndCall(ParticipationState state, bool failed)
    {
        if (state.Phase is not ParticipationPhase.Active)
        {
            return ParticipationTransition.Ignore(state, "the work was dropped while the call ran");
        }

        return state.CallsRunning == 0
            ? ParticipationTransition.Violate(state, "a call ended that had not started")
            : ParticipationTransition.To(state with { CallsRunning = state.CallsRunning - 1, CallFailed = state.CallFailed || failed }, null);
    }

    private static ParticipationTransition MakeChange(ParticipationState state) => state.Phase switch
    {
        ParticipationPhase.Active when state.HasChanges => ParticipationTransition.Ignore(state, "has changes already"),
        ParticipationPhase.Active => ParticipationTransition.To(state with { HasChanges = true }, null),
        _ => ParticipationTransition.Ignore(state, "work after the vote or the end is refused", ParticipationMessage.RefuseCall.Instance),
    };

    private static ParticipationTransition Prepare(ParticipationState state, Incarnation incarnation)
    {
        if (incarnation != state.Incarnation)
        {
            return state.Phase is ParticipationPhase.Active
                ? ParticipationTransition.To(state with { Phase = ParticipationPhase.Aborted }, null, No("prepare names another incarnation"), ParticipationMessage.DropWork.Instance)
                : ParticipationTransition.Ignore(state, "prepare of another incarnation", No("prepare names another incarnation"));
        }

        return state.Phase switch
        {
            ParticipationPhase.Active when state.CallsRunning > 0 => Refuse(state, "a call of the transaction is still running"),
            ParticipationPhase.Active when state.CallFailed => Refuse(state, "a call of the transaction failed"),
            ParticipationPhase.Active when state.HasChanges => ParticipationTransition.To(
                state with { Phase = ParticipationPhase.Prepared }, null, VoteYes),
            ParticipationPhase.Active => ParticipationTransition.To(
                state with { Phase = ParticipationPhase.ReadOnly }, null, LeaveReadOnly),
            ParticipationPhase.Prepared => ParticipationTransition.Ignore(state, "repeated prepare: same vote", VoteYes),
            ParticipationPhase.ReadOnly => ParticipationTransition.Ignore(state, "repeated prepare: same vote", VoteReadOnly),
            ParticipationPhase.Aborted => ParticipationTransition.Ignore(state, "dropped already", No("the work was dropped")),
            _ => ParticipationTransition.Ignore(state, "decided already"),
        };

        static ParticipationTransition Refuse(ParticipationState state, string why) => ParticipationTransition.To(
            state with { Phase = ParticipationPhase.Aborted }, null, No(why), ParticipationMessage.DropWork.Instance);
    }

    private static ParticipationTransition Obey(ParticipationState state, Decision decision) => (state.Phase, decision) switch
    {
        (ParticipationPhase.Prepared, Decision.Commit) => ParticipationTransition.To(
            state with { Phase = ParticipationPhase.Committed }, null, ApplyRedo),
        (ParticipationPhase.Prepared or ParticipationPhase.Active, Decision.Abort) => ParticipationTransition.To(
            state with { Phase = ParticipationPhase.Aborted }, null, DropWork),
        (ParticipationPhase.Committed, Decision.Commit) or (ParticipationPhase.Aborted, Decision.Abort) =>
            ParticipationTransition.Ignore(state, "repeated decision"),
        (ParticipationPhase.ReadOnly, _) => ParticipationTransition.Ignore(state, "left after its vote"),
        (ParticipationPhase.Active, Decision.Commit) => ParticipationTransition.Violate(state, "commit without a vote"),
        _ => ParticipationTransition.Violate(state, "a decision against the one obeyed"),
    };

    private static ParticipationTransition Drop(ParticipationState state, AbortCause cause) => state.Phase switch
    {
        ParticipationPhase.Active => ParticipationTransition.To(
            state with { Phase = ParticipationPhase.Aborted }, null, new ParticipationMessage.Vote(Ballot.No, cause), ParticipationMessage.DropWork.Instance),
        ParticipationPhase.Prepared => ParticipationTransition.Ignore(state, "promised: only the decision ends it"),
        _ => ParticipationTransition.Ignore(state, "ended already"),
    };

    private static ParticipationTransition ReadStream(ParticipationState state, StreamFinding finding) => (state.Phase, finding) switch
    {
        (ParticipationPhase.Prepared, StreamFinding.OwnTransaction) => Obey(state, Decision.Commit),
        (ParticipationPhase.Prepared, StreamFinding.OtherTransaction) => Obey(state, Decision.Abort),
        (ParticipationPhase.Prepared, _) => ParticipationTransition.Ignore(state, "nothing there yet: still in doubt"),
        _ => ParticipationTransition.Ignore(state, "not in doubt"),
    };

    private static ParticipationMessage.Vote No(string why) => new(Ballot.No, new AbortCause(AbortReason.WorkFailed, null, why));
}
