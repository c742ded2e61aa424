using System.Collections.Immutable;
using Coordinator.Testing.Histories;

namespace Coordinator.Testing.Checkers;

/// <summary>What one account held.</summary>
/// <param name="Account">Names the account.</param>
/// <param name="Balance">What was in it, in the smallest unit of money.</param>
public readonly record struct AccountBalance(string Account, long Balance);

/// <summary>What one transaction saw in the accounts.</summary>
/// <param name="Transaction">Its id.</param>
/// <param name="Outcome">Only what a committed transaction read must be right.</param>
/// <param name="Balances">What it read, in its order; of all accounts or of some.</param>
public sealed record BalanceRead(string Transaction, RecordedOutcome Outcome, ImmutableArray<AccountBalance> Balances);

/// <summary>What is known of a set of accounts between which money is moved and into or out of which none goes.</summary>
/// <param name="Accounts">All of the set.</param>
/// <param name="Total">What is in them together, always.</param>
/// <param name="Reads">What transactions saw.</param>
/// <param name="Final">What was in the accounts when all was over; null if that is not known.</param>
public sealed record BankEvidence(IReadOnlyCollection<string> Accounts, long Total, IReadOnlyCollection<BalanceRead> Reads, IReadOnlyCollection<AccountBalance>? Final)
{
    /// <summary>No balance is ever below it. 0 unless said otherwise.</summary>
    public long Floor { get; init; }

    /// <summary>False of a window in the middle of a run: then the end need not be known. True unless said otherwise.</summary>
    public bool IsOver { get; init; } = true;

    /// <summary>With a greater share of reads of unknown outcome they show nothing. 0.2 unless said otherwise.</summary>
    public double UnknownShareMax { get; init; } = 0.2;
}
