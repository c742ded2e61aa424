namespace Coordinator.Tests;

/// <summary>A bank account: the sample aggregate of the tests.</summary>
internal sealed record Account(long Balance, int Count) : IAggregate<Account>
{
    public static string Category => "account";

    public static Account Initial { get; } = new(0, 0);

    public Account Apply(object @event) => @event switch
    {
        Deposited deposited => new Account(Balance + deposited.Amount, Count + 1),
        Withdrawn withdrawn => new Account(Balance - withdrawn.Amount, Count + 1),
        _ => throw new ArgumentException($"{@event} is no event of an account", nameof(@event)),
    };
}

[EventType("account.deposited")]
internal sealed record Deposited(long Amount);

[EventType("account.withdrawn")]
internal sealed record Withdrawn(long Amount);

/// <summary>A plain value.</summary>
[EventType("settings")]
internal sealed record Settings(string Text);

/// <summary>A published event.</summary>
[EventType("noted")]
internal sealed record Noted(string Text);

/// <summary>The few things that tests do in transactions.</summary>
internal static class BankWork
{
    public static async Task DepositAsync(this ITransaction transaction, string account, long amount) =>
        (await transaction.UpdateAsync<Account>(account)).Raise(new Deposited(amount));

    public static async Task<long> BalanceAsync(this ITransaction transaction, string account) =>
        (await transaction.ReadAsync<Account>(account)).State.Balance;

    public static Task<TransactionOutcome> DepositAsync(this ITransactions transactions, string account, long amount) =>
        transactions.RunAsync(transaction => transaction.DepositAsync(account, amount));

    public static async Task<long> BalanceAsync(this ITransactions transactions, string account)
    {
        var balance = 0L;
        (await transactions.RunAsync(async transaction => balance = await transaction.BalanceAsync(account))).EnsureCommitted();
        return balance;
    }
}
