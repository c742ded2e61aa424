using Coordinator.Protocol;
using Coordinator.Protocol.Commit;

namespace Coordinator.Simulation;

/// <summary>What the messages of the protocol have in common.</summary>
internal static class Messages
{
    /// <summary>Which participant a message is from or for; null for those of the initiator.</summary>
    public static ParticipantId? ParticipantOf(object message) => message switch
    {
        CommitInput.EnlistRequested one => one.Participant,
        CommitInput.VoteReceived one => one.Participant,
        CommitInput.OutcomeInquired one => one.Asker,
        CommitMessage.EnlistmentAnswered one => one.Participant,
        CommitMessage.PrepareRequested one => one.Participant,
        CommitMessage.DecisionDelivered one => one.Participant,
        CommitMessage.InquiryAnswered one => one.Asker,
        CommitMessage.OutcomeNotOnRecord one => one.Asker,
        _ => null,
    };
}
