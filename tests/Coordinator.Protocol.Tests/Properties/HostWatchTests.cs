using System.Collections.Immutable;
using Coordinator.Protocol.Ownership;
using Xunit;

namespace Coordinator.Protocol.Tests.Properties;

/// <summary>Which hosts are silent: on the watcher's own evidence, not on a stall of its own or of the store.</summary>
public sealed class HostWatchTests
{
    private const ulong Host = 7, Other = 9;
    private HostWatchState _state = HostWatchState.Initial;
    private TimeSpan _now = TimeSpan.FromHours(1);

    [Fact]
    public void A_host_without_a_new_count_is_silent_after_2_seconds_and_not_before()
    {
        Assert.Empty(Round((Host, 1)));
        for (var i = 0; i < 3; i++)
        {
            Assert.Empty(Round((Host, 1)));
            Assert.True(_state.IsLiving(Host));
        }

        Assert.Equal([Host], Round((Host, 1))); // 4 rounds and 2.0 s after the first that saw this count
        Assert.True(_state.IsSilent(Host) && !_state.IsLiving(Host));
    }

    [Fact]
    public void A_silent_host_is_told_in_every_round_for_as_long_as_it_is_silent()
    {
        Silence();
        Assert.All(Enumerable.Range(0, 50), _ => Assert.Equal([Host], Round((Host, 1))));
        Assert.Equal([Host], RoundAfter(60, (Host, 1))); // this host was stopped: that is no evidence, and does not make it beat
        Assert.Empty(Round((Host, 2)));
    }

    [Fact]
    public void Who_is_told_to_be_silent_is_silent_and_nobody_else()
    {
        for (ulong seed = 1; seed <= 200; seed++)
        {
            var random = new Random((int)seed);
            _state = HostWatchState.Initial;
            for (var round = 0; round < 100; round++)
            {
                var told = RoundAfter(
                    random.Next(20) switch { 0 => 0, 1 => 5, _ => 0.5 },
                    [.. Enumerable.Range(1, 4).Where(_ => random.Next(10) > 0).Select(host => ((ulong)host, host < 3 ? 1L : random.Next(4)))]);
                Assert.Equal(_state.Hosts.Keys.Where(_state.IsSilent).Order(), told);
            }
        }
    }

    [Fact]
    public void Rounds_in_quick_succession_are_not_time() =>
        Assert.All(Enumerable.Range(0, 20), _ => Assert.Empty(RoundAfter(0.1, (Host, 1))));

    [Theory]
    [InlineData(1.1)]
    [InlineData(60)]
    public void Time_without_acknowledged_rounds_is_not_evidence(double gap)
    {
        Round((Host, 1));
        Assert.All(Enumerable.Range(0, 20), _ => Assert.Empty(RoundAfter(gap, (Host, 1)))); // stopped, or the store stalls, again and again
        Assert.All(Enumerable.Range(0, 3), _ => Assert.Empty(Round((Host, 1))));
        Assert.Equal([Host], Round((Host, 1)));
    }

    [Fact]
    public void Late_rounds_are_evidence_and_four_are_needed()
    {
        Round((Host, 1));
        Assert.All(Enumerable.Range(0, 3), _ => Assert.Empty(RoundAfter(1, (Host, 1)))); // 3 s already
        Assert.Equal([Host], RoundAfter(1, (Host, 1)));
    }

    [Fact]
    public void Every_new_count_starts_anew_whether_greater_or_not()
    {
        for (var i = 0; i < 40; i++)
        {
            var count = i % 2 == 0 ? 5 : 3;
            Assert.All(Enumerable.Range(0, 4), _ => Assert.Empty(Round((Host, count))));
        }
    }

    [Fact]
    public void A_host_that_beats_again_is_not_silent_and_may_fall_silent_anew()
    {
        Silence();
        Assert.Empty(Round((Host, 2)));
        Assert.True(_state.IsLiving(Host));
        Assert.All(Enumerable.Range(0, 3), _ => Assert.Empty(Round((Host, 2))));
        Assert.Equal([Host], Round((Host, 2)));
    }

    [Fact]
    public void A_host_whose_row_vanished_is_silent_after_the_same_time()
    {
        Round((Host, 1));
        Round((Host, 2));
        Assert.All(Enumerable.Range(0, 3), _ => Assert.Empty(Round()));
        Assert.Equal([Host], Round());
    }

    [Fact]
    public void A_row_that_vanished_and_came_back_with_its_count_is_no_beat()
    {
        Round((Host, 1));
        Round();
        Round((Host, 1));
        Assert.Empty(Round());
        Assert.Equal([Host], Round((Host, 1)));
    }

    [Fact]
    public void A_silent_host_whose_row_has_vanished_is_forgotten_after_a_while_and_not_told_again()
    {
        Silence();
        for (var i = 0; i < 100; i++)
        {
            Assert.Equal([Host], Round());
        }

        for (var i = 0; i < 30; i++)
        {
            Round();
        }

        Assert.Empty(Round());
        Assert.Empty(_state.Hosts);
        Assert.False(_state.IsSilent(Host) || _state.IsLiving(Host));
    }

    [Fact]
    public void A_silent_host_whose_row_stays_is_not_forgotten()
    {
        Silence();
        Assert.All(Enumerable.Range(0, 500), _ => Assert.Equal([Host], Round((Host, 1))));
        Assert.True(_state.IsSilent(Host));
    }

    [Fact]
    public void Hosts_are_watched_apart_and_told_in_the_order_of_their_ids()
    {
        Round((Other, 1), (Host, 1), (8, 1));
        for (var i = 2; i <= 4; i++)
        {
            Assert.Empty(Round((Other, 1), (Host, 1), (8, i)));
        }

        Assert.Equal([Host, Other], Round((Other, 1), (8, 5), (Host, 1)));
        Assert.True(_state.IsLiving(8));
        Assert.False(_state.IsLiving(10) || _state.IsSilent(10)); // never seen
    }

    [Fact]
    public void A_clock_that_stands_still_or_runs_back_is_no_evidence() => Assert.All(
        Enumerable.Range(0, 50), i => Assert.Empty(RoundAfter(i % 2 == 0 ? 0 : -0.1, (Host, 1))));

    private void Silence()
    {
        for (var i = 0; i < 5; i++)
        {
            Round((Host, 1));
        }

        Assert.True(_state.IsSilent(Host));
    }

    private ImmutableArray<ulong> Round(params (ulong Host, long Count)[] beats) => RoundAfter(0.5, beats);

    private ImmutableArray<ulong> RoundAfter(double seconds, params (ulong Host, long Count)[] beats)
    {
        _now += TimeSpan.FromSeconds(seconds);
        var step = HostWatch.Look(_state, [.. beats.Select(beat => new SeenBeat(beat.Host, beat.Count))], _now);
        _state = step.State;
        return step.Silent;
    }
}
