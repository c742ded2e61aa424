namespace Coordinator.Benchmarks;

/// <summary>A bank account.</summary>
internal sealed record Account(long Balance) : IAggregate<Account>
{
    public static string Category => "account";

    public static Account Initial { get; } = new(0);

    public Account Apply(object @event) => @event switch
    {
        Deposited deposited => new Account(Balance + deposited.Amount),
        Withdrawn withdrawn => new Account(Balance - withdrawn.Amount),
        _ => throw new ArgumentException($"{@event} is no event of an account", nameof(@event)),
    };
}

[EventType("account.deposited")]
internal sealed record Deposited(long Amount);

[EventType("account.withdrawn")]
internal sealed record Withdrawn(long Amount);
