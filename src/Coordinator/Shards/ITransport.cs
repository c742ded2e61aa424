using System.Diagnostics;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;

namespace Coordinator.Shards;

/// <summary>
/// Carries messages between coordinators and participants. It may lose, repeat, delay and reorder them; it never blocks
/// and never throws.
/// </summary>
internal interface ITransport
{
    /// <summary>To the shard that the id names.</summary>
    /// <param name="transaction">The id.</param>
    /// <param name="home">The host that is to coordinate it: who began it, or who asks.</param>
    /// <param name="input">What is told.</param>
    void ToCoordinator(TransactionId transaction, ulong home, CommitInput input);

    /// <summary>To the participant that the message names.</summary>
    void ToParticipant(TransactionId transaction, CommitMessage message);
}

/// <summary>Who began a transaction and is told what became of it.</summary>
internal interface IInitiator
{
    /// <summary>The transaction's; null if nobody records it.</summary>
    Activity? Span { get; }

    void Announce(TransactionId id, CommitMessage.OutcomeAnnounced announcement);
}
