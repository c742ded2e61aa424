using System.Collections.Immutable;

namespace Coordinator.Testing.Histories;

/// <summary>What a client knows of its transaction when it has ended, or when the client has.</summary>
public enum RecordedOutcome
{
    /// <summary>The client was told that it committed.</summary>
    Committed,

    /// <summary>It is certain that it did nothing.</summary>
    Aborted,

    /// <summary>It may have committed, and may yet: no answer came, or the answer was "unknown".</summary>
    Unknown,
}

/// <summary>A transaction as its client saw it.</summary>
/// <param name="Process">The client: it does one thing at a time.</param>
/// <param name="Outcome">What the client knows of it.</param>
/// <param name="Operations">What it did, in order.</param>
public sealed record RecordedTransaction(string Process, RecordedOutcome Outcome, ImmutableArray<MicroOperation> Operations)
{
    /// <summary>What a report calls it; its number in the history if null.</summary>
    public string? Name { get; init; }

    /// <summary>
    /// When its client began it, on a clock that all clients share; taken before anything else. Null if that is not known: then it may
    /// have been at any time.
    /// </summary>
    public long? BeganAt { get; init; }

    /// <summary>
    /// When its client knew the outcome, on that clock; taken after everything else. Null if that is not known. Of an unknown outcome it
    /// says nothing: the transaction may commit later.
    /// </summary>
    public long? EndedAt { get; init; }
}
