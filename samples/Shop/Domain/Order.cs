using Coordinator;

namespace Shop.Domain;

/// <summary>An order was placed: stock and money moved with it. The input line says which of two equal ids it was.</summary>
[EventType("shop.create-order")]
public sealed record CreateOrder(string User, IReadOnlyList<OrderLine> Lines, long Total, int InputLine);

/// <summary>An order was refused: nothing moved.</summary>
[EventType("shop.refuse-order")]
public sealed record RefuseOrder(string User, string Reason, string Detail, int InputLine);

/// <summary>Published for whoever wants to know, in the same append as the order.</summary>
[EventType("shop.order-placed")]
public sealed record OrderPlaced(string Order, string User, long Total);

/// <summary>What became of an order.</summary>
public enum OrderStatus
{
    New,
    Placed,
    Refused,
}

/// <summary>One order id; settled once.</summary>
public sealed record Order(OrderStatus Status, int InputLine, string? Reason) : IAggregate<Order>
{
    public static string Category => "order";

    public static Order Initial { get; } = new(OrderStatus.New, 0, null);

    public Order Apply(object @event) => @event switch
    {
        CreateOrder created => new Order(OrderStatus.Placed, created.InputLine, null),
        RefuseOrder refused => new Order(OrderStatus.Refused, refused.InputLine, refused.Reason),
        _ => throw new NotSupportedException($"{@event} is no event of an order"),
    };
}
