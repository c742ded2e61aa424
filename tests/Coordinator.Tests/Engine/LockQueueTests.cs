using Coordinator.Participants;
using Coordinator.Protocol;
using Xunit;

namespace Coordinator.Tests;

/// <summary>The lock of one aggregate, by itself. Who is named first is the oldest, unless the test says otherwise.</summary>
public sealed class LockQueueTests
{
    private readonly LockQueue<Owner> _lock = new();
    private readonly Dictionary<string, Owner> _owners = [];
    private readonly List<string> _wounded = [];

    [Fact]
    public void Readers_share()
    {
        Assert.Equal(LockAnswer.Granted, Request("a", LockMode.Shared));
        Assert.Equal(LockAnswer.Granted, Request("b", LockMode.Shared));
    }

    [Fact]
    public void A_writer_waits_for_every_reader()
    {
        Request("a", LockMode.Shared);
        Request("b", LockMode.Shared);
        Assert.Equal(LockAnswer.Waiting, Request("w", LockMode.Exclusive));

        Assert.Empty(Release("a"));
        Assert.Equal(["w"], Release("b"));
    }

    [Fact]
    public void A_lock_that_is_handed_on_goes_to_the_next_writer_and_to_no_reader()
    {
        Request("w1", LockMode.Exclusive);
        Request("w2", LockMode.Exclusive);
        Request("r", LockMode.Shared);

        Assert.Equal(["w2"], HandOn("w1"));
        Assert.Empty(HandOn("w2"));
        Assert.Empty(Release("w1"));
        Assert.Equal(["r"], Release("w2"));
    }

    [Fact]
    public void A_writer_that_comes_later_gets_a_lock_that_was_handed_on()
    {
        Request("w1", LockMode.Exclusive);
        Assert.Empty(HandOn("w1"));

        Assert.Equal(LockAnswer.Granted, Request("w2", LockMode.Exclusive));
        Assert.False(_lock.IsIdle);
        Release("w2");
        Assert.Equal(LockAnswer.Waiting, Request("r", LockMode.Shared)); // what w1 leaves is not durable yet
        Assert.Equal(["r"], Release("w1"));
    }

    [Fact]
    public void Only_a_writer_can_hand_on()
    {
        Request("r", LockMode.Shared);
        Assert.Equal(LockAnswer.Waiting, Request("w", LockMode.Exclusive));

        Assert.Empty(HandOn("r"));
        Assert.Empty(HandOn("w"));
        Assert.Equal(["w"], Release("r"));
    }

    [Fact]
    public void A_reader_does_not_overtake_a_waiting_writer()
    {
        Request("a", LockMode.Shared);
        Request("w", LockMode.Exclusive);

        Assert.Equal(LockAnswer.Waiting, Request("b", LockMode.Shared));
        Assert.Equal(["w"], Release("a"));
        Assert.Equal(["b"], Release("w"));
    }

    [Fact]
    public void Readers_next_in_the_queue_are_granted_together()
    {
        Request("w", LockMode.Exclusive);
        Request("a", LockMode.Shared);
        Request("b", LockMode.Shared);
        Request("x", LockMode.Exclusive);

        Assert.Equal(["a", "b"], Release("w"));
    }

    [Fact]
    public void A_holder_that_asks_again_for_no_more_than_it_has_is_granted()
    {
        Request("a", LockMode.Exclusive);

        Assert.Equal(LockAnswer.Granted, Request("a", LockMode.Shared));
        Assert.Equal(LockAnswer.Granted, Request("a", LockMode.Exclusive));
    }

    [Fact]
    public void The_only_reader_becomes_writer_at_once() => Assert.Equal(
        (LockAnswer.Granted, LockAnswer.Granted), (Request("a", LockMode.Shared), Request("a", LockMode.Exclusive)));

    [Fact]
    public void A_reader_that_wants_to_write_goes_before_the_queue()
    {
        Request("a", LockMode.Shared);
        Request("b", LockMode.Shared);
        Request("w", LockMode.Exclusive);
        Assert.Equal(LockAnswer.Waiting, Request("a", LockMode.Exclusive));

        Assert.Equal(["a"], Release("b"));
        Assert.Equal(["w"], Release("a"));
    }

    [Fact]
    public void Of_two_readers_that_want_to_write_the_older_one_goes_on()
    {
        Request("old", LockMode.Shared);
        Request("young", LockMode.Shared);
        Assert.Equal(LockAnswer.Waiting, Request("young", LockMode.Exclusive));
        Assert.Empty(_wounded);
        Assert.Equal(LockAnswer.Waiting, Request("old", LockMode.Exclusive));

        Assert.Equal(["young"], _wounded);
        Assert.Equal(["old"], Release("young"));
    }

    [Fact]
    public void Who_is_older_wounds_every_younger_holder_in_its_way_and_no_other()
    {
        Age("writer", 2);
        Age("older", 1);
        Age("young", 3);
        Age("youngest", 4);
        Request("older", LockMode.Shared);
        Request("young", LockMode.Shared);
        Request("youngest", LockMode.Shared);

        Assert.Equal(LockAnswer.Waiting, Request("writer", LockMode.Exclusive));
        Assert.Equal(["young", "youngest"], _wounded);
    }

    [Fact]
    public void A_reader_wounds_a_younger_writer_and_no_younger_reader()
    {
        Age("reader", 1);
        Age("writer", 2);
        Age("other", 3);
        Request("writer", LockMode.Exclusive);
        Assert.Equal(LockAnswer.Waiting, Request("reader", LockMode.Shared));
        Assert.Equal(["writer"], _wounded);
        Assert.Equal(["reader"], Release("writer"));

        Assert.Equal(LockAnswer.Granted, Request("other", LockMode.Shared));
        Assert.Equal(["writer"], _wounded);
    }

    [Fact]
    public void A_holder_that_has_voted_is_waited_for()
    {
        Age("old", 1);
        Age("voted", 2);
        Request("voted", LockMode.Exclusive);
        _owners["voted"].CanBeWounded = false;

        Assert.Equal(LockAnswer.Waiting, Request("old", LockMode.Exclusive));
        Assert.Empty(_wounded);
    }

    [Fact]
    public void The_oldest_waiter_is_next_whenever_it_came()
    {
        Age("holder", 1);
        Age("old", 2);
        Age("young", 3);
        Request("holder", LockMode.Exclusive);
        Request("young", LockMode.Exclusive);
        Request("old", LockMode.Exclusive);

        Assert.Equal(["old"], Release("holder"));
        Assert.Equal(["young"], Release("old"));
    }

    [Fact]
    public void An_older_reader_joins_the_readers_before_a_younger_writer_that_waits()
    {
        Age("reader", 1);
        Age("old", 2);
        Age("writer", 3);
        Request("reader", LockMode.Shared);
        Request("writer", LockMode.Exclusive);

        Assert.Equal(LockAnswer.Granted, Request("old", LockMode.Shared));
    }

    [Fact]
    public void A_waiter_that_leaves_frees_those_behind_it()
    {
        Request("a", LockMode.Shared);
        Request("w", LockMode.Exclusive);
        Request("b", LockMode.Shared);

        Assert.Equal(["b"], Release("w"));
    }

    [Fact]
    public void A_waiting_upgrade_that_leaves_gives_up_its_read_as_well()
    {
        Request("a", LockMode.Shared);
        Request("b", LockMode.Shared);
        Request("a", LockMode.Exclusive);

        Assert.Empty(Release("a"));
        Assert.Empty(Release("b"));
        Assert.True(_lock.IsIdle);
    }

    [Fact]
    public void A_stranger_that_releases_changes_nothing()
    {
        Request("a", LockMode.Exclusive);
        Request("b", LockMode.Exclusive);

        Assert.Empty(Release("stranger"));
        Assert.Equal(["b"], Release("a"));
    }

    [Fact]
    public void Who_takes_without_waiting_gets_a_free_lock()
    {
        Assert.True(TryTake("a"));
        Assert.Equal(LockAnswer.Waiting, Request("b", LockMode.Exclusive));
        Assert.Equal(["b"], Release("a"));
    }

    [Fact]
    public void Who_takes_without_waiting_may_ask_again_once_the_younger_are_dropped()
    {
        Age("taker", 0);
        Request("young", LockMode.Shared);
        Request("younger", LockMode.Shared);
        Assert.False(TryTake("taker"));
        Assert.Equal(["young", "younger"], _wounded);
        Release("young");
        Release("younger");

        Assert.True(TryTake("taker"));
    }

    [Fact]
    public void Who_takes_without_waiting_drops_nobody_in_vain()
    {
        Age("older", 1);
        Age("taker", 2);
        Age("young", 3);
        Request("older", LockMode.Shared);
        Request("young", LockMode.Shared);

        Assert.False(TryTake("taker"));
        Assert.Empty(_wounded);
    }

    [Fact]
    public void Who_takes_without_waiting_does_not_overtake_an_older_waiter()
    {
        Age("writer", 1);
        Age("reader", 2);
        Age("taker", 3);
        Request("writer", LockMode.Exclusive);
        HandOn("writer");
        Request("reader", LockMode.Shared); // waits until the writer has left

        Assert.False(TryTake("taker"));
        Assert.Equal(["reader"], Release("writer"));
    }

    [Fact]
    public void A_lock_is_promised_while_the_writer_that_holds_it_has_voted()
    {
        Request("writer", LockMode.Exclusive);
        Assert.False(_lock.IsPromised);
        _owners["writer"].CanBeWounded = false;
        Assert.True(_lock.IsPromised);
        HandOn("writer");
        Assert.False(_lock.IsPromised);
    }

    /// <summary>Random operations against the plainest oracle there is: who holds what, and who waits.</summary>
    [Theory]
    [MemberData(nameof(Seeds))]
    public void Random_operations_never_break_exclusion_age_or_lose_a_waiter(int seed)
    {
        var random = new Random(seed);
        var names = Enumerable.Range(0, 8).Select(number => $"t{number}").ToArray();
        var holders = new Dictionary<string, LockMode>();
        var waiting = new Dictionary<string, LockMode>();
        foreach (var name in names.OrderBy(_ => random.Next()))
        {
            Age(name, _owners.Count);
        }

        for (var step = 0; step < 2_000; step++)
        {
            var name = names[random.Next(names.Length)];
            if (random.Next(3) == 0 || waiting.ContainsKey(name))
            {
                Leave(name);
            }
            else
            {
                Ask(name, (LockMode)random.Next(2));
            }

            Assert.True(holders.Count <= 1 || holders.Values.All(mode => mode is LockMode.Shared), $"seed {seed}, step {step}: an exclusive holder is not alone");
            var head = waiting.Keys.MinBy(AgeOf);
            Assert.True(head is null || !CanBeGranted(head, waiting[head]), $"seed {seed}, step {step}: {head} could hold and was forgotten");
            Assert.All(waiting, waiter => Assert.DoesNotContain(holders, holder => IsInTheWay(holder, waiter) && AgeOf(holder.Key) > AgeOf(waiter.Key)));
        }

        void Ask(string name, LockMode mode)
        {
            _wounded.Clear();
            if (Request(name, mode) is LockAnswer.Granted)
            {
                Assert.True(holders.GetValueOrDefault(name) >= mode && holders.ContainsKey(name) || waiting.Keys.All(other => AgeOf(other) > AgeOf(name)), $"seed {seed}: {name} overtook an older one");
                holders[name] = holders.GetValueOrDefault(name) > mode ? holders[name] : mode;
                return;
            }

            waiting.Add(name, mode);
            Assert.Equal(
                holders.Where(holder => IsInTheWay(holder, new(name, mode)) && AgeOf(holder.Key) > AgeOf(name)).Select(holder => holder.Key).Order(),
                _wounded.Order());
            foreach (var wounded in _wounded.ToArray())
            {
                Leave(wounded);
            }
        }

        void Leave(string name)
        {
            holders.Remove(name);
            waiting.Remove(name);
            foreach (var granted in Release(name))
            {
                Assert.Equal(waiting.Keys.MinBy(AgeOf), granted);
                holders[granted] = waiting[granted];
                waiting.Remove(granted);
            }
        }

        bool IsInTheWay(KeyValuePair<string, LockMode> holder, KeyValuePair<string, LockMode> waiter) =>
            holder.Key != waiter.Key && (holder.Value is LockMode.Exclusive || waiter.Value is LockMode.Exclusive);

        bool CanBeGranted(string name, LockMode mode) => holders.All(holder => !IsInTheWay(holder, new(name, mode)));
    }

    /// <summary>
    /// Several locks, and all that transactions do with them: ask, take without waiting, vote, hand on, leave. In no state do some wait for each other in a circle: what is left waits in the
    /// end for one that has voted or works, and that ends (decision 0011).
    /// </summary>
    [Theory]
    [MemberData(nameof(Seeds))]
    public void Random_transactions_over_several_locks_never_wait_in_a_circle(int seed) => new LockedWorld(seed).Run(4_000);

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 20)];

    private long AgeOf(string name) => _owners[name].Age.Begun.UtcTicks;

    private void Age(string name, int age) => _owners.Add(name, new Owner(name, age));

    private LockAnswer Request(string name, LockMode mode)
    {
        if (!_owners.ContainsKey(name))
        {
            Age(name, _owners.Count);
        }

        var answer = _lock.Request(_owners[name], mode, out var wounded);
        _wounded.AddRange((wounded ?? []).Select(owner => owner.Name));
        return answer;
    }

    private bool TryTake(string name)
    {
        if (!_owners.ContainsKey(name))
        {
            Age(name, _owners.Count);
        }

        var taken = _lock.TryTake(_owners[name], out var wounded);
        _wounded.AddRange((wounded ?? []).Select(owner => owner.Name));
        return taken;
    }

    private List<string> HandOn(string name)
    {
        var granted = new List<Owner>();
        _lock.HandOn(_owners[name], granted);
        return [.. granted.Select(owner => owner.Name)];
    }

    private List<string> Release(string name)
    {
        var granted = new List<Owner>();
        _lock.Release(_owners.TryGetValue(name, out var owner) ? owner : new Owner(name, 0), granted);
        return [.. granted.Select(one => one.Name)];
    }

    private sealed class Owner(string name, int age) : ILockOwner
    {
        public string Name => name;

        public TransactionId Transaction { get; } = new(default, 0, 1, 0, (ulong)age);

        public TransactionAge Age { get; } = new(DateTimeOffset.UnixEpoch.AddTicks(age), default);

        public bool CanBeWounded { get; set; } = true;

        public bool MayFollow => true;
    }
}
