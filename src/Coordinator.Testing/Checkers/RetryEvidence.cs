using Coordinator.Testing.Histories;

namespace Coordinator.Testing.Checkers;

/// <summary>One attempt to do what an idempotency key stands for.</summary>
/// <param name="Key">The key.</param>
/// <param name="Transaction">The transaction that the answer speaks of: its own, or an earlier attempt's. Null if no answer named one.</param>
/// <param name="Outcome">What the attempt was told; Unknown if nothing.</param>
/// <param name="BeganAt">Before anything was sent, on the clock of the run.</param>
/// <param name="EndedAt">When the answer came, on that clock.</param>
public sealed record KeyedAttempt(string Key, string? Transaction, RecordedOutcome Outcome, TimeSpan BeganAt, TimeSpan EndedAt)
{
    /// <summary>What was answered besides the outcome; all commits of a key answer alike. Null if there is no such thing.</summary>
    public string? Answer { get; init; }
}

/// <summary>What the log holds of a key's work.</summary>
/// <param name="Key">The key.</param>
/// <param name="Transaction">Whose work it is.</param>
/// <param name="Stream">Where it is; done once, it is in each stream once.</param>
/// <param name="Version">Its place there.</param>
public sealed record KeyedEffect(string Key, string Transaction, string Stream, long Version);

/// <summary>What was asked by keys, and what came of it.</summary>
/// <param name="Attempts">All attempts.</param>
/// <param name="Effects">All effects, read after the last attempt had ended.</param>
public sealed record RetryEvidence(IReadOnlyCollection<KeyedAttempt> Attempts, IReadOnlyCollection<KeyedEffect> Effects);
