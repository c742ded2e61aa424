using Coordinator.Testing.Histories;

namespace Coordinator.Testing.Checkers;

/// <summary>
/// Judges whether anything stays locked (I14, V3): no host may keep a lock in the end, and on each key a new transaction must commit.
/// The probes find what a host does not know that it keeps.
/// </summary>
public static class LockChecker
{
    /// <summary>The name in its reports.</summary>
    public const string Name = "locks";

    /// <summary>Judges what is left.</summary>
    /// <param name="evidence">What is known.</param>
    public static CheckReport Check(LockEvidence evidence)
    {
        ArgumentNullException.ThrowIfNull(evidence);
        var findings = new CheckFindings(Name);
        foreach (var host in evidence.Hosts)
        {
            if (host.Locks.IsDefault)
            {
                findings.Doubt($"{host.Host} did not say what it keeps");
                continue;
            }

            foreach (var one in host.Locks)
            {
                findings.Found($"{host.Host} keeps {one.Key} in the end for {NameOf(one.Transaction)}");
            }
        }

        foreach (var probe in evidence.Probes)
        {
            Judge(probe, evidence.ProbeMax, findings);
        }

        Doubt(evidence, findings);
        return findings.Report();
    }

    private static void Judge(LockProbe probe, TimeSpan max, CheckFindings findings)
    {
        if (probe.Outcome is not RecordedOutcome.Committed)
        {
            findings.Found($"{probe.Key} is not free: {NameOf(probe.Transaction)}, sent there in the end, was {probe.Outcome} after {CheckFindings.Seconds(probe.Took)}");
        }
        else if (probe.Took > max)
        {
            findings.Found($"{probe.Key} was not free: {NameOf(probe.Transaction)}, sent there in the end, took {CheckFindings.Seconds(probe.Took)} instead of {CheckFindings.Seconds(max)}");
        }
    }

    private static void Doubt(LockEvidence evidence, CheckFindings findings)
    {
        var probed = evidence.Probes.Select(probe => probe.Key).ToHashSet(StringComparer.Ordinal);
        foreach (var key in evidence.Keys.Where(key => !probed.Contains(key)))
        {
            findings.Doubt($"{key} was not probed");
        }

        if (evidence.Hosts.Count == 0)
        {
            findings.Doubt("no host was asked what it keeps");
        }

        if (evidence.Keys.Count == 0)
        {
            findings.Doubt("there are no keys");
        }
    }

    private static string NameOf(string transaction) => transaction.Length > 0 ? transaction : "an unnamed transaction";
}
