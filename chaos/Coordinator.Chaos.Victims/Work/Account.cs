namespace Coordinator.Chaos.Victims.Work;

/// <summary>An account was opened with an amount.</summary>
[EventType(Name)]
internal sealed record AccountOpened(long Amount)
{
    public const string Name = "chaos.opened";
}

/// <summary>Money came, or went if the amount is negative, under a client's idempotency key if it had one.</summary>
[EventType(Name)]
internal sealed record MoneyMoved(long Amount, string? Key)
{
    public const string Name = "chaos.moved";
}

/// <summary>An account, which is never overdrawn.</summary>
internal sealed record Account(bool IsOpen, long Balance) : IAggregate<Account>
{
    public static string Category => "account";

    public static Account Initial { get; } = new(false, 0);

    public Account Apply(object @event) => @event switch
    {
        AccountOpened opened => new Account(true, opened.Amount),
        MoneyMoved moved => this with { Balance = Balance + moved.Amount },
        _ => throw new ArgumentException($"{@event} is no event of an account", nameof(@event)),
    };
}
