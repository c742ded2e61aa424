namespace Coordinator.Testing.Simulation;

/// <summary>
/// How often each named situation came up ("sometimes" counters): a simulation that never reaches what it is for proves nothing.
/// </summary>
internal sealed class SimulationCounters
{
    private readonly Dictionary<string, long> _counts = new(StringComparer.Ordinal);

    /// <summary>The counts by name.</summary>
    public IReadOnlyDictionary<string, long> Counts => _counts;

    /// <summary>It came up.</summary>
    public void Reach(string situation) => System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(_counts, situation, out _)++;

    /// <summary>How often it came up.</summary>
    public long Of(string situation) => _counts.GetValueOrDefault(situation);

    /// <summary>Adds what another simulation reached.</summary>
    public void Add(SimulationCounters other)
    {
        foreach (var (situation, count) in other._counts)
        {
            System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(_counts, situation, out _) += count;
        }
    }
}
