using System.Collections.Immutable;
using Coordinator.Protocol.Ownership;
using Xunit;

namespace Coordinator.Protocol.Tests.Properties;

/// <summary>How far a shard forgets (D-5).</summary>
public sealed class ForgetRulesTests
{
    private const long Spacing = 10;

    [Fact]
    public void A_checkpoint_becomes_a_mark_unless_the_last_one_is_hardly_older()
    {
        var state = ForgetRules.With(ForgetState.Nothing, Mark(5, at: 100), Spacing);
        Assert.Equal([5], Versions(state));
        Assert.Same(state, ForgetRules.With(state, Mark(6, at: 109), Spacing));
        Assert.Equal([5, 7], Versions(ForgetRules.With(state, Mark(7, at: 110), Spacing)));
        Assert.Same(state, ForgetRules.With(state, Mark(8, at: 50), Spacing)); // a clock that went back
    }

    [Fact]
    public void Marks_are_bounded_and_the_oldest_stays()
    {
        var state = ForgetState.Nothing;
        for (var i = 1; i <= 100; i++)
        {
            state = ForgetRules.With(state, Mark(i, at: i * Spacing), Spacing);
        }

        Assert.Equal(ForgetRules.MarksMax, state.Marks.Length);
        Assert.Equal([1, 100], [state.Marks[0].Version, state.Marks[^1].Version]);
    }

    [Fact]
    public void The_horizon_moves_to_the_last_mark_that_is_old_enough()
    {
        var state = ForgetRules.Move(Marks(10, 20, 30, 40), writtenBefore: 35, _ => false);

        Assert.Equal((30L, "40"), (state.Horizon!.Version, string.Join(' ', Versions(state))));
        Assert.Same(state, ForgetRules.Move(state, writtenBefore: 35, _ => false));
    }

    [Fact]
    public void The_horizon_never_passes_what_holds_it_back()
    {
        var open = new TransactionId(new LogIdentity(7, 1), 0, 1, 5, 25);
        var state = ForgetRules.Move(Marks(10, 20, 30, 40), writtenBefore: 1000, mark => mark.Covers(open));

        Assert.Equal(20, state.Horizon!.Version); // the marks' sequences are their versions
        Assert.Equal([30, 40], Versions(state));
    }

    [Theory]
    [InlineData(1, 10, 2, 10, true)]
    [InlineData(2, 10, 2, 10, true)]
    [InlineData(2, 11, 2, 10, false)]
    [InlineData(3, 1, 2, 10, false)]
    public void A_mark_covers_what_may_have_rows_before_it(int epoch, int sequence, int markEpoch, int markSequence, bool covers) => Assert.Equal(
        covers,
        new ForgetMark(100, markEpoch, (ulong)markSequence, 0).Covers(new TransactionId(new LogIdentity(7, 1), 0, (ulong)epoch, 5, (ulong)sequence)));

    [Fact]
    public void What_readers_still_need_stays()
    {
        var horizon = new ForgetMark(100, 40, 7, 0);

        Assert.Equal([40L, 99L, 100L], Enumerable.Range(1, 100).Select(version => (long)version).Where(version => !ForgetRules.MayRemove(horizon, version)));
    }

    private static ForgetMark Mark(long version, long at) => new(version, 1, (ulong)version, at);

    private static ForgetState Marks(params long[] versions) => new(null, [.. versions.Select(version => Mark(version, version))]);

    private static ImmutableArray<long> Versions(ForgetState state) => [.. state.Marks.Select(mark => mark.Version)];
}
