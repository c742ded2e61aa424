using Coordinator.Testing.Histories;

namespace Coordinator.Testing.Checkers;

/// <summary>
/// Judges whether money was made or lost (I18): every committed read of all accounts, and the balances at the end, must have the same
/// sum, and no balance may be below its floor.
/// </summary>
public static class BankSumChecker
{
    /// <summary>The name in its reports.</summary>
    public const string Name = "bank sum";

    /// <summary>Judges the reads of a run. A committed read of some of the accounts is judged by their floor alone.</summary>
    /// <param name="evidence">What is known.</param>
    public static CheckReport Check(BankEvidence evidence)
    {
        ArgumentNullException.ThrowIfNull(evidence);
        var findings = new CheckFindings(Name);
        var accounts = evidence.Accounts.ToHashSet(StringComparer.Ordinal);
        var whole = 0;
        foreach (var read in evidence.Reads.Where(read => read.Outcome is RecordedOutcome.Committed))
        {
            whole += Judge(read.Transaction, read.Balances, accounts, evidence, findings) ? 1 : 0;
        }

        if (evidence.Final is { } final && !Judge("the end", final, accounts, evidence, findings))
        {
            findings.Found($"the end does not show {string.Join(", ", accounts.Except(final.Select(one => one.Account)).Order(StringComparer.Ordinal))}");
        }

        Doubt(evidence, whole, findings);
        return findings.Report();
    }

    /// <summary>True if it shows all accounts.</summary>
    private static bool Judge(string who, IReadOnlyCollection<AccountBalance> balances, HashSet<string> accounts, BankEvidence evidence, CheckFindings findings)
    {
        var seen = new Dictionary<string, long>(balances.Count, StringComparer.Ordinal);
        foreach (var (account, balance) in balances)
        {
            if (!accounts.Contains(account))
            {
                findings.Found($"{who} saw account {account}, which there is not");
            }
            else if (!seen.TryAdd(account, balance) && seen[account] != balance)
            {
                findings.Found(HistoryText.Invariant($"{who} saw {seen[account]} in {account}, and then {balance}"));
            }

            if (balance < evidence.Floor)
            {
                findings.Found(HistoryText.Invariant($"{who} saw {balance} in {account}, which is below {evidence.Floor}"));
            }
        }

        var sum = seen.Values.Sum();
        if (seen.Count == accounts.Count && sum != evidence.Total)
        {
            var all = string.Join(", ", seen.OrderBy(one => one.Key, StringComparer.Ordinal).Select(one => HistoryText.Invariant($"{one.Key} {one.Value}")));
            findings.Found(HistoryText.Invariant($"{who} saw {sum} in all accounts instead of {evidence.Total}: {all}"));
        }

        return seen.Count == accounts.Count;
    }

    private static void Doubt(BankEvidence evidence, int whole, CheckFindings findings)
    {
        if (evidence.Accounts.Count == 0)
        {
            findings.Doubt("there are no accounts");
        }

        if (whole == 0)
        {
            findings.Doubt("no committed transaction read all accounts");
        }

        var unknown = evidence.Reads.Count(read => read.Outcome is RecordedOutcome.Unknown);
        if (unknown > evidence.Reads.Count * evidence.UnknownShareMax)
        {
            findings.Doubt(HistoryText.Invariant($"of {evidence.Reads.Count} reads {unknown} have an unknown outcome"));
        }

        if (evidence.IsOver && evidence.Final is null)
        {
            findings.Doubt("the balances at the end are not known");
        }
    }
}
