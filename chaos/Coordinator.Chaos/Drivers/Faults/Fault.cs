namespace Coordinator.Chaos.Drivers.Faults;

/// <summary>One fault: what it is, how it is done and measured, and how it is healed.</summary>
/// <param name="Name">As reports have it.</param>
/// <param name="StrikeAsync">Does it, and measures how long it took to get over it.</param>
internal sealed record Fault(string Name, Func<Task> StrikeAsync)
{
    /// <summary>Takes away what is left of it, also where striking failed.</summary>
    public Func<Task> HealAsync { get; init; } = static () => Task.CompletedTask;

    /// <summary>Done in every run, however short.</summary>
    public bool IsCore { get; init; }

    /// <summary>How often it is drawn, against the others. 1 unless said otherwise.</summary>
    public int Weight { get; init; } = 1;
}
