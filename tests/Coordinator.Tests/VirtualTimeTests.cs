using Coordinator.Testing;
using Xunit;

namespace Coordinator.Tests;

public sealed class VirtualTimeTests
{
    private readonly VirtualTime _time = new();
    private readonly List<string> _fired = [];

    [Fact]
    public void Timestamps_and_the_wall_clock_move_together()
    {
        var (stamp, utc) = (_time.GetTimestamp(), _time.GetUtcNow());
        _time.Advance(TimeSpan.FromSeconds(90));

        Assert.Equal(TimeSpan.FromSeconds(90), _time.GetElapsedTime(stamp));
        Assert.Equal(TimeSpan.FromSeconds(90), _time.GetUtcNow() - utc);
    }

    [Fact]
    public void Timers_fire_in_the_order_of_due_times_and_then_of_arming()
    {
        Arm("late", 3);
        Arm("early", 1);
        Arm("early too", 1);
        _time.Advance(TimeSpan.FromSeconds(5));

        Assert.Equal(["early@1", "early too@1", "late@3"], _fired);
    }

    [Fact]
    public void A_periodic_timer_fires_once_a_period()
    {
        using var timer = Arm("tick", 1, 2);
        _time.Advance(TimeSpan.FromSeconds(6));

        Assert.Equal(["tick@1", "tick@3", "tick@5"], _fired);
        Assert.Equal(TimeSpan.FromSeconds(7), _time.NextDue);
    }

    [Fact]
    public void A_disposed_timer_fires_no_more_and_refuses_a_change()
    {
        var timer = Arm("tick", 1);
        timer.Dispose();
        _time.Advance(TimeSpan.FromSeconds(2));

        Assert.Empty(_fired);
        Assert.False(timer.Change(TimeSpan.Zero, Timeout.InfiniteTimeSpan));
        Assert.Null(_time.NextDue);
    }

    [Fact]
    public void A_callback_that_moves_time_on_never_turns_it_back()
    {
        using var outer = _time.CreateTimer(_ => _time.Advance(TimeSpan.FromSeconds(10)), null, TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan);
        Arm("inner", 5);
        _time.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal(["inner@5"], _fired);
        Assert.Equal(TimeSpan.FromSeconds(11), _time.Now);
    }

    [Fact]
    public void A_callback_may_arm_a_timer_that_falls_due_in_the_same_advance()
    {
        using var outer = _time.CreateTimer(_ => Arm("next", 1), null, TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan);
        _time.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal(["next@2"], _fired);
    }

    [Fact]
    public void A_timer_without_a_due_time_waits_for_its_change()
    {
        using var timer = _time.CreateTimer(_ => _fired.Add("now"), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _time.Advance(TimeSpan.FromHours(1));
        Assert.Empty(_fired);

        timer.Change(TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        _time.Advance(TimeSpan.Zero);
        Assert.Equal(["now"], _fired);
    }

    private ITimer Arm(string name, double due, double period = -0.001) => _time.CreateTimer(
        _ => _fired.Add($"{name}@{_time.Now.TotalSeconds}"), null, TimeSpan.FromSeconds(due), TimeSpan.FromSeconds(period));
}
