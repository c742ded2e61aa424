using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Shards;

namespace Coordinator.Chaos.Victims.Faults;

/// <summary>The real transport, with crash points before and behind the messages of the protocol.</summary>
internal sealed class CrashingTransport(ITransport inner, CrashPoint point) : ITransport
{
    public void ToCoordinator(TransactionId transaction, ulong home, CommitInput input)
    {
        var name = input switch
        {
            CommitInput.EnlistRequested => "enlist",
            CommitInput.VoteReceived => "vote",
            _ => null,
        };
        Around(name, () => inner.ToCoordinator(transaction, home, input));
    }

    public void ToParticipant(TransactionId transaction, CommitMessage message)
    {
        var name = message switch
        {
            CommitMessage.PrepareRequested => "prepare",
            CommitMessage.DecisionDelivered => "decision",
            _ => null,
        };
        Around(name, () => inner.ToParticipant(transaction, message));
    }

    private void Around(string? name, Action send)
    {
        if (name is not null)
        {
            point.Reach(name + ".before");
        }

        send();
        if (name is not null)
        {
            point.Reach(name + ".after");
        }
    }
}
