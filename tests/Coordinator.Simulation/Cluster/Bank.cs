namespace Coordinator.Simulation;

/// <summary>A bank account, and the number of the event that made it so, which tells whoever reads it whose work it sees.</summary>
internal sealed record Account(long Balance, long? Last) : IAggregate<Account>
{
    public static string Category => "account";

    public static Account Initial { get; } = new(0, null);

    public Account Apply(object @event) => @event switch
    {
        Moved moved => new Account(Balance + moved.Amount, moved.Number),
        _ => throw new ArgumentException($"{@event} is no event of an account", nameof(@event)),
    };
}

/// <summary>Money came or went; the number tells every event of a simulation from every other.</summary>
[EventType("moved")]
internal sealed record Moved(long Amount, long Number);

/// <summary>A plain value.</summary>
[EventType("setting")]
internal sealed record Setting(long Number);

/// <summary>A published event.</summary>
[EventType("noted")]
internal sealed record Noted(long Number, string Text);
