using Coordinator.Chaos.Silo.Twins;
using Orleans.Concurrency;
using Orleans.GrainDirectory;

namespace Coordinator.Chaos.Silo.Grains;

/// <summary>What is on an account, once more.</summary>
[GenerateSerializer]
[EventType("chaos.purse")]
internal sealed class PurseState
{
    [Id(0)]
    public long Amount { get; set; }
}

[Alias("chaos.purse")]
internal interface IPurseGrain : IGrainWithStringKey
{
    [Alias("Add")]
    Task Add(long amount);

    [Alias("Amount")]
    Task<long> Amount();
}

/// <summary>A purse: a plain value. It may have twins.</summary>
[Reentrant]
[TwinPlacement]
[GrainDirectory(TwinDirectory.Name)]
internal sealed class PurseGrain([TransactionalState("amount")] ITransactionalState<PurseState> state) : Grain, IPurseGrain
{
    public Task Add(long amount) => state.UpdateAsync(purse => { purse.Amount += amount; });

    public Task<long> Amount() => state.ReadAsync(static purse => purse.Amount);
}
