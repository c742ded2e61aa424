namespace Coordinator.Chaos.Drivers.Faults;

/// <summary>Which faults a run has, and in which order: drawn from the seed and known before it starts, so that nothing a run must show is left to chance.</summary>
internal static class Plan
{
    /// <param name="faults">What can be done.</param>
    /// <param name="seconds">How long the run is to take.</param>
    /// <param name="secondsEach">How long a fault and what follows it take, about.</param>
    /// <param name="random">Of the seed.</param>
    public static IReadOnlyList<Fault> Draw(IReadOnlyList<Fault> faults, int seconds, double secondsEach, Random random)
    {
        var count = (int)(seconds / secondsEach);
        var core = faults.Where(fault => fault.IsCore).ToArray();
        var others = faults.Where(fault => !fault.IsCore).OrderBy(_ => random.Next());
        var weighted = faults.SelectMany(fault => Enumerable.Repeat(fault, fault.Weight)).ToArray();
        var filled = Enumerable.Range(0, Math.Max(0, count - faults.Count)).Select(_ => weighted[random.Next(weighted.Length)]);
        return [.. core.Concat(others).Concat(filled).Take(Math.Max(core.Length, count)).OrderBy(_ => random.Next())];
    }
}
