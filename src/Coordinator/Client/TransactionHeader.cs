using Coordinator.Protocol;

namespace Coordinator.Client;

/// <summary>
/// What travels with all work of a transaction: which one it is and on which terms it works, the same at all its participants. It gives no authority: a
/// participant is let in by the coordinator, and a transaction that has ended lets nobody in.
/// </summary>
/// <param name="Id">The transaction.</param>
/// <param name="Home">The host that coordinates it, as its heartbeats name it.</param>
/// <param name="Age">Whom it waits for and who waits for it.</param>
/// <param name="Timeout">After which its coordinator gives up on unfinished work.</param>
/// <param name="IsOptimistic">It locks nothing before its vote, and votes No if its base is not the newest state then.</param>
internal sealed record TransactionHeader(TransactionId Id, ulong Home, TransactionAge Age, TimeSpan Timeout, bool IsOptimistic);
