using Coordinator.Protocol;
using Coordinator.Protocol.Commit;

namespace Coordinator.Hosting;

/// <summary>
/// Leads to the other hosts of the log. It may lose, repeat, delay and reorder messages; it never blocks and never throws.
/// </summary>
internal interface IHostLink
{
    /// <summary>What hosts call this one: never 0, and another number after each start.</summary>
    ulong Host { get; }

    /// <summary>Sends to a host; one that is not known gets nothing.</summary>
    void Send(ulong host, in HostMessage message);
}

/// <summary>A message between the hosts of one log: one of the two.</summary>
/// <param name="Transaction">Whose.</param>
/// <param name="ToCoordinator">From a participant: it asks to be enlisted, votes, or inquires. Null: it is for a participant.</param>
/// <param name="ToParticipant">From a coordinator: it answers, asks to prepare, or delivers a decision. Null: it is for a coordinator.</param>
internal readonly record struct HostMessage(TransactionId Transaction, CommitInput? ToCoordinator, CommitMessage? ToParticipant);
