using System.Text.Json.Serialization;
using Coordinator;

namespace Shop.Domain;

/// <summary>One line of an order: so many of an item at a unit price in cents.</summary>
public sealed record OrderLine(string Item, int Quantity, long UnitPrice)
{
    [JsonIgnore]
    public long Total => Quantity * UnitPrice;
}

/// <summary>A user put something into the cart.</summary>
[EventType("shop.add-to-cart")]
public sealed record AddToCart(string Order, OrderLine Line);

/// <summary>The cart was emptied into an order.</summary>
[EventType("shop.empty-cart")]
public sealed record EmptyCart(string Order);

/// <summary>A user's cart.</summary>
public sealed record Cart(int LineCount, int OrderCount) : IAggregate<Cart>
{
    public static string Category => "cart";

    public static Cart Initial { get; } = new(0, 0);

    public Cart Apply(object @event) => @event switch
    {
        AddToCart => this with { LineCount = LineCount + 1 },
        EmptyCart => new Cart(0, OrderCount + 1),
        _ => throw new NotSupportedException($"{@event} is no event of a cart"),
    };
}
