using Coordinator.Chaos.Silo.Twins;
using Coordinator.Chaos.Victims.Work;
using Orleans.Concurrency;
using Orleans.GrainDirectory;

namespace Coordinator.Chaos.Silo.Grains;

[Alias("chaos.list")]
internal interface IListGrain : IGrainWithStringKey
{
    /// <summary>The list, and all that the transaction has appended to it.</summary>
    /// <param name="isToChange">It will be appended to: it is locked for that at once.</param>
    [Alias("Read")]
    Task<long[]> Read(bool isToChange);

    [Alias("Append")]
    Task Append(long element);
}

/// <summary>A list of numbers. It may have twins.</summary>
[Reentrant]
[TwinPlacement]
[GrainDirectory(TwinDirectory.Name)]
internal sealed class ListGrain([AggregateState] IAggregateState<NumberList> state) : Grain, IListGrain
{
    public async Task<long[]> Read(bool isToChange) =>
        [.. isToChange ? (await state.UpdateAsync()).State.Elements : (await state.ReadAsync()).State.Elements];

    public async Task Append(long element) => (await state.UpdateAsync()).Raise(new Appended(element));
}
