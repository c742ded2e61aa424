namespace Coordinator.Chaos.Drivers.Faults;

/// <summary>Which faults a run has, and in which order: drawn from the seed and known before it starts, so that nothing a run must show is left to chance.</summary>
internal static class Plan
{
    private const double SecondsEach = 3.5;

    /// <param name="faults">What can be done.</param>
    /// <param name="seconds">How long the run is to take.</param>
    /// <param name="random">Of the seed.</param>
    public static IReadOnlyList<Fault> Draw(IReadOnlyList<Fault> faults, int seconds, Random random)
    {
        var count = (int)(seconds / SecondsEach);
        var core = faults.Where(fault => fault.IsCore).ToArray();
        var others = faults.Where(fault => !fault.IsCore).OrderBy(_ => random.Next());
        var weighted = faults.SelectMany(fault => Enumerable.Repeat(fault, fault.Weight)).ToArray();
        var filled = Enumerable.Range(0, Math.Max(0, count - faults.Count)).Select(_ => weighted[random.Next(weighted.Length)]);
        return [.. core.Concat(others).Concat(filled).Take(Math.Max(core.Length, count)).OrderBy(_ => random.Next())];
    }
}
