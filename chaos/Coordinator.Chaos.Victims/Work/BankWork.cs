using System.Globalization;
using System.Text;

namespace Coordinator.Chaos.Victims.Work;

/// <summary>Transfers between accounts, and reads of all of them: the sum never changes.</summary>
internal static class BankWork
{
    private const int OpenedAtOnce = 30;

    public static async Task<string> OpenAsync(ITransactions transactions, string set, int count, int amount)
    {
        foreach (var some in Accounts(set, count).Chunk(OpenedAtOnce))
        {
            var outcome = await transactions.RunAsync(async transaction =>
            {
                foreach (var id in some)
                {
                    var account = await transaction.UpdateAsync<Account>(id);
                    if (!account.State.IsOpen)
                    {
                        account.Raise(new AccountOpened(amount));
                    }
                }
            });
            outcome.EnsureCommitted();
        }

        return "opened";
    }

    public static async Task<string> TransferAsync(ITransactions transactions, string from, string to, int amount, string? key)
    {
        var outcome = await transactions.RunAsync(
            async transaction =>
            {
                var payer = await transaction.UpdateAsync<Account>(from);
                var payee = await transaction.UpdateAsync<Account>(to);
                if (payer.State.Balance < amount)
                {
                    await transaction.AbortAsync("short of money");
                    return;
                }

                payer.Raise(new MoneyMoved(-amount, key));
                payee.Raise(new MoneyMoved(amount, key));
            },
            TransferOptions(from, to, amount, key));
        return TransferAnswer(outcome, key);
    }

    /// <summary>Of a transfer, whoever carries it out; keyed if there is a key.</summary>
    public static TransactionOptions TransferOptions(string from, string to, int amount, string? key) => new()
    {
        Key = key is null ? null : new IdempotencyKey(key) { Request = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{from} {to} {amount}")) },
    };

    /// <summary>What the client of a transfer is told.</summary>
    public static string TransferAnswer(TransactionOutcome outcome, string? key) => outcome is not TransactionOutcome.Committed committed ? "not done"
        : key is null ? "done"
        : $"done {committed.Id}{(committed.IsEarlierAttempt ? " earlier" : string.Empty)}";

    public static async Task<string> BalancesAsync(ITransactions transactions, string set, int count)
    {
        var balances = new List<long>();
        var outcome = await transactions.RunAsync(async transaction =>
        {
            balances.Clear();
            foreach (var id in Accounts(set, count))
            {
                balances.Add((await transaction.ReadAsync<Account>(id)).State.Balance);
            }
        });
        return outcome.IsCommitted ? "done " + string.Join(',', balances) : "not done";
    }

    /// <summary>All accounts of a set.</summary>
    public static IEnumerable<string> Accounts(string set, int count) => Enumerable.Range(1, count).Select(number => $"{set}.{number}");
}
