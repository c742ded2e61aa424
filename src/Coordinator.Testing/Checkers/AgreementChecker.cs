using System.Collections.Immutable;
using Coordinator.Testing.Histories;

namespace Coordinator.Testing.Checkers;

/// <summary>
/// Judges whether everybody agrees on what became of each transaction: those who told it, the log, and each participant in it (I1, I2, I4,
/// I6, I8).
/// </summary>
public static class AgreementChecker
{
    /// <summary>The name in its reports.</summary>
    public const string Name = "agreement";

    /// <summary>Judges a run, or what is in the log while it goes on.</summary>
    /// <param name="evidence">What is known.</param>
    public static CheckReport Check(AgreementEvidence evidence)
    {
        ArgumentNullException.ThrowIfNull(evidence);
        var findings = new CheckFindings(Name);
        var announced = IndexOf(evidence.Announced, findings);
        var committed = CommittedOf(evidence.Decisions, findings);
        JudgeTold(evidence, announced, committed, findings);
        JudgeRows(evidence, announced, committed, findings);
        if (evidence.IsOver)
        {
            foreach (var decision in evidence.Decisions.Where(decision => !announced.ContainsKey(decision.Transaction)))
            {
                findings.Found($"{decision.Transaction} is in the log, {At(decision)}, and was never announced");
            }
        }

        if (!evidence.Told.Any(told => told.Outcome is RecordedOutcome.Committed))
        {
            findings.Doubt("nobody was told that anything committed");
        }

        if (committed.Count == 0)
        {
            findings.Doubt("the log has no decision to commit");
        }

        return findings.Report();
    }

    private static Dictionary<string, AnnouncedTransaction> IndexOf(IReadOnlyCollection<AnnouncedTransaction> announced, CheckFindings findings)
    {
        var all = new Dictionary<string, AnnouncedTransaction>(announced.Count, StringComparer.Ordinal);
        foreach (var one in announced.Where(one => !all.TryAdd(one.Transaction, one)))
        {
            findings.Found($"two transactions were begun as {one.Transaction}");
        }

        return all;
    }

    private static Dictionary<string, LoggedDecision> CommittedOf(IReadOnlyCollection<LoggedDecision> decisions, CheckFindings findings)
    {
        var first = new Dictionary<string, LoggedDecision>(decisions.Count, StringComparer.Ordinal);
        foreach (var decision in decisions.Where(decision => !first.TryAdd(decision.Transaction, decision)))
        {
            var before = first[decision.Transaction];
            if (before.IsCommit != decision.IsCommit)
            {
                findings.Found($"{decision.Transaction} is decided both ways: {Word(before.IsCommit)}, {At(before)}, and {Word(decision.IsCommit)}, {At(decision)}");
            }
            else if (before.IsCommit)
            {
                findings.Found($"{decision.Transaction} is decided twice: {At(before)} and {At(decision)}");
            }
        }

        return decisions.Where(decision => decision.IsCommit).DistinctBy(decision => decision.Transaction).ToDictionary(decision => decision.Transaction, StringComparer.Ordinal);
    }

    private static void JudgeTold(
        AgreementEvidence evidence, Dictionary<string, AnnouncedTransaction> announced, Dictionary<string, LoggedDecision> committed, CheckFindings findings)
    {
        var first = new Dictionary<string, ToldOutcome>(announced.Count, StringComparer.Ordinal);
        foreach (var told in evidence.Told.Where(told => told.Outcome is not RecordedOutcome.Unknown))
        {
            if (!announced.TryGetValue(told.Transaction, out var transaction))
            {
                findings.Found($"{Text(told)}, and it was never announced");
                continue;
            }

            if (first.TryAdd(told.Transaction, told))
            {
                Compare(told, transaction.IsReadOnly, committed.GetValueOrDefault(told.Transaction), findings);
            }
            else if (first[told.Transaction].Outcome != told.Outcome && !transaction.IsReadOnly)
            {
                findings.Found($"{Text(first[told.Transaction])}, and {Text(told)}");
            }
        }
    }

    private static void Compare(ToldOutcome told, bool isReadOnly, LoggedDecision? decision, CheckFindings findings)
    {
        if (told.Outcome is RecordedOutcome.Committed && decision is null && !isReadOnly)
        {
            findings.Found($"{Text(told)}, and the log has no decision to commit it");
        }
        else if (told.Outcome is RecordedOutcome.Aborted && decision is not null)
        {
            findings.Found($"{Text(told)}, and it is committed in the log, {At(decision)}");
        }
    }

    private static void JudgeRows(
        AgreementEvidence evidence, Dictionary<string, AnnouncedTransaction> announced, Dictionary<string, LoggedDecision> committed, CheckFindings findings)
    {
        var all = new Dictionary<string, Written>(committed.Count, StringComparer.Ordinal);
        var places = new Dictionary<(string Stream, long Version), string>(evidence.Rows.Count);
        foreach (var row in evidence.Rows)
        {
            if (!committed.ContainsKey(row.Transaction))
            {
                findings.Found(HistoryText.Invariant($"{row.Stream} row {row.Version} is of {row.Transaction}, which the log has no decision to commit"));
            }

            if (!places.TryAdd((row.Stream, row.Version), row.Transaction))
            {
                findings.Found(HistoryText.Invariant($"{row.Stream} has two rows {row.Version}: of {places[(row.Stream, row.Version)]} and of {row.Transaction}"));
            }

            if (!all.TryGetValue(row.Transaction, out var written))
            {
                all[row.Transaction] = written = new Written();
            }

            written.Add(row);
        }

        foreach (var decision in committed.Values)
        {
            var written = all.GetValueOrDefault(decision.Transaction) ?? new Written();
            if (Tear(decision, "its decision names", decision.Writes, written.Streams, findings))
            {
                continue;
            }

            if (decision.RowCount is { } due && due != written.RowCount)
            {
                findings.Found(HistoryText.Invariant($"{decision.Transaction} is torn: committed, {At(decision)}; its decision has {due} rows, and {written.RowCount} are in the log"));
            }
            else if (announced.TryGetValue(decision.Transaction, out var transaction))
            {
                Tear(decision, "it was to write to", transaction.Writes, written.Streams, findings);
            }
        }
    }

    /// <summary>What a transaction has in the log.</summary>
    private sealed class Written
    {
        public SortedSet<string> Streams { get; } = new(StringComparer.Ordinal);

        public int RowCount { get; private set; }

        public void Add(LoggedRow row)
        {
            Streams.Add(row.Stream);
            RowCount++;
        }
    }

    /// <summary>True if what it wrote is not what it had to.</summary>
    private static bool Tear(LoggedDecision decision, string why, ImmutableArray<string> due, SortedSet<string> written, CheckFindings findings)
    {
        if (due.IsDefault || written.SetEquals(due))
        {
            return false;
        }

        findings.Found($"{decision.Transaction} is torn: committed, {At(decision)}; {why} {List(due.Order(StringComparer.Ordinal))}, and it is in {List(written)}");
        return true;
    }

    private static string List(IEnumerable<string> streams) => string.Join(", ", streams) is { Length: > 0 } text ? text : "no stream";

    private static string Word(bool isCommit) => isCommit ? "commit" : "abort";

    private static string At(LoggedDecision decision) => HistoryText.Invariant($"{decision.Stream} row {decision.Version}");

    private static string Text(ToldOutcome told) =>
        $"{told.By} told at {CheckFindings.Seconds(told.At)} that {told.Transaction} is {(told.Outcome is RecordedOutcome.Committed ? "committed" : "aborted")}";
}
