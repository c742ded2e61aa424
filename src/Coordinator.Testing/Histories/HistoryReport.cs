using System.Collections.Immutable;

namespace Coordinator.Testing.Histories;

/// <summary>What a history shows of the store that it is of.</summary>
public enum HistoryVerdict
{
    /// <summary>One serial order explains everything that was seen.</summary>
    Valid,

    /// <summary>None does.</summary>
    Invalid,

    /// <summary>Nothing contradicts it, but too little is known for that to mean anything. Never a pass.</summary>
    Unknown,
}

/// <summary>What became of a check.</summary>
/// <param name="Verdict">What may be concluded.</param>
/// <param name="Anomalies">What was found; few of each kind, however many there are.</param>
/// <param name="Doubts">Why nothing may be concluded from nothing having been found.</param>
public sealed record HistoryReport(HistoryVerdict Verdict, ImmutableArray<Anomaly> Anomalies, ImmutableArray<string> Doubts)
{
    /// <summary>How many transactions the history has.</summary>
    public int TransactionCount { get; init; }

    /// <summary>How many of them count as committed; one whose outcome is unknown does if somebody saw what it wrote.</summary>
    public int CommittedCount { get; init; }

    /// <summary>True if there is an anomaly of this kind.</summary>
    public bool Has(AnomalyKind kind) => Anomalies.Any(anomaly => anomaly.Kind == kind);

    /// <summary>The verdict, and all that led to it.</summary>
    public override string ToString() => string.Join('\n', [Verdict.ToString(), .. Doubts.Select(doubt => "doubt: " + doubt), .. Anomalies.Select(anomaly => anomaly.ToString())]);
}

/// <summary>What is asked of a history beyond being serializable, and how much of it must be known.</summary>
public sealed record HistoryCheckOptions
{
    /// <summary>What one client did after something else must come after it. On unless said otherwise.</summary>
    public bool ProcessOrder { get; init; } = true;

    /// <summary>What began after something else had ended must come after it. On unless said otherwise.</summary>
    public bool RealTime { get; init; } = true;

    /// <summary>With a greater share of unknown outcomes the history shows nothing. 0.2 unless said otherwise.</summary>
    public double UnknownShareMax { get; init; } = 0.2;

    /// <summary>With a smaller share of commits the history shows nothing. 0.5 unless said otherwise.</summary>
    public double CommittedShareMin { get; init; } = 0.5;
}
