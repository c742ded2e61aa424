namespace Coordinator.Testing.Histories;

/// <summary>One edge of a cycle, between transactions.</summary>
internal readonly record struct CycleStep(int From, Edge Edge);

/// <summary>Finds the smallest cycle of a knot: breadth first, from each of its transactions.</summary>
internal sealed class CycleSearch(HistoryIndex index, DependencyGraph graph)
{
    // Beyond so many edges looked at, the smallest cycle found so far is small enough.
    private const long EdgesMax = 30_000_000;

    private readonly int[] _knotOf = new int[graph.NodeCount];
    private readonly int[] _visitOf = new int[graph.NodeCount];
    private readonly (int From, Edge Edge)[] _via = new (int, Edge)[graph.NodeCount];
    private List<int> _level = [];
    private List<int> _nextLevel = [];
    private int _knot;
    private int _visit;
    private long _edgesSeen;

    /// <summary>The smallest cycle of these relations.</summary>
    public List<CycleStep> Smallest(int[] knot, Relations relations)
    {
        Enter(knot);
        List<CycleStep>? smallest = relations.HasFlag(Relations.RealTime) ? BackInTime(knot) : null;
        foreach (var node in knot)
        {
            if (!graph.IsTransaction(node) || smallest is { Count: 2 } || (smallest is not null && _edgesSeen > EdgesMax))
            {
                continue;
            }

            smallest = Path(node, node, relations, smallest?.Count - 1 ?? int.MaxValue) ?? smallest;
        }

        return smallest!; // a knot has a cycle through each of its nodes
    }

    /// <summary>The smallest cycle with one read of the past, all else being the flow of information; null if there is none.</summary>
    public List<CycleStep>? SmallestWithOneReadWrite(int[] knot)
    {
        Enter(knot);
        List<CycleStep>? smallest = null;
        foreach (var node in knot)
        {
            foreach (var edge in graph.From(node))
            {
                if (edge.Relation is Relations.ReadWrite && _knotOf[edge.To] == _knot && smallest is not { Count: 2 } && _edgesSeen <= EdgesMax
                    && Path(edge.To, node, Relations.Information, smallest?.Count - 2 ?? int.MaxValue) is { } back)
                {
                    smallest = [new CycleStep(node, edge), .. back];
                }
            }
        }

        return smallest;
    }

    private void Enter(int[] knot)
    {
        _knot++;
        _edgesSeen = 0;
        foreach (var node in knot)
        {
            _knotOf[node] = _knot;
        }
    }

    /// <summary>One that depends on another which was over before it began would be a cycle of two: then there is no need to search.</summary>
    private List<CycleStep>? BackInTime(int[] knot)
    {
        foreach (var node in knot.Where(graph.IsTransaction))
        {
            foreach (var edge in graph.From(node))
            {
                if (graph.IsTransaction(edge.To) && _knotOf[edge.To] == _knot && index.EndedAt(edge.To) < index.History[node].BeganAt)
                {
                    return [new CycleStep(node, edge), new CycleStep(edge.To, new Edge(node, Relations.RealTime))];
                }
            }
        }

        return null;
    }

    /// <summary>The shortest path between two transactions of the knot, of one edge at least; null if none is so short.</summary>
    private List<CycleStep>? Path(int from, int to, Relations relations, int stepsMax)
    {
        _visit++;
        _level.Clear();
        _level.Add(from);
        for (var steps = 1; steps <= stepsMax && _level.Count > 0; steps++)
        {
            _nextLevel.Clear();
            for (var at = 0; at < _level.Count; at++)
            {
                if (Reaches(_level[at], to, relations))
                {
                    return StepsTo(from, to);
                }
            }

            (_level, _nextLevel) = (_nextLevel, _level);
        }

        return null;
    }

    /// <summary>Goes on from a node; true if that leads to the goal. Instants are no step: they belong to the level that reaches them.</summary>
    private bool Reaches(int node, int goal, Relations relations)
    {
        foreach (var edge in graph.From(node))
        {
            _edgesSeen++;
            if ((edge.Relation & relations) == Relations.None || _knotOf[edge.To] != _knot)
            {
                continue;
            }

            if (edge.To == goal)
            {
                _via[goal] = (node, edge);
                return true;
            }

            if (_visitOf[edge.To] != _visit)
            {
                _visitOf[edge.To] = _visit;
                _via[edge.To] = (node, edge);
                (graph.IsTransaction(edge.To) ? _nextLevel : _level).Add(edge.To);
            }
        }

        return false;
    }

    private List<CycleStep> StepsTo(int from, int to)
    {
        var steps = new List<CycleStep>();
        var at = to;
        do
        {
            var (before, edge) = _via[at];
            while (!graph.IsTransaction(before))
            {
                before = _via[before].From;
            }

            steps.Add(new CycleStep(before, edge));
            at = before;
        }
        while (at != from);

        steps.Reverse();
        return steps;
    }
}
