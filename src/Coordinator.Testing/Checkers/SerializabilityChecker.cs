using Coordinator.Testing.Histories;

namespace Coordinator.Testing.Checkers;

/// <summary>Puts the judgement of <see cref="HistoryChecker"/> (I19) among those of the other checkers.</summary>
public static class SerializabilityChecker
{
    /// <summary>The name in its reports.</summary>
    public const string Name = "serializability";

    /// <summary>The report on a history, each anomaly a witness.</summary>
    /// <param name="report">What was found in the history.</param>
    public static CheckReport Check(HistoryReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var findings = new CheckFindings(Name);
        foreach (var anomaly in report.Anomalies)
        {
            findings.Found(anomaly.ToString());
        }

        foreach (var doubt in report.Doubts)
        {
            findings.Doubt(doubt);
        }

        if (report is { Verdict: HistoryVerdict.Unknown, Doubts.IsEmpty: true })
        {
            findings.Doubt("nothing is known of the history");
        }

        return findings.Report();
    }
}
