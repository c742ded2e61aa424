using Coordinator.Protocol;
using Orleans.Concurrency;

namespace Coordinator.Orleans.Tests;

[Alias("test.account")]
public interface IAccount : IGrainWithStringKey
{
    [Alias("Add")]
    Task Add(long amount);

    [Alias("Read")]
    Task<long> Read();

    /// <summary>Which silo it is on.</summary>
    [Alias("Place")]
    Task<string> Place();

    [Alias("AddOneWay")]
    [OneWay]
    Task AddOneWay(long amount, ICalls told);

    /// <summary>Calls others, and makes what it is told of how that goes.</summary>
    [Alias("AddThrough")]
    Task AddThrough(long amount, string other, Careless how);

    [Alias("Fail")]
    Task Fail();

    /// <summary>As if the grain had lost to an older transaction.</summary>
    [Alias("Lose")]
    Task Lose(TransactionId id);

    [Alias("Leave")]
    Task Leave();
}

/// <summary>How a grain treats the calls that it makes.</summary>
[GenerateSerializer]
public enum Careless
{
    /// <summary>Awaits them.</summary>
    Not,

    /// <summary>Returns before they have ended.</summary>
    Leaves,

    /// <summary>Catches what they throw.</summary>
    Swallows,

    /// <summary>Catches what they throw, and throws something of its own.</summary>
    Replaces,
}

/// <summary>Told by one-way calls how they went.</summary>
[Alias("test.calls")]
public interface ICalls : IGrainObserver
{
    [Alias("Failed")]
    Task Failed(string exception);
}

[Reentrant]
public sealed class Account([TransactionalState("balance")] ITransactionalState<Balance> balance, ILocalSiloDetails silo) : Grain, IAccount
{
    public Task Add(long amount) => balance.UpdateAsync(value => { value.Value += amount; });

    public Task<long> Read() => balance.ReadAsync(static value => value.Value);

    public Task<string> Place() => Task.FromResult(silo.SiloAddress.ToParsableString());

    public async Task AddOneWay(long amount, ICalls told)
    {
        try
        {
            await Add(amount);
        }
        catch (TransactionRequiredException error)
        {
            await told.Failed(error.GetType().Name);
        }
    }

    public async Task AddThrough(long amount, string other, Careless how)
    {
        await Add(amount);
        var call = GrainFactory.GetGrain<IAccount>(other).Fail();
        if (how is Careless.Leaves)
        {
            call.Ignore();
            return;
        }

        try
        {
            await call;
        }
        catch (InvalidOperationException error) when (how is Careless.Swallows or Careless.Replaces)
        {
            if (how is Careless.Replaces)
            {
                throw new TimeoutException("of its own", error);
            }
        }
    }

    public Task Fail() => throw new InvalidOperationException("as it was told");

    public Task Lose(TransactionId id) => throw new TransactionAbortedException(id, new AbortCause(AbortReason.Wounded));

    public Task Leave()
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }
}

[Alias("test.transfers")]
public interface ITransfers : IGrainWithIntegerKey
{
    /// <summary>Says whether it committed.</summary>
    [Alias("Transfer")]
    Task<bool> Transfer(string from, string to, long amount);

    /// <summary>Says how often the delegate ran, and whether always one turn at a time with the grain's other turns.</summary>
    [Alias("Busy")]
    Task<(int Runs, bool Alone)> Busy(string account, int losses);
}

[StatelessWorker]
[Reentrant]
public sealed class Transfers(ITransactions transactions) : Grain, ITransfers
{
    public async Task<bool> Transfer(string from, string to, long amount)
    {
        var outcome = await transactions.RunAsync(async _ =>
        {
            await GrainFactory.GetGrain<IAccount>(from).Add(-amount);
            await GrainFactory.GetGrain<IAccount>(to).Add(amount);
        });
        return outcome.IsCommitted;
    }

    public async Task<(int Runs, bool Alone)> Busy(string account, int losses)
    {
        var scheduler = TaskScheduler.Current;
        var (runs, alone) = (0, true);
        await transactions.RunAsync(async transaction =>
        {
            runs++;
            alone &= TaskScheduler.Current == scheduler;
            await GrainFactory.GetGrain<IAccount>(account).Add(1);
            alone &= TaskScheduler.Current == scheduler;
            if (runs <= losses)
            {
                await GrainFactory.GetGrain<IAccount>(account).Lose(transaction.Id);
            }
        });
        return (runs, alone && TaskScheduler.Current == scheduler);
    }
}

[Alias("test.counters")]
public interface ICounter : IGrainWithStringKey
{
    [Alias("Count")]
    Task Count(int by);

    [Alias("Sum")]
    Task<int> Sum();
}

[Reentrant]
public sealed class CounterGrain([AggregateState] IAggregateState<Counter> counter) : Grain, ICounter
{
    public async Task Count(int by) => (await counter.UpdateAsync()).Raise(new Counted(by));

    public async Task<int> Sum() => (await counter.ReadAsync()).State.Sum;
}
