namespace Coordinator.Tests.Snippets;

#region aggregate
[EventType("stock.moved")]                                 // stored under this name and version 1, never the CLR name
public sealed record StockMoved(int Change, string? Order = null);

public sealed record Stock(int Available) : IAggregate<Stock>
{
    public static string Category => "stock";              // stream: stock/<id>

    public static Stock Initial { get; } = new(0);

    public Stock Apply(object @event) => @event switch
    {
        StockMoved moved => new Stock(Available + moved.Change),
        _ => throw new NotSupportedException($"{@event} is no event of a stock"),
    };
}
#endregion

[EventType("account.paid")]
public sealed record Paid(string Order, long Amount);

[EventType("account.paid-in")]
public sealed record PaidIn(long Amount);

public sealed record Account(long Balance) : IAggregate<Account>
{
    public static string Category => "account";

    public static Account Initial { get; } = new(0);

    public Account Apply(object @event) => @event switch
    {
        Paid paid => new Account(Balance - paid.Amount),
        PaidIn paidIn => new Account(Balance + paidIn.Amount),
        _ => throw new NotSupportedException($"{@event} is no event of an account"),
    };
}

[EventType("order.placed")]
public sealed record OrderPlaced(string Order, string User, long Total);

[EventType("prices")]
public sealed record Prices(long Lamp);
