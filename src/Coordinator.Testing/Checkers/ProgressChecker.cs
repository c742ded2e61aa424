using Coordinator.Testing.Histories;

namespace Coordinator.Testing.Checkers;

/// <summary>
/// Judges whether a run shows anything: enough must have happened, and most of it come to a known end. It is Invalid if recovery was too
/// slow (V5).
/// </summary>
public static class ProgressChecker
{
    /// <summary>The name in its reports.</summary>
    public const string Name = "progress";

    /// <summary>Judges a run.</summary>
    /// <param name="evidence">What is known.</param>
    public static CheckReport Check(ProgressEvidence evidence)
    {
        ArgumentNullException.ThrowIfNull(evidence);
        var findings = new CheckFindings(Name);
        var p99 = Percentile(evidence.Recoveries.Select(recovery => recovery.Took), 0.99);
        if (p99 > evidence.RecoveryP99Max)
        {
            var slowest = evidence.Recoveries.MaxBy(recovery => recovery.Took)!;
            findings.Found($"recovery took {CheckFindings.Seconds(p99)} at the 99th percentile instead of {CheckFindings.Seconds(evidence.RecoveryP99Max)}; the slowest, {CheckFindings.Seconds(slowest.Took)}, from {slowest.Fault}");
        }

        foreach (var doubt in Doubts(evidence))
        {
            findings.Doubt(doubt);
        }

        return findings.Report();
    }

    /// <summary>The value at or below which the given share of all is; zero of none.</summary>
    /// <param name="times">All values, in any order.</param>
    /// <param name="share">More than 0 and at most 1: 0.99 for the 99th percentile.</param>
    public static TimeSpan Percentile(IEnumerable<TimeSpan> times, double share)
    {
        ArgumentNullException.ThrowIfNull(times);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(share);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(share, 1);
        TimeSpan[] ordered = [.. times.Order()];
        return ordered.Length == 0 ? TimeSpan.Zero : ordered[(int)Math.Ceiling(ordered.Length * share) - 1];
    }

    private static IEnumerable<string> Doubts(ProgressEvidence evidence)
    {
        var all = evidence.TransactionCount;
        if (all < evidence.TransactionsMin || all == 0)
        {
            yield return HistoryText.Invariant($"{all} transactions instead of {Math.Max(evidence.TransactionsMin, 1)}");
        }

        if (evidence.UnknownCount > all * evidence.UnknownShareMax)
        {
            yield return HistoryText.Invariant($"of {all} transactions {evidence.UnknownCount} had an unknown outcome");
        }

        if (evidence.CommittedCount < all * evidence.CommittedShareMin)
        {
            yield return HistoryText.Invariant($"of {all} transactions only {evidence.CommittedCount} committed");
        }

        if (evidence.KillCount < evidence.KillsMin)
        {
            yield return HistoryText.Invariant($"{evidence.KillCount} kills instead of {evidence.KillsMin}");
        }

        if (evidence.Recoveries.Count == 0 && evidence.KillCount > 0)
        {
            yield return "no recovery was measured";
        }

        foreach (var fault in evidence.MissingFaults)
        {
            yield return $"there was no fault of the kind '{fault}'";
        }
    }
}
