using System.Collections.Immutable;

namespace Coordinator.Chaos.Victims.Work;

/// <summary>A numbered event of a feed.</summary>
[EventType(Name)]
internal sealed record Published(long Number)
{
    public const string Name = "chaos.published";
}

/// <summary>A consumer has seen events of a feed, through a version of it.</summary>
[EventType(Name)]
internal sealed record Consumed(string Feed, long Through, ImmutableArray<long> Numbers)
{
    public const string Name = "chaos.consumed";
}

/// <summary>How far a consumer has read each feed: its checkpoint.</summary>
internal sealed record Consumer(ImmutableSortedDictionary<string, long> Through) : IAggregate<Consumer>
{
    public static string Category => "consumer";

    public static Consumer Initial { get; } = new(ImmutableSortedDictionary.Create<string, long>(StringComparer.Ordinal));

    public Consumer Apply(object @event) => @event switch
    {
        Consumed consumed => new Consumer(Through.SetItem(consumed.Feed, consumed.Through)),
        _ => throw new ArgumentException($"{@event} is no event of a consumer", nameof(@event)),
    };
}
