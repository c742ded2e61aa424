namespace Coordinator.Testing.Histories;

/// <summary>
/// Finds the cycles and gives each its name. Of each knot the most elementary cycle is told, by the smallest one of its kind: where
/// writes alone make a cycle, those that reads make as well say nothing more.
/// </summary>
internal sealed class CycleChecks(HistoryIndex index, DependencyGraph graph, LostUpdates lostUpdates, Findings findings)
{
    private readonly CycleSearch _search = new(index, graph);
    private readonly bool[] _isTold = new bool[graph.NodeCount];

    public void Run()
    {
        foreach (var relations in new[] { Relations.Writes, Relations.Information, Relations.Dependencies, Relations.WithProcess, Relations.All })
        {
            foreach (var knot in Knots.Of(graph, relations))
            {
                if (!knot.Any(node => _isTold[node]))
                {
                    Tell(relations, CycleOf(knot, relations));
                    Array.ForEach(knot, node => _isTold[node] = true);
                }
            }
        }
    }

    private List<CycleStep> CycleOf(int[] knot, Relations relations) =>
        relations is Relations.Dependencies && _search.SmallestWithOneReadWrite(knot) is { } single ? single : _search.Smallest(knot, relations);

    private void Tell(Relations relations, List<CycleStep> cycle)
    {
        if (cycle.Count == 2 && lostUpdates.Holds(cycle[0].From, cycle[1].From))
        {
            return; // told by that name
        }

        findings.Add(NameOf(relations, cycle), [.. cycle.Select(step => step.From)], cycle.Select(Why));
    }

    private static AnomalyKind NameOf(Relations relations, List<CycleStep> cycle) => relations switch
    {
        Relations.Writes => AnomalyKind.G0,
        Relations.Information => AnomalyKind.G1c,
        Relations.WithProcess => AnomalyKind.ProcessViolation,
        Relations.All => AnomalyKind.RealTimeViolation,
        _ when cycle.Count(step => step.Edge.Relation is Relations.ReadWrite) == 1 => AnomalyKind.GSingle,
        _ when IsFork(cycle) => AnomalyKind.LongFork,
        _ => AnomalyKind.G2Item,
    };

    /// <summary>Each reader saw the one write and not yet the next: reads and writes take turns.</summary>
    private static bool IsFork(List<CycleStep> cycle)
    {
        for (var at = 0; at < cycle.Count; at++)
        {
            var expected = cycle[at].Edge.Relation is Relations.ReadWrite ? Relations.WriteRead : Relations.ReadWrite;
            if (cycle[(at + 1) % cycle.Count].Edge.Relation != expected)
            {
                return false;
            }
        }

        return true;
    }

    private string Why(CycleStep step)
    {
        var (from, to) = (index.NameOf(step.From), index.NameOf(step.Edge.To));
        var (relation, reason) = step.Edge.Relation switch
        {
            Relations.WriteWrite => ("ww", HistoryText.Invariant($"{from} wrote {step.Edge.Before} to {KeyOf(step).Name}, and {to} wrote {step.Edge.After} behind it")),
            Relations.WriteRead => ("wr", HistoryText.Invariant($"{from} wrote {step.Edge.After} to {KeyOf(step).Name}, and {to} read it")),
            Relations.ReadWrite when step.Edge.Before is { } read =>
                ("rw", HistoryText.Invariant($"{from} read {KeyOf(step).Name} at {read}, and {to} wrote {step.Edge.After} behind it")),
            Relations.ReadWrite => ("rw", HistoryText.Invariant($"{from} read {KeyOf(step).Name} before anything was in it, and {to} wrote {step.Edge.After} to it")),
            Relations.Process => ("process", $"{from} was over before {to} began, and both are of {index.History[step.From].Process}"),
            _ => ("real time", HistoryText.Invariant($"{from} was over at {index.EndedAt(step.From)}, before {to} began at {index.History[step.Edge.To].BeganAt}")),
        };
        return $"{from} < {to} ({relation}): {reason}";
    }

    private KeyIndex KeyOf(CycleStep step) => index.Keys[step.Edge.Key];
}
