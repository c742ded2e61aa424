using System.Collections.Immutable;
using Coordinator.Chaos.Victims.Work;
using Orleans.Concurrency;

namespace Coordinator.Chaos.Silo.Grains;

[Alias("chaos.consumer")]
internal interface IConsumerGrain : IGrainWithStringKey
{
    /// <summary>Moves the checkpoint over so many events of a feed, and says how many there were.</summary>
    [Alias("Consume")]
    Task<int> Consume(string feed, int count);
}

/// <summary>A consumer of feeds, with its checkpoint.</summary>
[Reentrant]
internal sealed class ConsumerGrain([AggregateState] IAggregateState<Consumer> state, IEventLog events) : Grain, IConsumerGrain
{
    public async Task<int> Consume(string feed, int count)
    {
        var checkpoint = await state.UpdateAsync();
        var through = checkpoint.State.Through.GetValueOrDefault(feed);
        var numbers = ImmutableArray.CreateBuilder<long>();
        await foreach (var recorded in events.ReadStreamAsync("feed/" + feed, through + 1))
        {
            numbers.Add(((Published)recorded.Event!).Number);
            through = recorded.Version;
            if (numbers.Count == count)
            {
                break;
            }
        }

        checkpoint.Raise(new Consumed(feed, through, numbers.ToImmutable())); // also of none: then its commit is on record like any other
        return numbers.Count;
    }
}
