using System.Collections.Immutable;

namespace Coordinator.Chaos.Victims.Work;

/// <summary>A number was appended to a list, once in the life of the log.</summary>
[EventType(Name)]
internal sealed record Appended(long Element)
{
    public const string Name = "chaos.appended";
}

/// <summary>A list of numbers, in the order in which they were appended.</summary>
internal sealed record NumberList(ImmutableList<long> Elements) : IAggregate<NumberList>
{
    public static string Category => "list";

    public static NumberList Initial { get; } = new([]);

    public NumberList Apply(object @event) => @event switch
    {
        Appended appended => new NumberList(Elements.Add(appended.Element)),
        _ => throw new ArgumentException($"{@event} is no event of a list", nameof(@event)),
    };
}
