using Orleans.Concurrency;

namespace Coordinator.Benchmarks.Orleans;

/// <summary>What an account grain keeps.</summary>
[GenerateSerializer]
[EventType("benchmark.balance")]
internal sealed class Balance
{
    public const long Initial = 1_000_000;

    [Id(0)]
    public long Value { get; set; } = Initial;
}

internal interface IAccountGrain : IGrainWithIntegerKey
{
    Task Add(long amount);

    Task<long> Read();
}

internal interface ITransferGrain : IGrainWithIntegerKey
{
    /// <summary>True if it has committed.</summary>
    Task<bool> Transfer(long from, long to, long amount, bool inOrder);

    /// <summary>What some accounts hold together.</summary>
    Task<long> Sum(long first, int count);
}

[Reentrant]
internal sealed class AccountGrain([TransactionalState("balance")] ITransactionalState<Balance> balance) : Grain, IAccountGrain
{
    public Task Add(long amount) => balance.UpdateAsync(state => { state.Value += amount; });

    public Task<long> Read() => balance.ReadAsync(static state => state.Value);
}

[StatelessWorker]
[Reentrant]
internal sealed class TransferGrain(ITransactions transactions) : Grain, ITransferGrain
{
    public async Task<bool> Transfer(long from, long to, long amount, bool inOrder)
    {
        var outcome = await transactions.RunAsync(async _ =>
        {
            var source = GrainFactory.GetGrain<IAccountGrain>(from);
            var target = GrainFactory.GetGrain<IAccountGrain>(to);
            if (!inOrder)
            {
                await Task.WhenAll(source.Add(-amount), target.Add(amount));
            }
            else if (from < to)
            {
                await source.Add(-amount);
                await target.Add(amount);
            }
            else
            {
                await target.Add(amount);
                await source.Add(-amount);
            }
        });
        return outcome.IsCommitted;
    }

    public async Task<long> Sum(long first, int count)
    {
        long sum = 0;
        var outcome = await transactions.RunAsync(async _ =>
        {
            var balances = await Task.WhenAll(Enumerable.Range(0, count).Select(index => GrainFactory.GetGrain<IAccountGrain>(first + index).Read()));
            sum = balances.Sum();
        });
        outcome.EnsureCommitted();
        return sum;
    }
}
