using Coordinator.Orleans.Wire;
using Coordinator.Protocol;
using Orleans.Concurrency;
using Orleans.Services;

namespace Coordinator.Orleans.Links;

/// <summary>The engine of one silo, as the other silos reach it: by the silo's address, since a directory may go on naming a dead one.</summary>
[Alias("coordinator.service.v1")]
internal interface ICoordinatorService : IGrainService
{
    /// <summary>Hands messages over. Nobody waits: what is lost is sent again by the machines' own deadlines.</summary>
    [OneWay]
    [Alias("Deliver")]
    Task Deliver(HostBatch batch);

    /// <summary>What became of a transaction, as this silo knows.</summary>
    [Alias("Outcome")]
    Task<TransactionOutcome> Outcome(TransactionId id);

    /// <summary>What this silo knows of a transaction.</summary>
    [Alias("Explain")]
    Task<TransactionExplanation> Explain(TransactionId id);

    /// <summary>Ends a transaction that a client has begun on this silo.</summary>
    /// <param name="id">The transaction.</param>
    /// <param name="authority">What the client was given at its begin.</param>
    /// <param name="cause">Null: it commits; else why it does not.</param>
    [Alias("End")]
    Task<TransactionOutcome> End(TransactionId id, Guid authority, AbortCause? cause);
}
