using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Testing.Faults;
using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests;

/// <summary>One write at a time for all who wait, and nothing told that the log does not hold (rules D-1, D-2, D-9).</summary>
public sealed class GroupCommitterTests
{
    public static TheoryData<string> Faults => [.. AppendFaults.All.Select(fault => fault.ToString())];

    [Theory]
    [MemberData(nameof(Faults))]
    public void Whatever_happens_to_a_write_the_told_outcome_is_what_the_log_holds(string name) => SimulationLoop.Run(async loop =>
    {
        FaultyLogStore? faulty = null;
        await using var engine = await TestEngine.StartAsync(loop, faults: inner => faulty = new FaultyLogStore(inner));
        await engine.Transactions.DepositAsync("a", 1);
        var fault = Enum.Parse<AppendFault>(name);
        if (fault.Stalls())
        {
            return; // the stalls have tests of their own, on a store that runs on this thread
        }

        faulty!.Arm(fault);
        var outcome = await engine.Transactions.DepositAsync("a", 10);
        faulty.Release();

        Assert.Equal(fault is not AppendFault.Refused, outcome.IsCommitted);
        Assert.Equal(outcome.IsCommitted, await engine.IsCommittedInLogAsync(outcome.Id));
        Assert.Equal(outcome.IsCommitted ? 11 : 1, await engine.Transactions.BalanceAsync("a"));
        await AssertSoundAsync(engine, loop);
    });

    [Theory]
    [MemberData(nameof(Faults))]
    public void Two_faults_in_a_row_are_cleared_up_as_well(string name) => SimulationLoop.Run(async loop =>
    {
        foreach (var second in AppendFaults.All.Where(fault => !fault.Stalls()))
        {
            var plan = new Queue<AppendFault>();
            if (Enum.Parse<AppendFault>(name).Stalls())
            {
                return;
            }

            FaultyLogStore? faulty = null;
            await using var engine = await TestEngine.StartAsync(
                loop, faults: inner => faulty = new FaultyLogStore(inner, () => plan.TryDequeue(out var next) ? next : default));
            await engine.Transactions.DepositAsync("a", 1);
            plan.Enqueue(Enum.Parse<AppendFault>(name));
            plan.Enqueue(second);
            var outcome = await engine.Transactions.DepositAsync("a", 10);
            faulty!.Release();

            Assert.Equal(outcome.IsCommitted, await engine.IsCommittedInLogAsync(outcome.Id));
            await AssertSoundAsync(engine, loop);
        }
    });

    // The chain of the shard after the empty row behind a group of one row.
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_group_that_landed_without_an_answer_keeps_the_chain_of_its_shard(int deposits) => SimulationLoop.Run(async loop =>
    {
        FaultyLogStore? faulty = null;
        await using var engine = await TestEngine.StartAsync(loop, faults: inner => faulty = new FaultyLogStore(inner));
        engine.Store.HoldsAppends = true;
        var first = engine.Transactions.DepositAsync("first", 1);
        await loop.IdleAsync();
        var group = Enumerable.Range(0, deposits).Select(number => engine.Transactions.DepositAsync($"a{number}", 1)).ToList();
        await loop.IdleAsync();
        engine.Store.Script = rows =>
        {
            if (rows.Rows.Length > 2)
            {
                engine.Store.Script = null;
                faulty!.Arm(AppendFault.CommitLandedThenLost);
            }

            return null;
        };
        if (deposits == 1)
        {
            faulty!.Arm(AppendFault.CommitLandedThenLost);
        }

        engine.Store.Release();
        Assert.All(await Task.WhenAll([first, .. group]), outcome => Assert.True(outcome.IsCommitted));
        Assert.Equal(1, await engine.CountAsync(RowKind.Fenced));
        Assert.Equal((await engine.RowsOfAsync("shard/0")).Count - 1 + deposits + 1, engine.Engine.Committer.RowCount);
        await AssertSoundAsync(engine, loop);
    });

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_store_that_stalls_is_given_up_and_fenced(bool landsLate) => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        engine.Store.HoldsAppends = true;
        engine.Store.LandsLate = landsLate;
        var before = loop.Time.Now;
        var outcome = await engine.Transactions.DepositAsync("a", 10);

        Assert.InRange(loop.Time.Now - before, TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(10.2));
        Assert.True(outcome.IsCommitted);
        await engine.Store.LandLate(); // too late: the fence took its version
        Assert.Equal(10, await engine.Transactions.BalanceAsync("a"));
        Assert.Single(await engine.RowsOfAsync("account/a"));
        await AssertSoundAsync(engine, loop);
    });

    [Fact]
    public void A_fence_that_stalls_is_tried_again_at_the_same_version() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        engine.Store.HoldsAppends = true;
        engine.Store.LandsLate = true;
        engine.Store.KeepsHolding = true;
        var deposit = engine.Transactions.DepositAsync("a", 10);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(10.2));
        await engine.Store.LandLate(); // the group itself, while its fence is held
        engine.Store.KeepsHolding = false;

        Assert.True((await deposit).IsCommitted);
        await engine.Store.LandLate();
        Assert.Single(await engine.RowsOfAsync("account/a"));
        await AssertSoundAsync(engine, loop);
    });

    [Fact]
    public void A_batch_that_the_store_refuses_is_rejected_alone() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        engine.Store.Script = group => group.Rows.Any(row => row.Stream.Value == "account/bad")
            ? new GroupAnswer(GroupAnswerKind.Refused, new InvalidDataException("22021")) : null;
        engine.Store.HoldsAppends = true;
        var first = engine.Transactions.DepositAsync("first", 1);
        await loop.IdleAsync();
        var deposits = Enumerable.Range(0, 9).Select(number => engine.Transactions.DepositAsync(number == 5 ? "bad" : $"a{number}", 1)).ToList();
        await loop.IdleAsync();
        engine.Store.Release();
        await first;
        var outcomes = await Task.WhenAll(deposits);

        Assert.Equal(8, outcomes.Count(outcome => outcome.IsCommitted));
        Assert.Equal(AbortReason.Rejected, Assert.IsType<TransactionOutcome.Aborted>(outcomes[5]).Cause.Reason);
        await AssertSoundAsync(engine, loop);
    });

    [Fact]
    public void A_store_that_cannot_write_for_now_delays_and_decides_nothing() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var refusals = 8;
        engine.Store.Script = _ => refusals-- > 0 ? new GroupAnswer(GroupAnswerKind.TryAgain, new IOException("full")) : null;
        Assert.True((await engine.Transactions.DepositAsync("a", 1)).IsCommitted);

        Assert.Equal(9, engine.Store.Sent.Count);
        Assert.True(loop.Time.Now >= TimeSpan.FromMilliseconds(5 * 255)); // doubling from 5 ms
        await AssertSoundAsync(engine, loop);
    });

    [Fact]
    public void A_conflict_is_answered_to_its_owner_alone_and_the_rest_is_renumbered() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await engine.Transactions.DepositAsync("b", 1);
        await engine.WriteBehindItsBackAsync("account/b");
        engine.Store.HoldsAppends = true;
        var first = engine.Transactions.DepositAsync("first", 1);
        await loop.IdleAsync();
        var deposits = new[] { "a", "b", "c" }.Select(name => engine.Transactions.DepositAsync(name, 1)).ToList();
        await loop.IdleAsync();
        engine.Store.Release();
        await first;
        var outcomes = await Task.WhenAll(deposits);

        Assert.Equal([true, false, true], outcomes.Select(outcome => outcome.IsCommitted));
        var cause = Assert.IsType<TransactionOutcome.Aborted>(outcomes[1]).Cause;
        Assert.Equal((AbortReason.Conflict, "account/b"), (cause.Reason, cause.Participant.ToString()));
        await AssertSoundAsync(engine, loop);
    });

    [Fact]
    public void After_a_conflict_the_state_is_read_anew() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await engine.Transactions.DepositAsync("b", 1);
        await engine.WriteBehindItsBackAsync("account/b");
        Assert.False((await engine.Transactions.DepositAsync("b", 1)).IsCommitted);

        Assert.True((await engine.Transactions.DepositAsync("b", 1)).IsCommitted);
        Assert.Equal(9, await engine.Transactions.BalanceAsync("b"));
    });

    // D-9: in SQL two transactions of one group are blind to each other.
    [Fact]
    public void Two_transactions_of_one_group_that_read_what_the_other_writes_do_not_both_commit() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        engine.Store.HoldsAppends = true;
        var first = engine.Transactions.DepositAsync("first", 1);
        await loop.IdleAsync();
        var (one, two) = (engine.Transactions.Begin(), engine.Transactions.Begin());
        await one.BalanceAsync("x");
        await two.BalanceAsync("y");
        var writes = (one.DepositAsync("y", 1), two.DepositAsync("x", 1)); // each waits for the other's read
        await loop.IdleAsync();
        engine.Store.Release();
        await first;
        await Task.WhenAny(Task.WhenAll(writes.Item1, writes.Item2));
        var outcomes = new[] { await one.CommitAsync(), await two.CommitAsync() };

        Assert.InRange(outcomes.Count(outcome => outcome.IsCommitted), 0, 1);
        engine.AssertQuiet();
    });

    [Fact]
    public void A_read_that_is_overtaken_in_its_own_group_fails_its_validation() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        engine.Store.HoldsAppends = true;
        var first = engine.Transactions.DepositAsync("first", 1);
        await loop.IdleAsync();

        // The reader leaves x with its vote, so a writer of x may enter the group behind it: one order or the other, never neither.
        var reader = engine.Transactions.RunAsync(async transaction =>
        {
            var seen = await transaction.BalanceAsync("x");
            await transaction.DepositAsync("y", seen + 1);
        });
        var writer = engine.Transactions.RunAsync(async transaction => await transaction.DepositAsync("x", 5));
        await loop.IdleAsync();
        engine.Store.Release();
        await first;

        Assert.All(await Task.WhenAll(reader, writer), outcome => Assert.True(outcome.IsCommitted));
        Assert.Equal(1, await engine.Transactions.BalanceAsync("y")); // the reader was first in the log as well
        await AssertSoundAsync(engine, loop);
    });

    [Fact]
    public void Publishers_of_one_stream_share_a_group_and_are_numbered_without_a_gap() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await engine.Transactions.RunAsync(async transaction => await transaction.PublishAsync("notes", new Noted("0")));
        engine.Store.HoldsAppends = true;
        var publishers = Enumerable.Range(1, 20).Select(number => engine.Transactions.RunAsync(
            async transaction => await transaction.PublishAsync("notes", new Noted($"{number}")))).ToList();
        await loop.IdleAsync();
        engine.Store.Release();
        await Task.WhenAll(publishers);

        var rows = await engine.RowsOfAsync("notes");
        Assert.Equal(21, rows.Count);
        Assert.All(rows.Skip(1).Zip(rows), pair => Assert.Equal(pair.Second.Position, pair.First.Previous)); // D-10
        Assert.Equal(2, engine.Store.Sent.Count); // the one before, and all twenty together
    });

    [Fact]
    public void A_tail_that_moved_unseen_costs_a_read_and_nobody_is_aborted() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await engine.Transactions.RunAsync(async transaction => await transaction.PublishAsync("notes", new Noted("1")));
        await engine.WriteBehindItsBackAsync("notes");
        var outcome = await engine.Transactions.RunAsync(async transaction => await transaction.PublishAsync("notes", new Noted("3")));

        Assert.True(outcome.IsCommitted);
        Assert.Equal([1, 2, 3], (await engine.RowsOfAsync("notes")).Select(row => row.Version));
    });

    [Fact]
    public void A_group_stays_below_its_limit_unless_one_batch_is_larger() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        engine.Store.HoldsAppends = true;
        var first = engine.Transactions.DepositAsync("first", 1);
        await loop.IdleAsync();
        var text = new string('x', 100_000);
        var publishers = Enumerable.Range(0, 6).Select(number => engine.Transactions.RunAsync(
            async transaction => await transaction.PublishAsync($"notes/{number}", new Noted(number == 5 ? text + text + text : text)))).ToList();
        await loop.IdleAsync();
        engine.Store.Release();
        await first;
        await Task.WhenAll(publishers);

        var sizes = engine.Store.Sent.Skip(1).Select(group => group.Rows.Sum(row => row.Payload.Length)).ToList();
        Assert.Equal(4, sizes.Count);
        Assert.All(sizes[..3], size => Assert.InRange(size, 1, 256 * 1024));
        Assert.True(sizes[3] > 256 * 1024);
    });

    [Fact]
    public void A_stream_whose_end_cannot_be_read_stops_that_stream_only() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        engine.Store.BeforeRead = stream =>
        {
            if (stream.Value == "damaged")
            {
                throw new LogCorruptException(stream, 7, "its checksum differs from its content");
            }
        };
        engine.Store.HoldsAppends = true;
        var first = engine.Transactions.DepositAsync("first", 1);
        await loop.IdleAsync();
        var damaged = engine.Transactions.RunAsync(async transaction => await transaction.PublishAsync("damaged", new Noted("x")));
        var sound = engine.Transactions.RunAsync(async transaction => await transaction.PublishAsync("sound", new Noted("x")));
        await loop.IdleAsync();
        engine.Store.Release();
        await first;

        Assert.True((await sound).IsCommitted);
        Assert.Equal(AbortReason.Rejected, Assert.IsType<TransactionOutcome.Aborted>(await damaged).Cause.Reason);
        await AssertSoundAsync(engine, loop);
    });

    /// <summary>Reading the shard verifies its chain and that it has no hole; a restart must find nothing unreadable.</summary>
    private static async Task AssertSoundAsync(TestEngine engine, SimulationLoop loop)
    {
        engine.AssertQuiet();
        var rows = await engine.RowsOfAsync("shard/0");
        Assert.Equal(Enumerable.Range(1, rows.Count).Select(version => (long)version), rows.Select(row => row.Version));
        var next = await TestEngine.StartAsync(loop, engine.Rows, seed: 99);
        Assert.True((await next.Transactions.DepositAsync("after", 1)).IsCommitted);
    }
}
