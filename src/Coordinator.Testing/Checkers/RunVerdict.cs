using System.Collections.Immutable;
using Coordinator.Testing.Histories;

namespace Coordinator.Testing.Checkers;

/// <summary>What all checkers together say of a run.</summary>
/// <param name="Verdict">Invalid if one says so; else Unknown, which never passes, if one says so or has not spoken; else Valid.</param>
/// <param name="Reports">What each said; one that judges window by window may have spoken often.</param>
/// <param name="Missing">Checkers that were to speak and did not.</param>
public sealed record RunVerdict(HistoryVerdict Verdict, ImmutableArray<CheckReport> Reports, ImmutableArray<string> Missing)
{
    /// <summary>How many faults were found by all together.</summary>
    public int ViolationCount => Reports.Sum(report => report.WitnessCount);

    /// <summary>Combines reports.</summary>
    /// <param name="reports">All reports of the run. Without any nothing is known.</param>
    /// <param name="expected">Names of the checkers without which the run shows nothing.</param>
    public static RunVerdict Of(IEnumerable<CheckReport> reports, params IEnumerable<string> expected)
    {
        ArgumentNullException.ThrowIfNull(reports);
        ArgumentNullException.ThrowIfNull(expected);
        ImmutableArray<CheckReport> all = [.. reports];
        ImmutableArray<string> missing = [.. expected.Except(all.Select(report => report.Checker), StringComparer.Ordinal)];
        var verdict = all.Any(report => report.Verdict is HistoryVerdict.Invalid) ? HistoryVerdict.Invalid
            : all.IsEmpty || !missing.IsEmpty || all.Any(report => report.Verdict is not HistoryVerdict.Valid) ? HistoryVerdict.Unknown
            : HistoryVerdict.Valid;
        return new RunVerdict(verdict, all, missing);
    }

    /// <summary>The verdict of the run, and each report that is not valid.</summary>
    public override string ToString() => string.Join('\n', [
        Verdict.ToString(),
        .. Missing.Select(checker => checker + ": did not speak"),
        .. Reports.Where(report => report.Verdict is not HistoryVerdict.Valid).Select(report => report.ToString())]);
}
