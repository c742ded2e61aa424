namespace Coordinator.Simulation;

/// <summary>A broken promise: which, and the smallest witness of it.</summary>
/// <param name="Promise">Number in the catalogue (I6, V1) or a rule (D-1).</param>
/// <param name="What">Who was told or found what.</param>
internal sealed record Violation(string Promise, string What)
{
    public override string ToString() => $"{Promise}: {What}";
}
