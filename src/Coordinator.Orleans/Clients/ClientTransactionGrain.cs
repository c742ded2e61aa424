using Coordinator.Hosting;
using Coordinator.Orleans.Grains;
using Coordinator.Orleans.Links;
using Coordinator.Protocol;
using Orleans.Concurrency;
using Orleans.GrainDirectory;

namespace Coordinator.Orleans.Clients;

/// <summary>The gateway's side of clients' transactions.</summary>
[StatelessWorker]
[GrainDirectory(NoDirectory.Name)]
internal sealed class ClientTransactionGrain(TransactionEngine engine, SiloLink link, CoordinatorServiceClient others, ClientSessions sessions)
    : Grain, IClientTransactionGrain
{
    /// <inheritdoc/>
    public Task<ClientBegun> Begin(ClientTerms terms) => sessions.BeginAsync(terms);

    /// <inheritdoc/>
    public Task<TransactionOutcome> End(SiloAddress home, TransactionId id, Guid authority, AbortCause? cause) =>
        home.Equals(link.Local) ? sessions.EndAsync(id, authority, cause) : others.Of(home).End(id, authority, cause);

    /// <inheritdoc/>
    public Task<TransactionOutcome?> OutcomeOf(IdempotencyKey key) => engine.OutcomeOfAsync(key).AsTask();
}
