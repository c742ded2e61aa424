using Coordinator.Protocol.Ownership;
using Xunit;

namespace Coordinator.Protocol.Tests.Properties;

/// <summary>When a standby takes a shard over: on its own evidence, not on a stall of its own or of the store.</summary>
public sealed class StandbyProtocolTests
{
    private const ulong Owner = 7;
    private StandbyState _state = StandbyState.Initial;
    private TimeSpan _now = TimeSpan.FromHours(1);

    [Fact]
    public void A_silent_owner_is_displaced_after_2_seconds_and_not_before()
    {
        Look(beat: 1);
        for (var i = 0; i < 3; i++)
        {
            Assert.False(Look(beat: 1));
        }

        Assert.True(Look(beat: 1)); // 4 looks and 2.0 s after the first that saw this beat
    }

    [Fact]
    public void Looks_in_quick_succession_are_not_time() =>
        Assert.DoesNotContain(true, Enumerable.Range(0, 19).Select(_ => Look(beat: 1, after: 0.1)));

    [Fact]
    public void Time_without_looks_is_not_evidence()
    {
        Look(beat: 1);
        Assert.False(Look(beat: 1, after: 60)); // this standby was stopped for a minute
        Assert.False(Look(beat: 1));
        Assert.False(Look(beat: 1));
        Assert.True(Look(beat: 1));
    }

    [Fact]
    public void A_store_that_does_not_take_our_own_beat_says_nothing_about_the_owner()
    {
        Look(beat: 1);
        Assert.DoesNotContain(true, Enumerable.Range(0, 100).Select(_ => Look(beat: 1, acknowledged: false)));
        Assert.False(Look(beat: 1)); // the first look behind the stall has no acknowledged one before it
        Assert.DoesNotContain(true, Enumerable.Range(0, 3).Select(_ => Look(beat: 1)));
        Assert.True(Look(beat: 1));
    }

    [Fact]
    public void A_beat_that_does_not_list_the_shard_is_silence()
    {
        Look(beat: 1);
        Assert.Equal(4, Enumerable.Range(0, 10).TakeWhile(_ => !Look(beat: null)).Count() + 1);
    }

    [Fact]
    public void Every_beat_starts_the_count_anew()
    {
        for (var beat = 1; beat < 40; beat++)
        {
            Assert.False(Look(beat));
            Assert.False(Look(beat));
            Assert.False(Look(beat));
            Assert.False(Look(beat));
        }
    }

    [Fact]
    public void Another_owner_is_watched_from_the_beginning()
    {
        Look(beat: 1);
        Look(beat: 1);
        Look(beat: 1);
        Look(beat: 1);
        Assert.False(Look(beat: 1, epoch: 11));
        Assert.False(Look(beat: 1, epoch: 11));
    }

    [Theory]
    [InlineData(0, false, false)]
    [InlineData(10, true, false)]
    [InlineData(10, false, true)]
    public void Nobody_is_waited_for_who_is_not_there(long epoch, bool released, bool gone) => Assert.True(StandbyProtocol.Look(
        _state, new StandbyLook(_now, true, epoch, Owner, released, 1, gone), 0).TakesOver);

    [Fact]
    public void An_owner_that_was_displaced_alive_is_given_twice_the_time_and_others_are_not()
    {
        for (var times = 1; times <= 8; times++)
        {
            _state = StandbyProtocol.DisplacedOwnerSeen(_state, Owner);
            var needed = StandbyProtocol.SilenceNeeded(_state, Owner, jitter: 0);

            Assert.Equal(TimeSpan.FromSeconds(2 << Math.Min(times, 5)), needed);
            Assert.Equal(needed * 1.25, StandbyProtocol.SilenceNeeded(_state, Owner, jitter: 1));
            Assert.Equal(TimeSpan.FromSeconds(2), StandbyProtocol.SilenceNeeded(_state, Owner + 1, jitter: 1));
        }
    }

    private bool Look(long? beat, double after = 0.5, bool acknowledged = true, long epoch = 10)
    {
        _now += TimeSpan.FromSeconds(after);
        var step = StandbyProtocol.Look(_state, new StandbyLook(_now, acknowledged, epoch, Owner, false, beat, false), jitter: 0);
        _state = step.State;
        return step.TakesOver;
    }
}
