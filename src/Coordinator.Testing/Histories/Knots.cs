namespace Coordinator.Testing.Histories;

/// <summary>
/// Finds the knots of a graph, its strongly connected components of more than one node: every cycle is within one (Tarjan 1972, with a
/// stack of its own, for a cycle may be as long as the history).
/// </summary>
internal sealed class Knots
{
    private const int Unseen = 0;

    private readonly DependencyGraph _graph;
    private readonly Relations _relations;
    private readonly int[] _seen;
    private readonly int[] _low;
    private readonly int[] _next;
    private readonly bool[] _isOpen;
    private readonly Stack<int> _open = new();
    private readonly Stack<int> _path = new();
    private readonly List<int[]> _found = [];
    private int _count;

    private Knots(DependencyGraph graph, Relations relations)
    {
        _graph = graph;
        _relations = relations;
        _seen = new int[graph.NodeCount];
        _low = new int[graph.NodeCount];
        _next = new int[graph.NodeCount];
        _isOpen = new bool[graph.NodeCount];
    }

    /// <summary>The knots that these relations tie, their nodes in ascending order.</summary>
    public static List<int[]> Of(DependencyGraph graph, Relations relations)
    {
        var knots = new Knots(graph, relations);
        for (var node = 0; node < graph.NodeCount; node++)
        {
            if (knots._seen[node] == Unseen)
            {
                knots.Visit(node);
            }
        }

        return knots._found;
    }

    private void Visit(int root)
    {
        Enter(root);
        while (_path.TryPeek(out var node))
        {
            if (NextUnseen(node) is { } next)
            {
                Enter(next);
                continue;
            }

            _path.Pop();
            if (_low[node] == _seen[node])
            {
                Close(node);
            }

            if (_path.TryPeek(out var above))
            {
                _low[above] = Math.Min(_low[above], _low[node]);
            }
        }
    }

    private void Enter(int node)
    {
        _seen[node] = _low[node] = ++_count;
        _isOpen[node] = true;
        _open.Push(node);
        _path.Push(node);
    }

    /// <summary>Goes on with the edges of a node, up to the first that leads to something new.</summary>
    private int? NextUnseen(int node)
    {
        var edges = _graph.From(node);
        while (_next[node] < edges.Length)
        {
            var edge = edges[_next[node]++];
            if ((edge.Relation & _relations) == Relations.None)
            {
                continue;
            }

            if (_seen[edge.To] == Unseen)
            {
                return edge.To;
            }

            if (_isOpen[edge.To])
            {
                _low[node] = Math.Min(_low[node], _seen[edge.To]);
            }
        }

        return null;
    }

    private void Close(int root)
    {
        var knot = new List<int>();
        int node;
        do
        {
            node = _open.Pop();
            _isOpen[node] = false;
            knot.Add(node);
        }
        while (node != root);

        if (knot.Count > 1)
        {
            knot.Sort();
            _found.Add([.. knot]);
        }
    }
}
