using System.Globalization;
using Coordinator.Chaos.Victims.Work;
using Orleans.Concurrency;

namespace Coordinator.Chaos.Silo.Grains;

/// <summary>An account. All calls are part of the caller's transaction.</summary>
[Alias("chaos.account")]
internal interface IAccountGrain : IGrainWithStringKey
{
    /// <summary>Opens it, if it is not open.</summary>
    [Alias("Open")]
    Task Open(long amount);

    /// <summary>False if there is too little on it, and nothing was done.</summary>
    [Alias("Move")]
    Task<bool> Move(long amount, string? key);

    [Alias("Balance")]
    Task<Balance> Balance();
}

/// <summary>What is on an account, and what its purse says is on it, if it has one.</summary>
[GenerateSerializer]
[Immutable]
internal sealed record Balance([property: Id(0)] long Amount, [property: Id(1)] long? InPurse);

/// <summary>An account whose events are its state. Every fourth one keeps a purse as well, a grain that it calls: what both hold is the same at any moment.</summary>
[Reentrant]
internal sealed class AccountGrain([AggregateState] IAggregateState<Account> state) : Grain, IAccountGrain
{
    private const int PurseEvery = 4;

    public async Task Open(long amount)
    {
        var account = await state.UpdateAsync();
        if (!account.State.IsOpen)
        {
            account.Raise(new AccountOpened(amount));
            await (Purse?.Add(amount) ?? Task.CompletedTask);
        }
    }

    public async Task<bool> Move(long amount, string? key)
    {
        var account = await state.UpdateAsync();
        if (account.State.Balance + amount < 0)
        {
            return false;
        }

        account.Raise(new MoneyMoved(amount, key));
        await (Purse?.Add(amount) ?? Task.CompletedTask);
        return true;
    }

    public async Task<Balance> Balance()
    {
        var account = await state.ReadAsync();
        return new Balance(account.State.Balance, Purse is { } purse ? await purse.Amount() : null);
    }

    private IPurseGrain? Purse
    {
        get
        {
            var key = this.GetPrimaryKeyString();
            return int.Parse(key.AsSpan(key.LastIndexOf('.') + 1), CultureInfo.InvariantCulture) % PurseEvery == 0 ? GrainFactory.GetGrain<IPurseGrain>(key) : null;
        }
    }
}
