namespace Coordinator.Testing.Histories;

/// <summary>Why one transaction must come before another.</summary>
[Flags]
internal enum Relations : byte
{
    None = 0,

    /// <summary>The other wrote over what it wrote.</summary>
    WriteWrite = 1,

    /// <summary>The other read what it wrote.</summary>
    WriteRead = 2,

    /// <summary>The other wrote over what it read.</summary>
    ReadWrite = 4,

    /// <summary>The same client did the other later.</summary>
    Process = 8,

    /// <summary>It was over before the other began.</summary>
    RealTime = 16,

    Writes = WriteWrite,
    Information = WriteWrite | WriteRead,
    Dependencies = Information | ReadWrite,
    WithProcess = Dependencies | Process,
    All = WithProcess | RealTime,
}

/// <summary>An edge of the graph.</summary>
/// <param name="To">The node that comes later.</param>
/// <param name="Relation">Why.</param>
/// <param name="Key">Of a dependency: on which key.</param>
/// <param name="Before">The version that was written over; null for the beginning.</param>
/// <param name="After">The version that was written or read.</param>
internal readonly record struct Edge(int To, Relations Relation, int Key = -1, long? Before = null, long? After = null);

/// <summary>
/// What must come before what. Its first nodes are the transactions. Behind them are instants, each the end of a transaction: with
/// them "was over before it began" takes a few edges for each transaction, not one for each pair.
/// </summary>
internal sealed class DependencyGraph
{
    private readonly int[] _starts;
    private readonly Edge[] _edges;

    public DependencyGraph(int transactions, int instants, List<(int From, Edge Edge)> edges)
    {
        TransactionCount = transactions;
        NodeCount = transactions + instants;
        _starts = new int[NodeCount + 1];
        foreach (var (from, _) in edges)
        {
            _starts[from + 1]++;
        }

        for (var node = 0; node < NodeCount; node++)
        {
            _starts[node + 1] += _starts[node];
        }

        var next = _starts.AsSpan(0, NodeCount).ToArray();
        _edges = new Edge[edges.Count];
        foreach (var (from, edge) in edges)
        {
            _edges[next[from]++] = edge;
        }
    }

    public int TransactionCount { get; }

    public int NodeCount { get; }

    public bool IsTransaction(int node) => node < TransactionCount;

    /// <summary>The edges from a node.</summary>
    public ReadOnlySpan<Edge> From(int node) => _edges.AsSpan(_starts[node].._starts[node + 1]);
}
