using System.Collections.Immutable;
using Coordinator.Testing.Histories;

namespace Coordinator.Testing.Checkers;

/// <summary>What one checker says of a run, or of one window of it.</summary>
/// <param name="Checker">Its name, for instance <c>agreement</c>.</param>
/// <param name="Verdict">Invalid if there is a witness; else Unknown, which never passes, if there is a doubt; else Valid.</param>
/// <param name="Witnesses">The first ten proofs that were found, each as small as can be.</param>
/// <param name="Doubts">Why nothing may be concluded from nothing having been found.</param>
public sealed record CheckReport(string Checker, HistoryVerdict Verdict, ImmutableArray<string> Witnesses, ImmutableArray<string> Doubts)
{
    /// <summary>How many faults were found, also where fewer are shown.</summary>
    public int WitnessCount { get; init; }

    /// <summary>The verdict, and all that led to it.</summary>
    public override string ToString()
    {
        var more = WitnessCount > Witnesses.Length ? [HistoryText.Invariant($"and {WitnessCount - Witnesses.Length} more")] : Array.Empty<string>();
        return string.Join('\n', [$"{Checker}: {Verdict}", .. Doubts.Select(doubt => "  doubt: " + doubt), .. Witnesses.Concat(more).Select(Indent)]);
    }

    private static string Indent(string witness) => "  " + witness.Replace("\n", "\n  ", StringComparison.Ordinal);
}
