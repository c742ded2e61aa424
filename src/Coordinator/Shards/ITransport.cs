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
    void ToCoordinator(TransactionId transaction, CommitInput input);

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
