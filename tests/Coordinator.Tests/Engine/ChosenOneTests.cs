using Coordinator.Hosting;
using Xunit;

namespace Coordinator.Tests;

/// <summary>Which of several that come and go is used: one that is not over, as long as there is one.</summary>
public sealed class ChosenOneTests
{
    private readonly Place _a = new(), _b = new(), _c = new();
    private readonly List<Place> _places = [];
    private readonly ChosenOne<Place> _chosen;
    private Action? _chose; // called once, behind the next choice and before it is said

    public ChosenOneTests() => _chosen = new ChosenOne<Place>(static place => place.IsOver, Other);

    [Fact]
    public void What_is_over_before_it_was_chosen_is_not_chosen()
    {
        _places.AddRange([_a, _b]);
        _a.IsOver = true;
        _chosen.Ensure();

        Assert.Same(_b, _chosen.Current);
    }

    [Fact]
    public void What_comes_after_the_last_one_was_left_is_found()
    {
        _places.Add(_a);
        _chosen.Ensure();
        _a.IsOver = true;
        _chosen.Leave(_a);
        Assert.Null(_chosen.Current);
        _places.Add(_b);
        _chosen.Ensure();

        Assert.Same(_b, _chosen.Current);
    }

    [Fact]
    public void What_comes_before_the_one_that_is_over_was_left_is_found()
    {
        _places.Add(_a);
        _chosen.Ensure();
        _a.IsOver = true;
        _places.Add(_b);
        _chosen.Ensure();
        _chosen.Leave(_a);

        Assert.Same(_b, _chosen.Current);
    }

    [Fact]
    public void What_can_be_used_is_not_left_for_another()
    {
        _places.AddRange([_b, _a]);
        _chosen.Ensure();
        _places.Insert(0, _a);
        _chosen.Ensure();
        _chosen.Leave(_a);

        Assert.Same(_b, _chosen.Current);
    }

    [Fact]
    public void Where_there_is_nowhere_else_it_stays()
    {
        _places.Add(_a);
        _chosen.Ensure();

        Assert.False(_chosen.TryLeave(_a, Other));
        Assert.Same(_a, _chosen.Current);
        _places.Add(_b);
        Assert.True(_chosen.TryLeave(_a, Other));
        Assert.Same(_b, _chosen.Current);
    }

    /// <summary>The first chooses the second, which ends and is left on another thread before the first one has said so.</summary>
    [Fact]
    public void One_that_ends_while_it_is_being_chosen_is_left_for_another()
    {
        _places.AddRange([_a, _b, _c]);
        _chosen.Ensure();
        using var begun = new ManualResetEventSlim();
        var other = new Thread(() =>
        {
            begun.Set();
            _b.IsOver = true;
            _chosen.Leave(_b);
        });
        _chose = () =>
        {
            other.Start();
            begun.Wait();
            SpinWait.SpinUntil(() => !other.IsAlive || other.ThreadState.HasFlag(ThreadState.WaitSleepJoin)); // it has come and gone, or waits for this choice
        };
        _a.IsOver = true;
        _chosen.Leave(_a);
        other.Join();

        Assert.Same(_c, _chosen.Current);
    }

    private Place? Other(Place? place)
    {
        var found = _places.Find(one => one != place && !one.IsOver);
        Interlocked.Exchange(ref _chose, null)?.Invoke();
        return found;
    }

    private sealed class Place
    {
        private volatile bool _isOver;

        public bool IsOver
        {
            get => _isOver;
            set => _isOver = value;
        }
    }
}
