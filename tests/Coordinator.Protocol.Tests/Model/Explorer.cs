using System.Diagnostics;

namespace Coordinator.Protocol.Tests.Model;

/// <summary>What one search found. <see cref="Violation"/> is null if every property holds.</summary>
internal sealed record Findings(string Configuration, int States, long Transitions, int Depth, double Seconds)
{
    public string? Violation { get; init; }

    /// <summary>What occurred in some state.</summary>
    public Mark Marks { get; init; }

    /// <summary>The steps that lead to it, one a line.</summary>
    public string Trace { get; init; } = string.Empty;

    public override string ToString() =>
        $"model {Configuration}: {States:N0} states, {Transitions:N0} transitions, depth {Depth}, {Seconds:N1} s{(Violation is null ? string.Empty : " VIOLATION " + Violation)}";
}

/// <summary>Breadth-first search of every reachable state, then backwards from the ended ones (V4).</summary>
internal sealed class Explorer : ISuccessors
{
    private const int StatesMax = 30_000_000;

    private readonly Configuration _configuration;
    private readonly Machines _machines;
    private readonly Steps _steps;
    private readonly Properties _properties;
    private readonly StateTable _table = new();
    private readonly List<int> _parents = [];
    private readonly List<int> _codes = [];
    private readonly List<int> _ended = [];
    private readonly List<int> _edgeStarts = [];
    private readonly List<int> _edges = [];
    private readonly int _size;
    private byte[] _current = new byte[1 << 16];
    private byte[] _next = new byte[1 << 16];
    private int _nextCount;
    private Mark _marks;
    private int _parent;
    private string? _violation;
    private int _violatedAt;

    private Explorer(Configuration configuration, Rules rules)
    {
        _configuration = configuration;
        _machines = new Machines(configuration, rules);
        _steps = new Steps(configuration, _machines, this);
        _properties = new Properties(configuration, _machines);
        _size = new World(configuration).Data.Length;
    }

    public static Findings Run(Configuration configuration, Rules rules) => new Explorer(configuration, rules).Search();

    public void Add(World world, StepCode step, string? failure)
    {
        if (_violation is not null)
        {
            return;
        }

        if (!_table.Add(StateTable.HashOf(world.Data), out var state))
        {
            if (state != _parent)
            {
                _edges.Add(state);
            }

            if (failure is not null)
            {
                Violate(failure, NewState(step)); // a state of its own: the step there is what is wrong
            }

            return;
        }

        _edges.Add(state);
        _parents.Add(_parent);
        _codes.Add(step.Packed);
        _marks |= Marks.Of(world, _configuration, _machines);
        if (_properties.IsEnded(world))
        {
            _ended.Add(state);
        }

        if ((failure ?? _properties.Broken(world)) is { } broken)
        {
            Violate(broken, state);
        }

        if (state >= StatesMax)
        {
            throw new BoundExceededException("states");
        }

        if ((_nextCount + 1) * _size > _next.Length)
        {
            Array.Resize(ref _next, _next.Length * 2);
        }

        world.Data.CopyTo(_next, _nextCount++ * _size);
    }

    private int NewState(StepCode step)
    {
        _parents.Add(_parent);
        _codes.Add(step.Packed);
        return _parents.Count - 1;
    }

    private void Violate(string property, int state)
    {
        if (_violation is null)
        {
            _violation = property;
            _violatedAt = state;
        }
    }

    private Findings Search()
    {
        var clock = Stopwatch.StartNew();
        _parent = -1;
        Add(_steps.Initial(), new StepCode(Act.Start), null);
        _edges.Clear();
        var depth = -1;
        var state = 0;
        while (_nextCount > 0 && _violation is null)
        {
            depth++;
            (_current, _next) = (_next, _current);
            var count = _nextCount;
            _nextCount = 0;
            for (var i = 0; i < count && _violation is null; i++)
            {
                _parent = state++;
                _edgeStarts.Add(_edges.Count);
                _steps.Expand(_current.AsSpan(i * _size, _size));
            }
        }

        if (_violation is null)
        {
            CheckEnd();
        }

        return new Findings(_configuration.Name, _table.Count, _edges.Count, depth, clock.Elapsed.TotalSeconds)
        {
            Violation = _violation,
            Marks = _marks,
            Trace = _violation is null ? string.Empty : new Tracer(_configuration, _machines, _table, _parents, _codes).Print(_violatedAt),
        };
    }

    /// <summary>V4: an ended state is reachable from each state, with the faults that are left still allowed.</summary>
    private void CheckEnd()
    {
        var count = _table.Count;
        var sources = new int[_edges.Count];
        var starts = new int[count + 1];
        foreach (var target in _edges)
        {
            starts[target + 1]++;
        }

        for (var state = 0; state < count; state++)
        {
            starts[state + 1] += starts[state];
        }

        var fill = starts.AsSpan(0, count).ToArray();
        for (var state = 0; state < count; state++)
        {
            var end = state + 1 < count ? _edgeStarts[state + 1] : _edges.Count;
            for (var edge = _edgeStarts[state]; edge < end; edge++)
            {
                sources[fill[_edges[edge]]++] = state;
            }
        }

        var reaches = new bool[count];
        var work = new Stack<int>(_ended);
        foreach (var state in _ended)
        {
            reaches[state] = true;
        }

        while (work.TryPop(out var target))
        {
            for (var edge = starts[target]; edge < starts[target + 1]; edge++)
            {
                if (!reaches[sources[edge]])
                {
                    reaches[sources[edge]] = true;
                    work.Push(sources[edge]);
                }
            }
        }

        var stuck = Array.IndexOf(reaches, false);
        if (stuck >= 0)
        {
            Violate("V4: no ended state can be reached from here", stuck);
        }
    }
}
