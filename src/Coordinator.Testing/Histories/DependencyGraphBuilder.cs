namespace Coordinator.Testing.Histories;

/// <summary>Draws the graph of the committed transactions from the orders of the versions, the clients and the clock.</summary>
internal sealed class DependencyGraphBuilder(HistoryIndex index)
{
    private readonly List<(int From, Edge Edge)> _edges = [];
    private int _instants;

    public DependencyGraph Build() => new(index.History.Count, _instants, _edges);

    /// <summary>What one key tells.</summary>
    public void AddKey(int number, VersionOrder order)
    {
        var key = order.Key;
        var followers = Followers(order);
        foreach (var (before, after) in order.Successions)
        {
            if (before is { } overwritten)
            {
                Add(WriterOf(key, overwritten), new Edge(WriterOf(key, after), Relations.WriteWrite, number, before, after));
            }
        }

        foreach (var (reader, value) in order.Reads)
        {
            if (value is { } read)
            {
                Add(WriterOf(key, read), new Edge(reader, Relations.WriteRead, number, null, value));
            }

            foreach (var after in followers(value))
            {
                if (value is { } half && WriterOf(key, half) == WriterOf(key, after))
                {
                    continue; // what was still being written was read: that is an anomaly of its own (G1b), and no second one
                }

                Add(reader, new Edge(WriterOf(key, after), Relations.ReadWrite, number, value, after));
            }
        }
    }

    /// <summary>Each client's work in its order: by the clock, or as it is listed if the history tells no times.</summary>
    public void AddProcessOrder()
    {
        var last = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var transaction in Enumerable.Range(0, index.History.Count).Where(index.IsCommitted).OrderBy(one => index.History[one].BeganAt ?? long.MinValue))
        {
            var process = index.History[transaction].Process;
            if (last.TryGetValue(process, out var before) && IsOver(before, transaction))
            {
                Add(before, new Edge(transaction, Relations.Process));
            }

            if (index.History[transaction].Outcome is RecordedOutcome.Committed)
            {
                last[process] = transaction; // one of unknown outcome may take effect when its client has long gone on
            }
        }
    }

    /// <summary>
    /// What was over before something else began. Each end is an instant, and each instant leads to the next one; a transaction follows
    /// the last instant before it began.
    /// </summary>
    public void AddRealTime()
    {
        var committed = Enumerable.Range(0, index.History.Count).Where(index.IsCommitted).ToArray();
        var ends = committed.Where(one => index.EndedAt(one) is not null).Select(one => (At: index.EndedAt(one)!.Value, Transaction: one)).Order().ToArray();
        var times = Array.ConvertAll(ends, end => end.At);
        _instants = ends.Length;
        for (var instant = 0; instant < ends.Length; instant++)
        {
            _edges.Add((ends[instant].Transaction, new Edge(Node(instant), Relations.RealTime)));
            if (instant > 0)
            {
                _edges.Add((Node(instant - 1), new Edge(Node(instant), Relations.RealTime)));
            }
        }

        foreach (var transaction in committed)
        {
            if (index.History[transaction].BeganAt is { } began && FirstFrom(times, began) - 1 is >= 0 and var instant)
            {
                _edges.Add((Node(instant), new Edge(transaction, Relations.RealTime)));
            }
        }
    }

    private int Node(int instant) => index.History.Count + instant;

    /// <summary>The place of the first time that is not before another one.</summary>
    private static int FirstFrom(long[] times, long time)
    {
        var (low, high) = (0, times.Length);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = times[middle] < time ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    private bool IsOver(int before, int after)
    {
        var (one, other) = (index.History[before], index.History[after]);
        return one.EndedAt is { } ended && other.BeganAt is { } began
            ? ended < began
            : one is { BeganAt: null, EndedAt: null } && other is { BeganAt: null, EndedAt: null };
    }

    private static int WriterOf(KeyIndex key, long value) => key.Writes[value].Transaction;

    /// <summary>The versions behind a version.</summary>
    private static Func<long?, IEnumerable<long>> Followers(VersionOrder order)
    {
        var first = order.Successions.Where(one => one.Before is null).Select(one => one.After).ToArray();
        var others = order.Successions.Where(one => one.Before is not null).ToLookup(one => one.Before!.Value, one => one.After);
        return value => value is { } known ? others[known] : first;
    }

    private void Add(int from, Edge edge)
    {
        if (from != edge.To)
        {
            _edges.Add((from, edge));
        }
    }
}
