using System.Collections.Immutable;
using Coordinator.Testing.Histories;
using Coordinator.Testing.Simulation;

namespace Coordinator.Tests.Histories;

/// <summary>
/// A database at snapshot isolation: each transaction sees what was committed when it began, and of two that wrote to one key and
/// overlapped the second is aborted. What each wrote on what others read is not looked at.
/// </summary>
internal sealed class SnapshotExecutor
{
    private const int Keys = 6, Clients = 4;

    private readonly SeededRandom _random;
    private readonly ImmutableList<long>[] _committed = [.. Enumerable.Repeat(ImmutableList<long>.Empty, Keys)];
    private readonly List<RecordedTransaction> _history = [];
    private readonly Open?[] _open = new Open?[Clients];
    private long _now;
    private long _values;

    private SnapshotExecutor(ulong seed) => _random = new SeededRandom(seed);

    private sealed record Open(long BeganAt, ImmutableList<long>[] Snapshot)
    {
        public List<MicroOperation> Operations { get; } = [];

        public HashSet<int> Written { get; } = [];
    }

    public static List<RecordedTransaction> Run(ulong seed, int transactions)
    {
        var executor = new SnapshotExecutor(seed);
        while (executor._history.Count < transactions)
        {
            executor.Step();
        }

        return executor._history;
    }

    private void Step()
    {
        _now++;
        ref var open = ref _open[_random.Below(Clients)];
        if (open is null)
        {
            open = new Open(_now, [.. _committed]);
        }
        else if (open.Operations.Count < 3)
        {
            Work(open, _random.Below(Keys));
        }
        else
        {
            Commit(open, Array.IndexOf(_open, open));
            open = null;
        }
    }

    private void Work(Open open, int key)
    {
        if (_random.Chance(0.4))
        {
            open.Operations.Add(new MicroOperation.Append($"k{key}", ++_values));
            open.Written.Add(key);
            return;
        }

        var own = open.Operations.OfType<MicroOperation.Append>().Where(append => append.Key == $"k{key}").Select(append => append.Element);
        open.Operations.Add(new MicroOperation.ReadList($"k{key}", [.. open.Snapshot[key], .. own]));
    }

    private void Commit(Open open, int client)
    {
        var isFirst = open.Written.All(key => _committed[key] == open.Snapshot[key]);
        foreach (var append in isFirst ? open.Operations.OfType<MicroOperation.Append>() : [])
        {
            ref var list = ref _committed[int.Parse(append.Key[1..])];
            list = list.Add(append.Element);
        }

        _history.Add(new RecordedTransaction($"c{client}", isFirst ? RecordedOutcome.Committed : RecordedOutcome.Aborted, [.. open.Operations])
        {
            BeganAt = open.BeganAt,
            EndedAt = _now,
        });
    }
}
