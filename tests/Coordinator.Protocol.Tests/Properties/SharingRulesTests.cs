using System.Collections.Immutable;
using Coordinator.Protocol.Ownership;
using FsCheck.Fluent;
using Xunit;

namespace Coordinator.Protocol.Tests.Properties;

/// <summary>Which host hands over and which claims: case by case, and for every view whatever.</summary>
public sealed class SharingRulesTests
{
    private static readonly TimeSpan s_short = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_long = TimeSpan.FromSeconds(1.1);

    [Theory]
    [InlineData(16, 1, 16)]
    [InlineData(16, 2, 8)]
    [InlineData(16, 3, 6)]
    [InlineData(16, 16, 1)]
    [InlineData(16, 17, 1)]
    [InlineData(1, 3, 1)]
    public void A_share_is_rounded_up(int shards, int hosts, int share) => Assert.Equal(
        share,
        Step(host: 1, shards, [], [.. Enumerable.Range(2, hosts - 1).Select(host => new LivingHost((ulong)host, []))], []).ShareMax);

    // What each of the hosts 1, 2, ... holds, and who hands over.
    [Theory]
    [InlineData("16", 0)] // alone
    [InlineData("16 0", 1)]
    [InlineData("0 16", 2)]
    [InlineData("9 7", 1)]
    [InlineData("8 8", 0)]
    [InlineData("8 7", 0)]
    [InlineData("2 2 0", 1)] // nobody is above the limit
    [InlineData("4 2 2 2", 1)] // nobody is below the floor
    [InlineData("2 4 2 2", 2)]
    [InlineData("3 3 1", 1)] // of two the one with the lower id
    [InlineData("1 3 3", 2)]
    [InlineData("6 5 5", 0)]
    [InlineData("1 0 0", 0)]
    [InlineData("2 0 0", 1)]
    public void The_host_with_the_most_hands_over_while_somebody_holds_two_fewer(string counts, ulong giver)
    {
        var hosts = Hosts(counts);
        foreach (var one in hosts)
        {
            var handsOver = Step(one.Host, hosts.Sum(host => host.Shards.Length), one.Shards, hosts, []).HandOver;
            Assert.Equal(one.Host == giver ? one.Shards.Max() : null, handsOver);
        }
    }

    [Fact]
    public void Never_the_shard_on_which_transactions_begin()
    {
        Assert.Equal((ushort)2, Step(1, 4, [0, 1, 2, 3], [new(2, [])], [], beginsOn: 3).HandOver);
        Assert.Equal((ushort)0, Step(1, 2, [0, 1], [new(2, [])], [], beginsOn: 1).HandOver);
        Assert.Null(Step(1, 1, [0], [new(2, [])], [], beginsOn: 0).HandOver);
    }

    [Fact]
    public void The_next_hand_over_waits_until_the_last_shard_is_listed_by_its_taker()
    {
        Assert.Null(Step(1, 8, [0, 1, 2, 3, 4, 5, 6], [new(2, [])], [new(7, TimeSpan.Zero)]).HandOver); // free
        Assert.Null(Step(1, 8, [0, 1, 2, 3, 4, 5, 6], [new(2, [])], []).HandOver); // taken, and not listed yet
        Assert.Equal((ushort)6, Step(1, 8, [0, 1, 2, 3, 4, 5, 6], [new(2, [7])], []).HandOver);
    }

    [Fact]
    public void What_the_log_says_goes_before_what_an_old_beat_lists()
    {
        Assert.Equal((ushort)3, Step(1, 4, [0, 1, 2, 3], [new(2, [2, 3])], []).HandOver); // host 2 handed both over
        Assert.Equal([(ushort)3], Step(1, 4, [0], [new(2, [1, 2, 3])], [new(3, TimeSpan.Zero)]).Claims); // it holds 1 and 2, and I fewer
    }

    [Theory]
    [InlineData(1UL, "0 3 6")]
    [InlineData(2UL, "1 4 7")]
    [InlineData(3UL, "2 5")]
    public void Hosts_that_start_together_claim_each_its_own(ulong host, string claims) => Assert.Equal(
        claims,
        string.Join(' ', Step(host, 8, [], Hosts("0 0 0"), [.. Enumerable.Range(0, 8).Select(shard => new FreeShard((ushort)shard, TimeSpan.Zero))]).Claims));

    [Fact]
    public void A_free_shard_is_for_the_host_with_the_least_and_after_a_second_for_everyone()
    {
        // 2, 2 and 0 were the holdings; host 1 has just handed shard 1 over.
        LivingHost[] hosts = [new(1, [0]), new(2, [2, 3]), new(3, [])];
        Assert.Equal([(ushort)1], Step(3, 4, [], hosts, [new(1, TimeSpan.Zero)]).Claims);
        Assert.Empty(Step(1, 4, [0], hosts, [new(1, s_short)]).Claims); // or it would take back what it gave
        Assert.Empty(Step(2, 4, [2, 3], hosts, [new(1, s_short)]).Claims);
        Assert.Equal([(ushort)1], Step(1, 4, [0], hosts, [new(1, s_long)]).Claims);
        Assert.Equal([(ushort)1], Step(2, 4, [2, 3], hosts, [new(1, s_long)]).Claims);
    }

    [Fact]
    public void A_host_alone_claims_all() =>
        Assert.Equal([(ushort)1, (ushort)2, (ushort)3], Step(1, 4, [0], [], [new(3, TimeSpan.Zero), new(1, TimeSpan.Zero), new(2, TimeSpan.Zero)]).Claims);

    [Fact]
    public void Any_view_has_an_answer_that_makes_sense() => Checking.ForAll(
        Views,
        view =>
        {
            var step = SharingRules.Share(view);
            return step.ShareMax >= 1
                && (step.HandOver is not { } shard || (view.Owned.Contains(shard) && shard != view.BeginsOn && view.Free.All(free => view.Owned.Contains(free.Shard))))
                && step.Claims.All(claim => view.Free.Any(free => free.Shard == claim) && !view.Owned.Contains(claim))
                && step.Claims.Distinct().Count() == step.Claims.Length
                && SharingRules.Share(view with { Living = [.. view.Living.Reverse()], Free = [.. view.Free.Reverse()], Owned = [.. view.Owned.Reverse()] })
                    is var again && again.HandOver == step.HandOver && again.ShareMax == step.ShareMax;
        },
        nameof(Any_view_has_an_answer_that_makes_sense));

    private static FsCheck.Gen<SharingView> Views
    {
        get
        {
            var shard = Gen.Choose(0, 9).Select(number => (ushort)number);
            var shards = shard.ArrayOf().Select(some => some.ToImmutableArray());
            var free = from number in shard
                       from tenths in Gen.Choose(0, 20)
                       select new FreeShard(number, TimeSpan.FromMilliseconds(100 * tenths));
            var living = from host in Gen.Choose(1, 5)
                         from listed in shards
                         select new LivingHost((ulong)host, listed);
            return from host in Gen.Choose(1, 5)
                   from count in Gen.Choose(1, 10)
                   from hosts in living.ArrayOf()
                   from owned in shards
                   from beginsOn in shard
                   from waiting in free.ArrayOf()
                   select new SharingView((ulong)host, [.. hosts.DistinctBy(one => one.Host)], count, owned, beginsOn, [.. waiting.DistinctBy(one => one.Shard)]);
        }
    }

    private static SharingStep Step(
        ulong host, int shards, ImmutableArray<ushort> owned, LivingHost[] living, FreeShard[] free, ushort? beginsOn = null) =>
        SharingRules.Share(new SharingView(host, [.. living], shards, owned, beginsOn, [.. free]));

    private static LivingHost[] Hosts(string counts)
    {
        var next = 0;
        return [.. counts.Split(' ').Select((count, index) => new LivingHost(
            (ulong)index + 1, [.. Enumerable.Range(0, int.Parse(count)).Select(_ => (ushort)next++)]))];
    }
}
