using Coordinator;
using Orleans.Concurrency;

namespace Bank.Accounts;

/// <summary>A branch of the bank: begins transactions, wherever Orleans has placed it.</summary>
[Alias("bank.branch")]
public interface IBranchGrain : IGrainWithIntegerKey
{
    /// <summary>Moves money, once for each order, however often it is asked.</summary>
    [Alias("Transfer")]
    Task<TransferResult> Transfer(string order, string from, string to, long amount);

    /// <summary>Opens accounts with an opening balance.</summary>
    [Alias("Open")]
    Task Open(string[] accounts, long balance);

    /// <summary>What some accounts hold together, at one moment.</summary>
    [Alias("Sum")]
    Task<long> Sum(string[] accounts);

    /// <summary>How many transfers it has made.</summary>
    [Alias("Transfers")]
    Task<int> Transfers();
}

/// <summary>What became of a transfer.</summary>
[GenerateSerializer]
public enum TransferResult
{
    /// <summary>It is done, and can't be undone by any failure.</summary>
    Done,

    /// <summary>There is too little on the account, and nothing has happened.</summary>
    Overdrawn,

    /// <summary>Nothing has happened: it may be asked for again.</summary>
    Failed,

    /// <summary>It may be done or not; asked again with the same order, it is done once.</summary>
    Unknown,
}

/// <summary>The grain. It counts its transfers in a plain state, in the same transaction.</summary>
[Reentrant]
public sealed class BranchGrain([TransactionalState("turnover")] ITransactionalState<Turnover> turnover, ITransactions transactions) : Grain, IBranchGrain
{
    public async Task<TransferResult> Transfer(string order, string from, string to, long amount)
    {
        try
        {
            var outcome = await transactions.RunAsync(
                async transaction =>
                {
                    // Both at once: whichever waits for a lock, the older transaction gets it, so nobody waits in a circle.
                    await Task.WhenAll(
                        GrainFactory.GetGrain<IAccountGrain>(from).Withdraw(amount),
                        GrainFactory.GetGrain<IAccountGrain>(to).Deposit(amount));
                    await turnover.UpdateAsync(total =>
                    {
                        total.Transfers++;
                        total.Amount += amount;
                    });
                    await transaction.PublishAsync($"transfers/{this.GetPrimaryKeyLong()}", new Transferred(from, to, amount));
                },
                new TransactionOptions { Key = new IdempotencyKey(order) });
            return outcome switch
            {
                TransactionOutcome.Committed => TransferResult.Done,
                TransactionOutcome.Aborted => TransferResult.Failed,
                _ => TransferResult.Unknown,
            };
        }
        catch (OverdrawnException)
        {
            return TransferResult.Overdrawn;
        }
    }

    public async Task Open(string[] accounts, long balance) => (await transactions.RunAsync(_ => Task.WhenAll(
        accounts.Select(account => GrainFactory.GetGrain<IAccountGrain>(account).Deposit(balance))))).EnsureCommitted();

    public async Task<long> Sum(string[] accounts)
    {
        long sum = 0;
        var outcome = await transactions.RunAsync(async _ => sum = (await Task.WhenAll(
            accounts.Select(account => GrainFactory.GetGrain<IAccountGrain>(account).Balance()))).Sum());
        outcome.EnsureCommitted();
        return sum;
    }

    public async Task<int> Transfers()
    {
        var transfers = 0;
        var outcome = await transactions.RunAsync(async _ => transfers = await turnover.ReadAsync(static total => total.Transfers));
        outcome.EnsureCommitted();
        return transfers;
    }
}
