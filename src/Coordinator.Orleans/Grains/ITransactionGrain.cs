using Orleans.Concurrency;

namespace Coordinator;

/// <summary>
/// One transaction, for whoever wants to know what became of it, external clients included. The key is the text of its id. It answers on every silo: it
/// asks the silo that coordinates the transaction, or reads the log where that one does not answer.
/// </summary>
[Alias("coordinator.transaction.v1")]
public interface ITransactionGrain : IGrainWithStringKey
{
    /// <summary>What became of it. Unknown while it is undecided, and for ever where the log can't say or has forgotten.</summary>
    /// <exception cref="ArgumentException">The key is no id, or the id was not issued by this log.</exception>
    [Alias("Outcome")]
    [AlwaysInterleave]
    Task<TransactionOutcome> Outcome();

    /// <summary>What is known of it, and who knows it: for people.</summary>
    /// <exception cref="ArgumentException">The key is no id, or the id was not issued by this log.</exception>
    [Alias("Explain")]
    [AlwaysInterleave]
    Task<TransactionExplanation> Explain();
}
