namespace Coordinator.Orleans.Tests;

[EventType("test.counted")]
public sealed record Counted(int By);

/// <summary>An aggregate with one number.</summary>
public sealed record Counter(int Sum) : IAggregate<Counter>
{
    public static string Category => "counter";

    public static Counter Initial { get; } = new(0);

    public Counter Apply(object @event) => new(Sum + ((Counted)@event).By);
}
