using Coordinator;

namespace Shop.Domain;

/// <summary>The stock of an item went up or down; down for an order.</summary>
[EventType("shop.update-stock")]
public sealed record UpdateStock(int Change, string? Order = null);

/// <summary>How many of one item are left.</summary>
public sealed record Stock(int Available) : IAggregate<Stock>
{
    public static string Category => "stock";

    public static Stock Initial { get; } = new(0);

    public Stock Apply(object @event) => @event switch
    {
        UpdateStock update => new Stock(Available + update.Change),
        _ => throw new NotSupportedException($"{@event} is no event of a stock"),
    };
}
