using Coordinator.Participants;
using Xunit;

namespace Coordinator.Tests;

/// <summary>The lock of one aggregate, by itself.</summary>
public sealed class LockQueueTests
{
    private readonly LockQueue<string> _lock = new();

    [Fact]
    public void Readers_share()
    {
        Assert.Equal(LockAnswer.Granted, _lock.Request("a", LockMode.Shared));
        Assert.Equal(LockAnswer.Granted, _lock.Request("b", LockMode.Shared));
    }

    [Fact]
    public void A_writer_waits_for_every_reader()
    {
        _lock.Request("a", LockMode.Shared);
        _lock.Request("b", LockMode.Shared);
        Assert.Equal(LockAnswer.Waiting, _lock.Request("w", LockMode.Exclusive));

        Assert.Empty(Release("a"));
        Assert.Equal(["w"], Release("b"));
    }

    [Fact]
    public void A_lock_that_is_handed_on_goes_to_the_next_writer_and_to_no_reader()
    {
        _lock.Request("w1", LockMode.Exclusive);
        _lock.Request("w2", LockMode.Exclusive);
        _lock.Request("r", LockMode.Shared);

        Assert.Equal(["w2"], HandOn("w1"));
        Assert.Empty(HandOn("w2"));
        Assert.Empty(Release("w1"));
        Assert.Equal(["r"], Release("w2"));
    }

    [Fact]
    public void A_writer_that_comes_later_gets_a_lock_that_was_handed_on()
    {
        _lock.Request("w1", LockMode.Exclusive);
        Assert.Empty(HandOn("w1"));

        Assert.Equal(LockAnswer.Granted, _lock.Request("w2", LockMode.Exclusive));
        Assert.False(_lock.IsIdle);
        Release("w2");
        Assert.Equal(LockAnswer.Waiting, _lock.Request("r", LockMode.Shared)); // what w1 leaves is not durable yet
        Assert.Equal(["r"], Release("w1"));
    }

    [Fact]
    public void Only_a_writer_can_hand_on()
    {
        _lock.Request("r", LockMode.Shared);
        Assert.Equal(LockAnswer.Waiting, _lock.Request("w", LockMode.Exclusive));

        Assert.Empty(HandOn("r"));
        Assert.Empty(HandOn("w"));
        Assert.Equal(["w"], Release("r"));
    }

    [Fact]
    public void A_reader_does_not_overtake_a_waiting_writer()
    {
        _lock.Request("a", LockMode.Shared);
        _lock.Request("w", LockMode.Exclusive);

        Assert.Equal(LockAnswer.Waiting, _lock.Request("b", LockMode.Shared));
        Assert.Equal(["w"], Release("a"));
        Assert.Equal(["b"], Release("w"));
    }

    [Fact]
    public void Readers_next_in_the_queue_are_granted_together()
    {
        _lock.Request("w", LockMode.Exclusive);
        _lock.Request("a", LockMode.Shared);
        _lock.Request("b", LockMode.Shared);
        _lock.Request("x", LockMode.Exclusive);

        Assert.Equal(["a", "b"], Release("w"));
    }

    [Fact]
    public void A_holder_that_asks_again_for_no_more_than_it_has_is_granted()
    {
        _lock.Request("a", LockMode.Exclusive);

        Assert.Equal(LockAnswer.Granted, _lock.Request("a", LockMode.Shared));
        Assert.Equal(LockAnswer.Granted, _lock.Request("a", LockMode.Exclusive));
    }

    [Fact]
    public void The_only_reader_becomes_writer_at_once() => Assert.Equal(
        (LockAnswer.Granted, LockAnswer.Granted), (_lock.Request("a", LockMode.Shared), _lock.Request("a", LockMode.Exclusive)));

    [Fact]
    public void A_reader_that_wants_to_write_goes_before_the_queue()
    {
        _lock.Request("a", LockMode.Shared);
        _lock.Request("b", LockMode.Shared);
        _lock.Request("w", LockMode.Exclusive);
        Assert.Equal(LockAnswer.Waiting, _lock.Request("a", LockMode.Exclusive));

        Assert.Equal(["a"], Release("b"));
        Assert.Equal(["w"], Release("a"));
    }

    [Fact]
    public void The_second_reader_that_wants_to_write_is_refused_at_once()
    {
        _lock.Request("a", LockMode.Shared);
        _lock.Request("b", LockMode.Shared);
        _lock.Request("a", LockMode.Exclusive);

        Assert.Equal(LockAnswer.Deadlock, _lock.Request("b", LockMode.Exclusive));
        Assert.Equal(["a"], Release("b"));
    }

    [Fact]
    public void A_waiter_that_leaves_frees_those_behind_it()
    {
        _lock.Request("a", LockMode.Shared);
        _lock.Request("w", LockMode.Exclusive);
        _lock.Request("b", LockMode.Shared);

        Assert.Equal(["b"], Release("w"));
    }

    [Fact]
    public void A_waiting_upgrade_that_leaves_gives_up_its_read_as_well()
    {
        _lock.Request("a", LockMode.Shared);
        _lock.Request("b", LockMode.Shared);
        _lock.Request("a", LockMode.Exclusive);

        Assert.Empty(Release("a"));
        Assert.Empty(Release("b"));
        Assert.True(_lock.IsIdle);
    }

    [Fact]
    public void A_stranger_that_releases_changes_nothing()
    {
        _lock.Request("a", LockMode.Exclusive);
        _lock.Request("b", LockMode.Exclusive);

        Assert.Empty(Release("stranger"));
        Assert.Equal(["b"], Release("a"));
    }

    /// <summary>Random operations against the plainest oracle there is: who holds what, and who waits in which order.</summary>
    [Theory]
    [MemberData(nameof(Seeds))]
    public void Random_operations_never_break_exclusion_order_or_lose_a_waiter(int seed)
    {
        var random = new Random(seed);
        var names = Enumerable.Range(0, 8).Select(number => $"t{number}").ToArray();
        var holders = new Dictionary<string, LockMode>();
        var waiting = new List<(string Name, LockMode Mode)>();
        for (var step = 0; step < 2_000; step++)
        {
            var name = names[random.Next(names.Length)];
            if (random.Next(3) == 0 || waiting.Exists(one => one.Name == name))
            {
                holders.Remove(name);
                waiting.RemoveAll(one => one.Name == name);
                foreach (var granted in Release(name))
                {
                    Assert.Equal(waiting[0].Name, granted);
                    holders[granted] = waiting[0].Mode;
                    waiting.RemoveAt(0);
                }
            }
            else
            {
                var mode = (LockMode)random.Next(2);
                Expect(name, mode, _lock.Request(name, mode));
            }

            Assert.True(holders.Count <= 1 || holders.Values.All(mode => mode is LockMode.Shared), $"seed {seed}, step {step}: an exclusive holder is not alone");
            Assert.True(waiting.Count == 0 || !CanBeGranted(waiting[0]), $"seed {seed}, step {step}: {waiting.FirstOrDefault()} could hold and was forgotten");
        }

        void Expect(string name, LockMode mode, LockAnswer answer)
        {
            switch (answer)
            {
                case LockAnswer.Granted:
                    Assert.True(waiting.Count == 0 || holders.ContainsKey(name), $"seed {seed}: {name} overtook the queue");
                    holders[name] = holders.GetValueOrDefault(name) > mode ? holders[name] : mode;
                    break;
                case LockAnswer.Waiting:
                    waiting.Insert(holders.ContainsKey(name) ? 0 : waiting.Count, (name, mode));
                    break;
                default:
                    Assert.Equal(LockAnswer.Deadlock, answer);
                    Assert.True(holders.ContainsKey(name) && holders.ContainsKey(waiting[0].Name), $"seed {seed}: refused without a cycle");
                    break;
            }
        }

        bool CanBeGranted((string Name, LockMode Mode) one) => holders.ContainsKey(one.Name)
            ? holders.Count == 1
            : holders.Count == 0 || (one.Mode is LockMode.Shared && holders.Values.All(mode => mode is LockMode.Shared));
    }

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 20)];

    private List<string> HandOn(string owner)
    {
        var granted = new List<string>();
        _lock.HandOn(owner, granted);
        return granted;
    }

    private List<string> Release(string name)
    {
        var granted = new List<string>();
        _lock.Release(name, granted);
        return granted;
    }
}
