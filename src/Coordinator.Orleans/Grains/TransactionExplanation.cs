using Coordinator.Protocol;

namespace Coordinator;

/// <summary>What is known of a transaction.</summary>
[GenerateSerializer, Immutable, Alias("coordinator.explanation.v1")]
public sealed record TransactionExplanation
{
    /// <summary>The transaction.</summary>
    [Id(0)]
    public required TransactionId Id { get; init; }

    /// <summary>The shard of the log that its decision belongs to.</summary>
    [Id(1)]
    public required int Shard { get; init; }

    /// <summary>The silo that owns the shard, as address, port and generation; null if the silo that answers does not know.</summary>
    [Id(2)]
    public string? Owner { get; init; }

    /// <summary>The silo that answers; where it is not the owner, the answer comes from the log alone.</summary>
    [Id(3)]
    public required string AnsweredBy { get; init; }

    /// <summary>What became of it, and why.</summary>
    [Id(4)]
    public required TransactionOutcome Outcome { get; init; }

    /// <summary>The version of the row in the shard's stream that holds the decision; null if there is none, as of all that was aborted without one.</summary>
    [Id(5)]
    public long? DecisionVersion { get; init; }

    /// <summary>Where it stands; null if the silo that answers doesn't have it in memory: it is over, was never begun, or its owner did not answer.</summary>
    [Id(6)]
    public TransactionProgress? Progress { get; init; }
}
