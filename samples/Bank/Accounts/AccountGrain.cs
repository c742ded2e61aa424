using Coordinator;
using Orleans.Concurrency;

namespace Bank.Accounts;

/// <summary>An account. All calls are part of the caller's transaction.</summary>
[Alias("bank.account")]
public interface IAccountGrain : IGrainWithStringKey
{
    [Alias("Deposit")]
    Task Deposit(long amount);

    /// <exception cref="OverdrawnException">There is not enough on it.</exception>
    [Alias("Withdraw")]
    Task Withdraw(long amount);

    [Alias("Balance")]
    Task<long> Balance();
}

/// <summary>The grain: its state is an aggregate, whose events are the account's statement.</summary>
[Reentrant]
public sealed class AccountGrain([AggregateState] IAggregateState<Account> state) : Grain, IAccountGrain
{
    public async Task Deposit(long amount)
    {
        var account = await state.UpdateAsync();
        account.Raise(new Deposited(amount));
    }

    public async Task Withdraw(long amount)
    {
        var account = await state.UpdateAsync();
        if (account.State.Balance < amount)
        {
            throw new OverdrawnException(this.GetPrimaryKeyString());
        }

        account.Raise(new Withdrawn(amount));
    }

    public async Task<long> Balance() => (await state.ReadAsync()).State.Balance;
}

/// <summary>An account has too little on it. The transaction that wanted more is aborted.</summary>
[GenerateSerializer]
[Alias("bank.overdrawn")]
public sealed class OverdrawnException(string account) : Exception($"There is too little on account {account}.");
