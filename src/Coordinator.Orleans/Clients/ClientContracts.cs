using Coordinator.Orleans.Wire;
using Coordinator.Protocol;
using Orleans.Concurrency;

namespace Coordinator.Orleans.Clients;

/// <summary>Begins and ends transactions for clients outside of the cluster, on the silo that their call comes in on.</summary>
[Alias("coordinator.client-transactions.v1")]
internal interface IClientTransactionGrain : IGrainWithIntegerKey
{
    /// <summary>Begins one.</summary>
    [Alias("Begin")]
    [AlwaysInterleave]
    Task<ClientBegun> Begin(ClientTerms terms);

    /// <summary>Ends one.</summary>
    /// <param name="home">The silo it was begun on.</param>
    /// <param name="id">The transaction.</param>
    /// <param name="authority">What was given at its begin.</param>
    /// <param name="cause">Null: it commits; else why it does not.</param>
    [Alias("End")]
    [AlwaysInterleave]
    Task<TransactionOutcome> End(SiloAddress home, TransactionId id, Guid authority, AbortCause? cause);

    /// <summary>What was committed under a key; null if nothing.</summary>
    [Alias("OutcomeOf")]
    [AlwaysInterleave]
    Task<TransactionOutcome?> OutcomeOf(IdempotencyKey key);
}

/// <summary>How a client's transaction is to run.</summary>
[GenerateSerializer, Immutable, Alias("coordinator.client-terms.v1")]
internal sealed class ClientTerms
{
    /// <summary>Null: as the silo's options say.</summary>
    [Id(0)]
    public TimeSpan? Timeout { get; init; }

    [Id(1)]
    public bool IsOptimistic { get; init; }

    [Id(2)]
    public IdempotencyKey? Key { get; init; }

    /// <summary>Of its first attempt, in ticks, with <see cref="AgeFirst"/>; null for the first one.</summary>
    [Id(3)]
    public long? AgeTicks { get; init; }

    [Id(4)]
    public TransactionId AgeFirst { get; init; }
}

/// <summary>A transaction that was begun for a client, or why there was no need for one.</summary>
[GenerateSerializer, Immutable, Alias("coordinator.client-begun.v1")]
internal sealed class ClientBegun
{
    /// <summary>The transaction; null if its key tells what became of the work before.</summary>
    [Id(0)]
    public WireHeader? Header { get; init; }

    /// <summary>Where it was begun.</summary>
    [Id(1)]
    public required SiloAddress Home { get; init; }

    /// <summary>Who knows it may commit or abort. Nobody but the client is told.</summary>
    [Id(2)]
    public Guid Authority { get; init; }

    /// <summary>What became of it without the work.</summary>
    [Id(3)]
    public TransactionOutcome? Outcome { get; init; }
}
