using System.Collections.Immutable;

namespace Coordinator.Testing.Histories;

/// <summary>
/// Judges histories of clients, without knowing the store: is there an order of the committed transactions, each at one moment between
/// its beginning and its end, that explains all they read? After Kingsbury and Alvaro, "Elle" (2020): what was written tells, by being
/// read, the order of the versions, these tell which transaction comes before which, and a cycle of that is an anomaly.
/// </summary>
/// <remarks>
/// What is found is there: there are no false alarms if the history is true. What is not found may be there all the same, where too
/// little was read.
/// </remarks>
public static class HistoryChecker
{
    /// <summary>Judges a history.</summary>
    /// <param name="history">All transactions of all clients; in any order if they have times, else each client's in its order.</param>
    /// <param name="options">What is asked of it; the strictest unless given.</param>
    public static HistoryReport Check(IReadOnlyList<RecordedTransaction> history, HistoryCheckOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(history);
        options ??= new HistoryCheckOptions();
        var index = new HistoryIndex(history);
        var findings = new Findings(index);
        if (index.Doubts.Count == 0)
        {
            Check(index, options, findings);
        }

        ImmutableArray<string> doubts = [.. index.Doubts, .. Vacuity(history, options)];
        var verdict = !findings.All.IsEmpty ? HistoryVerdict.Invalid : doubts.IsEmpty ? HistoryVerdict.Valid : HistoryVerdict.Unknown;
        return new HistoryReport(verdict, findings.All, doubts) { TransactionCount = history.Count, CommittedCount = index.CommittedCount };
    }

    private static void Check(HistoryIndex index, HistoryCheckOptions options, Findings findings)
    {
        new InternalCheck(index, findings).Run();
        var lostUpdates = new LostUpdates();
        var graph = new DependencyGraphBuilder(index);
        var checks = new ReadChecks(index, findings);
        var (lists, registers) = (new ListVersions(index, findings, checks), new RegisterVersions(index, findings, checks));
        for (var number = 0; number < index.Keys.Count; number++)
        {
            var key = index.Keys[number];
            checks.CheckUpdates(key, lostUpdates);
            graph.AddKey(number, key.IsList ? lists.Order(key) : registers.Order(key));
        }

        if (options.ProcessOrder)
        {
            graph.AddProcessOrder();
        }

        if (options.RealTime)
        {
            graph.AddRealTime();
        }

        new CycleChecks(index, graph.Build(), lostUpdates, findings).Run();
    }

    /// <summary>Why nothing having been found would mean nothing.</summary>
    private static IEnumerable<string> Vacuity(IReadOnlyList<RecordedTransaction> history, HistoryCheckOptions options)
    {
        if (history.Count == 0)
        {
            yield return "the history is empty";
            yield break;
        }

        var unknown = history.Count(transaction => transaction.Outcome is RecordedOutcome.Unknown);
        if (unknown > history.Count * options.UnknownShareMax)
        {
            yield return HistoryText.Invariant($"of {history.Count} transactions {unknown} have an unknown outcome");
        }

        var committed = history.Count(transaction => transaction.Outcome is RecordedOutcome.Committed);
        if (committed < history.Count * options.CommittedShareMin)
        {
            yield return HistoryText.Invariant($"of {history.Count} transactions only {committed} committed");
        }
    }
}
