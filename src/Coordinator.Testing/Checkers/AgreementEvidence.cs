using System.Collections.Immutable;
using Coordinator.Testing.Histories;

namespace Coordinator.Testing.Checkers;

/// <summary>A transaction that was begun.</summary>
/// <param name="Transaction">Its id; written alike in all evidence.</param>
/// <param name="Writes">The streams it was meant to write to if it commits; default if that is not known.</param>
public sealed record AnnouncedTransaction(string Transaction, ImmutableArray<string> Writes = default)
{
    /// <summary>
    /// It writes nothing, so its commit leaves no record: whoever never knew it, or has forgotten it, answers that it was aborted. Of nothing
    /// else may two answers differ.
    /// </summary>
    public bool IsReadOnly { get; init; }
}

/// <summary>An outcome as somebody told it, of his own accord or because he was asked.</summary>
/// <param name="Transaction">Of which.</param>
/// <param name="Outcome">What was told; <see cref="RecordedOutcome.Unknown"/> contradicts nothing.</param>
/// <param name="By">Who told it.</param>
/// <param name="At">When, on the clock of the run.</param>
public sealed record ToldOutcome(string Transaction, RecordedOutcome Outcome, string By, TimeSpan At);

/// <summary>A decision in the log.</summary>
/// <param name="Transaction">Of which.</param>
/// <param name="IsCommit">False of an abort that was recorded.</param>
/// <param name="Stream">The shard that has the row.</param>
/// <param name="Version">Its place there.</param>
/// <param name="Writes">The streams which the decision says it writes to; default if that is not known.</param>
public sealed record LoggedDecision(string Transaction, bool IsCommit, string Stream, long Version, ImmutableArray<string> Writes = default)
{
    /// <summary>How many rows the decision says it writes to all these streams together; null if that is not known.</summary>
    public int? RowCount { get; init; }
}

/// <summary>A row that carries a transaction's work.</summary>
/// <param name="Transaction">Whose.</param>
/// <param name="Stream">Where.</param>
/// <param name="Version">Its place there.</param>
public sealed record LoggedRow(string Transaction, string Stream, long Version);

/// <summary>What was begun, what was told, and what a log holds of it.</summary>
/// <param name="Announced">What was begun.</param>
/// <param name="Told">What was told before the log was read: it must be in it.</param>
/// <param name="Decisions">All decisions in the log.</param>
/// <param name="Rows">All work in the log, of the same snapshot.</param>
public sealed record AgreementEvidence(
    IReadOnlyCollection<AnnouncedTransaction> Announced,
    IReadOnlyCollection<ToldOutcome> Told,
    IReadOnlyCollection<LoggedDecision> Decisions,
    IReadOnlyCollection<LoggedRow> Rows)
{
    /// <summary>
    /// True if everything that was ever begun is announced and nobody writes any more: then the log may hold nothing else. True unless said
    /// otherwise.
    /// </summary>
    public bool IsOver { get; init; } = true;
}
