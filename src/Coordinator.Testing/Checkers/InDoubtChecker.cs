namespace Coordinator.Testing.Checkers;

/// <summary>Judges whether everything came to its end: no transaction may be undecided or undelivered for good (V2, V3).</summary>
public static class InDoubtChecker
{
    /// <summary>The name in its reports.</summary>
    public const string Name = "in doubt";

    /// <summary>Judges what is left.</summary>
    /// <param name="evidence">What is known.</param>
    public static CheckReport Check(InDoubtEvidence evidence)
    {
        ArgumentNullException.ThrowIfNull(evidence);
        var findings = new CheckFindings(Name);
        foreach (var holder in evidence.Holders)
        {
            if (holder.Unfinished.IsDefault)
            {
                findings.Doubt($"{holder.Holder} did not say what it holds");
                continue;
            }

            foreach (var one in holder.Unfinished)
            {
                findings.Found($"{holder.Holder} holds {one.Transaction} in the end: {one.State}");
            }
        }

        if (evidence.Holders.Count == 0)
        {
            findings.Doubt("nobody was asked");
        }

        return findings.Report();
    }
}
