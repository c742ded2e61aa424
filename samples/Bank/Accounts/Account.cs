using Coordinator;

namespace Bank.Accounts;

/// <summary>An account: the fold of what happened to it.</summary>
/// <param name="Balance">In cents.</param>
/// <param name="Entries">How many entries it has.</param>
public sealed record Account(long Balance, int Entries) : IAggregate<Account>
{
    public static string Category => "account";

    public static Account Initial { get; } = new(0, 0);

    public Account Apply(object @event) => @event switch
    {
        Deposited deposited => new Account(Balance + deposited.Amount, Entries + 1),
        Withdrawn withdrawn => new Account(Balance - withdrawn.Amount, Entries + 1),
        _ => throw new ArgumentException($"{@event} is no event of an account", nameof(@event)),
    };
}

/// <summary>Money came in.</summary>
[EventType("bank.deposited")]
public sealed record Deposited(long Amount);

/// <summary>Money went out.</summary>
[EventType("bank.withdrawn")]
public sealed record Withdrawn(long Amount);

/// <summary>Published with each transfer, for whoever listens.</summary>
[EventType("bank.transferred")]
public sealed record Transferred(string From, string To, long Amount);

/// <summary>How many transfers a branch has made, and how much they moved.</summary>
[GenerateSerializer]
[EventType("bank.turnover")]
public sealed class Turnover
{
    [Id(0)]
    public int Transfers { get; set; }

    [Id(1)]
    public long Amount { get; set; }
}
