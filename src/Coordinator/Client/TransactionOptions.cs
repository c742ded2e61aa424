using Polly;

namespace Coordinator;

/// <summary>What keeps transactions that use the same streams apart. The outcome is serializable with both.</summary>
public enum ConcurrencyMode
{
    /// <summary>Streams are locked when they are opened: what was read stays so until the transaction ends.</summary>
    Pessimistic,

    /// <summary>
    /// Nothing is locked before the commit is asked for; then what was read must still stand, or the transaction is aborted
    /// (<see cref="Coordinator.Protocol.AbortReason.Conflict"/>). For long work that seldom meets other work on the same streams. Run again after
    /// such an abort, the work is pessimistic.
    /// </summary>
    Optimistic,
}

/// <summary>How one transaction runs, where it differs from <see cref="CoordinatorOptions"/>.</summary>
public sealed record TransactionOptions
{
    internal static TransactionOptions Default { get; } = new();

    /// <summary>
    /// How long each attempt may take from its begin until its decision is handed to the log. More than zero, at most 1 h. Default null:
    /// <see cref="CoordinatorOptions.TransactionTimeout"/>.
    /// </summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Whether streams are locked when they are opened. Default <see cref="ConcurrencyMode.Pessimistic"/>.</summary>
    public ConcurrencyMode Mode { get; init; }

    /// <summary>
    /// For RunAsync: at most one transaction commits under the key, and all who ask are told of it. Default null: none.
    /// </summary>
    public IdempotencyKey? Key { get; init; }

    /// <summary>
    /// The age of an earlier attempt of the same work, for those who begin transactions by hand; <see cref="ITransactions.RunAsync(Func{ITransaction, Task}, CancellationToken)"/> keeps it
    /// over its own attempts. Default null: the transaction is as old as it is.
    /// </summary>
    public TransactionAge? Age { get; init; }

    /// <summary>
    /// What runs the work again, for RunAsync: a Polly pipeline that sees each attempt's outcome. It may call again only after an attempt
    /// that was aborted, one at a time. Default null: the one of <see cref="CoordinatorBuilder.UseReruns"/>;
    /// <see cref="ResiliencePipeline{T}.Empty"/> runs it once.
    /// </summary>
    public ResiliencePipeline<TransactionOutcome>? Reruns { get; init; }
}
