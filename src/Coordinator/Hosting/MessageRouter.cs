using System.Diagnostics;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Ownership;
using Coordinator.Shards;

namespace Coordinator.Hosting;

/// <summary>
/// Where messages go: a call where both sides live in this process, the link where they don't. A transaction is coordinated at its home; only
/// what became of it may be asked of others, once that has lost its shard.
/// </summary>
internal sealed class MessageRouter(TransactionEngine engine, IHostLink? link) : ITransport
{
    public void ToCoordinator(TransactionId transaction, ulong home, CommitInput input)
    {
        if (link is not null && input is CommitInput.OutcomeInquired inquired && engine.ShardOf(transaction.Shard) is null)
        {
            _ = InquireAsync(link, transaction, home, inquired);
        }
        else if (link is null || home == engine.HostId || input is CommitInput.OutcomeInquired)
        {
            ToShard(transaction, input);
        }
        else
        {
            link.Send(home, new HostMessage(transaction, input, null));
        }
    }

    public void ToParticipant(TransactionId transaction, CommitMessage message)
    {
        if (link is null || HostOf(message) is not (> 0 and var host) || host == engine.HostId)
        {
            engine.Participants.Deliver(transaction, engine.HostId, message);
        }
        else
        {
            link.Send(host, new HostMessage(transaction, null, message));
        }
    }

    /// <summary>What another host has sent.</summary>
    public void Receive(ulong from, in HostMessage message)
    {
        if (message.ToParticipant is { } toParticipant)
        {
            engine.Participants.Deliver(message.Transaction, from, toParticipant);
        }
        else if (message.ToCoordinator is { } input)
        {
            ToShard(message.Transaction, input);
        }
    }

    /// <summary>The host of the participant that a message is for; 0 if it is for none of a host.</summary>
    public static ulong HostOf(CommitMessage message) => message switch
    {
        CommitMessage.EnlistmentAnswered one => one.Incarnation.Host,
        CommitMessage.PrepareRequested one => one.Incarnation.Host,
        CommitMessage.DecisionDelivered one => one.Incarnation.Host,
        CommitMessage.InquiryAnswered one => one.Incarnation.Host,
        CommitMessage.OutcomeNotOnRecord one => one.Incarnation.Host,
        _ => 0,
    };

    private void ToShard(TransactionId transaction, CommitInput input)
    {
        if (engine.ShardOf(transaction.Shard) is { } shard)
        {
            shard.Post(transaction, input);
        }
        else if (input is CommitInput.EnlistRequested enlist)
        {
            // Nothing of a shard that this host has no term at is active here, whatever it once was. A vote says nothing new, and who inquires asks again.
            ToParticipant(transaction, new CommitMessage.EnlistmentAnswered(enlist.Participant, enlist.Incarnation, EnlistmentRefusal.NotActive));
        }
    }

    /// <summary>The decision, if there is one, can be read by all; that there never will be one only the shard's owner can say.</summary>
    private async Task InquireAsync(IHostLink others, TransactionId transaction, ulong home, CommitInput.OutcomeInquired inquired)
    {
        Activity.Current = null; // whoever happens to tick has nothing to do with the reads that follow
        var answer = InquiryAnswer.Undecided;
        try
        {
            answer = await engine.InquireAsync(transaction, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception error) when (error is not (InvariantViolationException or OutOfMemoryException))
        {
            // The log is away: the owner may know all the same.
        }

        if (answer is InquiryAnswer.Committed or InquiryAnswer.Aborted)
        {
            var decision = answer is InquiryAnswer.Committed ? Decision.Commit : Decision.Abort;
            ToParticipant(transaction, new CommitMessage.InquiryAnswered(inquired.Asker, inquired.Incarnation, decision));
            return;
        }

        var owner = engine.OwnerOf(transaction.Shard);
        others.Send(owner == 0 || owner == engine.HostId ? home : owner, new HostMessage(transaction, inquired, null));
    }
}
