using Coordinator;

namespace Shop.Domain;

/// <summary>A user paid money in, in cents.</summary>
[EventType("shop.pay-in")]
public sealed record PayIn(long Amount);

/// <summary>Money left the account for an order, in cents.</summary>
[EventType("shop.process-payment")]
public sealed record ProcessPayment(string Order, long Amount);

/// <summary>What a user can spend, in cents.</summary>
public sealed record PaymentAccount(long Balance) : IAggregate<PaymentAccount>
{
    public static string Category => "account";

    public static PaymentAccount Initial { get; } = new(0);

    public PaymentAccount Apply(object @event) => @event switch
    {
        PayIn paid => new PaymentAccount(Balance + paid.Amount),
        ProcessPayment payment => new PaymentAccount(Balance - payment.Amount),
        _ => throw new NotSupportedException($"{@event} is no event of a payment account"),
    };
}
