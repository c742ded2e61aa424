using System.Text;
using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Ownership;
using Coordinator.Protocol.Participation;

namespace Coordinator.Protocol.Tests.Model;

/// <summary>Texts that tell apart any two values that behave differently: keys for interning.</summary>
internal static class Texts
{
    public static string Of(CommitState state)
    {
        var text = new StringBuilder();
        text.Append(state.Id.ToString()).Append(state.Phase).Append(' ').Append(state.Deadline.Ticks).Append(' ').Append(state.VoteDeadline.Ticks)
            .Append(' ').Append(Of(state.Cause)).Append(state.LastResourceRecorded ? 'R' : '-').Append(state.AbortRecorded ? 'A' : '-').Append(state.AbortRecording ? 'a' : '-')
            .Append(state.Ending ? 'E' : '-').Append(state.CanForget ? 'F' : '-').Append(state.UnknownAnnounced ? 'U' : '-');
        foreach (var one in state.Participants)
        {
            text.Append('|').Append(one.Participant.ToString()).Append('#').Append(one.Incarnation.Value).Append(one.Kind).Append(one.Ballot)
                .Append(one.Acknowledged ? '+' : '-').Append(one.Redo is { } redo ? Of(redo) : string.Empty);
        }

        return text.ToString();
    }

    public static string Of(CommitEvent durable)
    {
        var text = new StringBuilder();
        text.Append(durable.GetType().Name).Append(' ').Append(durable.Id.ToString());
        switch (durable)
        {
            case CommitEvent.LastResourceCommitting record:
                Append(text, record.Branches, record.Redo).Append(record.Resource.Participant.ToString()).Append(record.Resource.Incarnation.Value);
                break;
            case CommitEvent.CommitDecided decided:
                Append(text, decided.Branches, decided.Redo).Append(decided.AfterLastResource);
                break;
            case CommitEvent.AbortDecided decided:
                Append(text, decided.Branches, decided.Redo).Append(decided.AfterLastResource).Append(Of(decided.Cause));
                break;
        }

        return text.ToString();
    }

    public static string Of(ParticipationState state) =>
        $"{state.Phase} #{state.Incarnation.Value} running {state.CallsRunning} failed {state.CallFailed} changes {state.HasChanges}";

    public static string Of(OwnershipState state) =>
        $"{state.Phase} claim {state.ClaimBits} guard {state.GuardEpoch} epoch {state.Epoch} next {state.NextVersion} in flight {state.AppendInFlight}";

    public static string Of(GroupState state) =>
        $"{state.Phase} {state.Verdict} {state.FirstVersion}+{state.RowCount} empty {state.EmptyRowVersion} next {state.NextVersion} lost {state.ShardLost} "
        + $"fence {state.FenceId} members {string.Join(',', state.Members)}";

    public static string Of(Redo redo) => $"{redo.Stream}@{redo.ExpectedVersion}x{redo.Events.Length}";

    private static string Of(AbortCause? cause) => cause is null ? "." : $"{cause.Reason}/{cause.Participant}";

    private static StringBuilder Append(StringBuilder text, IEnumerable<Branch> branches, IEnumerable<Redo> redo)
    {
        foreach (var branch in branches)
        {
            text.Append('|').Append(branch.Participant.ToString()).Append('#').Append(branch.Incarnation.Value);
        }

        foreach (var one in redo)
        {
            text.Append('|').Append(Of(one));
        }

        return text;
    }
}
