using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests;

/// <summary>
/// A writer goes on from what the one before it has sent to the log, before it is there; and nothing that rests on it is ever told or
/// written without it (decision 0009).
/// </summary>
public sealed class HandOnTests
{
    [Fact]
    public void Writers_of_one_stream_share_a_group_and_each_finds_what_the_one_before_has_left() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var first = await HoldAsync(engine, loop);
        var found = new List<(long Version, long Balance)>();
        var writers = Enumerable.Range(1, 10).Select(number => engine.Transactions.RunAsync(async transaction =>
        {
            var account = await transaction.UpdateAsync<Account>("a");
            found.Add((account.Version, account.State.Balance));
            account.Raise(new Deposited(1));
        })).ToList();
        await loop.IdleAsync();

        Assert.Equal(Enumerable.Range(0, 10).Select(number => ((long)number, (long)number)), found);
        Assert.All(writers, writer => Assert.False(writer.IsCompleted));
        engine.Store.Release();
        await first;
        Assert.All(await Task.WhenAll(writers), outcome => Assert.True(outcome.IsCommitted));

        Assert.Equal(2, engine.Store.Sent.Count); // the one before, and all ten together
        var rows = await engine.RowsOfAsync("account/a");
        Assert.All(rows.Skip(1).Zip(rows), pair => Assert.Equal(pair.Second.Position, pair.First.Previous)); // D-10
        Assert.Equal(10, await engine.Transactions.BalanceAsync("a"));
        engine.AssertQuiet();
        engine.AssertNoViolation();
    });

    [Fact]
    public void Nobody_is_told_of_a_commit_before_what_it_rests_on_is_durable() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        engine.Store.HoldsAppends = true;
        var one = engine.Transactions.DepositAsync("a", 1);
        await loop.IdleAsync(); // is with the store
        var two = engine.Transactions.DepositAsync("a", 1); // the next group
        await loop.IdleAsync();
        Assert.Single(engine.Store.Sent);
        Assert.False(two.IsCompleted);

        engine.Store.KeepsHolding = true;
        await loop.AdvanceAsync(TimeSpan.FromSeconds(1));
        Assert.False(one.IsCompleted || two.IsCompleted);
        engine.Store.KeepsHolding = false;
        engine.Store.Release();
        Assert.True((await one).IsCommitted);
        Assert.True((await two).IsCommitted);
        var rows = await engine.RowsOfAsync("account/a");
        Assert.Equal(rows[0].Position, rows[1].Previous); // of another group: known only once that has landed
    });

    [Fact]
    public void What_rests_on_a_refused_batch_is_aborted_and_the_next_finds_neither() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await engine.Transactions.DepositAsync("a", 100);
        RefuseBad(engine);
        var first = await HoldAsync(engine, loop);
        var bad = MoveAsync(engine, "a", "bad", 1);
        await loop.IdleAsync();
        var rests = MoveAsync(engine, "a", "b", 10);
        await loop.IdleAsync();
        var restsOnThat = MoveAsync(engine, "b", "c", 5);
        var atWork = engine.Transactions.Begin();
        await atWork.DepositAsync("c", 1000); // goes on from the third, and has not asked to commit
        engine.Store.Release();
        await first;

        Assert.Equal(AbortReason.Rejected, Aborted(await bad).Reason);
        Assert.Equal((AbortReason.Conflict, BatchFate.DroppedDetail), (Aborted(await rests).Reason, Aborted(await rests).Detail));
        Assert.Equal((AbortReason.Conflict, BatchFate.DroppedDetail), (Aborted(await restsOnThat).Reason, Aborted(await restsOnThat).Detail));
        await loop.IdleAsync();
        var told = await Assert.ThrowsAsync<TransactionAbortedException>(() => atWork.DepositAsync("c", 1)); // at once, not when it asks to commit
        Assert.Equal(AbortReason.Conflict, told.Cause.Reason);

        Assert.True((await MoveAsync(engine, "a", "b", 20)).IsCommitted);
        Assert.Equal(80, await engine.Transactions.BalanceAsync("a"));
        Assert.Equal(20, await engine.Transactions.BalanceAsync("b"));
        Assert.Equal(0, await engine.Transactions.BalanceAsync("c"));
        engine.AssertQuiet();
        engine.AssertNoViolation();
    });

    [Fact]
    public void Whoever_rests_on_what_rests_on_a_refused_batch_is_told_at_once() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        RefuseBad(engine);
        var first = await HoldAsync(engine, loop);
        var bad = MoveAsync(engine, "a", "bad", 1);
        await loop.IdleAsync();
        var rests = engine.Transactions.DepositAsync("a", 1);
        await loop.IdleAsync();
        await using var atWork = engine.Transactions.Begin();
        await atWork.DepositAsync("a", 1); // the same stream
        engine.Store.Release();
        await first;
        await Task.WhenAll(bad, rests);
        await loop.IdleAsync();

        await Assert.ThrowsAsync<TransactionAbortedException>(() => atWork.DepositAsync("c", 1));
        Assert.True((await engine.Transactions.DepositAsync("a", 5)).IsCommitted); // nobody holds the lock in vain
    });

    [Fact]
    public void Nobody_goes_on_from_what_is_known_to_be_refused() => SimulationLoop.Run(async loop =>
    {
        var transport = new TestTransport(loop);
        await using var engine = await TestEngine.StartAsync(loop, transport: transport.Over);
        await engine.Transactions.DepositAsync("a", 1);
        RefuseBad(engine);
        transport.Fate = message => message is CommitMessage.DecisionDelivered { Decision: Decision.Abort }
            ? new Fate(1, TimeSpan.FromMilliseconds(900))
            : Fate.Arrives;
        Assert.Equal(AbortReason.Rejected, Aborted(await MoveAsync(engine, "a", "bad", 1)).Reason); // "a" hears of it late

        for (var i = 0; i < 20; i++)
        {
            Assert.True((await engine.Transactions.DepositAsync("a", 1)).IsCommitted);
        }

        await loop.AdvanceAsync(TimeSpan.FromSeconds(2));
        Assert.Equal(21, await engine.Transactions.BalanceAsync("a"));
        engine.AssertQuiet();
        engine.AssertNoViolation();
    });

    // The version that it expects is there, but the row is somebody else's: the version alone would let it pass.
    [Fact]
    public void What_rests_on_a_batch_whose_place_another_row_took_is_aborted() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await engine.Transactions.DepositAsync("a", 1);
        var first = await HoldAsync(engine, loop);
        var one = engine.Transactions.DepositAsync("a", 1);
        await loop.IdleAsync();
        var two = engine.Transactions.DepositAsync("a", 1);
        await loop.IdleAsync();
        await engine.WriteBehindItsBackAsync("account/a");
        engine.Store.Release();
        await first;

        Assert.Equal("the stream has moved on", Aborted(await one).Detail);
        Assert.Equal(BatchFate.DroppedDetail, Aborted(await two).Detail);
        Assert.Equal(8, await engine.Transactions.BalanceAsync("a"));
        engine.AssertQuiet();
    });

    [Fact]
    public void A_batch_that_is_put_off_takes_those_that_rest_on_it_along() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await engine.Transactions.DepositAsync("a", 1);
        var first = await HoldAsync(engine, loop);
        var text = new string('x', 200_000);
        var filler = engine.Transactions.RunAsync(async transaction => await transaction.PublishAsync("notes/1", new Noted(text)));
        var large = engine.Transactions.RunAsync(async transaction =>
        {
            await transaction.DepositAsync("a", 1);
            await transaction.PublishAsync("notes/2", new Noted(text)); // too much for the group of the one before
        });
        await loop.IdleAsync();
        var small = engine.Transactions.DepositAsync("a", 1);
        await loop.IdleAsync();
        engine.Store.Release();
        await first;

        Assert.All(await Task.WhenAll(filler, large, small), outcome => Assert.True(outcome.IsCommitted));
        Assert.Equal(3, await engine.Transactions.BalanceAsync("a"));
        Assert.Equal(3, engine.Store.Sent.Count); // the one before, the filler, and both others together
    });

    [Fact]
    public void One_that_only_looked_is_not_told_before_what_it_saw_is_durable() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var first = await HoldAsync(engine, loop);
        var writer = engine.Transactions.DepositAsync("a", 1);
        await loop.IdleAsync();
        var seen = 0L;
        var looker = engine.Transactions.RunAsync(async transaction => seen = (await transaction.UpdateAsync<Account>("a")).State.Balance);
        await loop.IdleAsync();

        Assert.Equal(1, seen);
        Assert.False(looker.IsCompleted);
        engine.Store.Release();
        await first;
        Assert.True((await looker).IsCommitted);
        Assert.True(writer.IsCompletedSuccessfully);
        engine.AssertQuiet();
    });

    // Found by the kill test of the Shop, when such a vote still waited for what it rests on.
    [Fact]
    public void One_that_looks_at_streams_of_different_groups_is_not_overtaken() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        engine.Store.HoldsAppends = true;
        var writers = new List<Task<TransactionOutcome>> { engine.Transactions.DepositAsync("a", 1) };
        await loop.IdleAsync(); // is with the store
        writers.Add(engine.Transactions.DepositAsync("b", 1)); // waits for the next group
        await loop.IdleAsync();
        writers.Add(engine.Transactions.RunAsync(async transaction =>
        {
            var sum = (await transaction.UpdateAsync<Account>("a")).State.Balance + (await transaction.UpdateAsync<Account>("b")).State.Balance;
            await transaction.DepositAsync("c", sum);
        }));
        writers.Add(engine.Transactions.DepositAsync("a", 10));
        writers.Add(engine.Transactions.DepositAsync("b", 10));
        await loop.IdleAsync();
        engine.Store.Release();

        Assert.All(await Task.WhenAll(writers), outcome => Assert.True(outcome.IsCommitted));
        Assert.Equal(2, await engine.Transactions.BalanceAsync("c"));
        engine.AssertQuiet();
    });

    [Fact]
    public void One_that_only_looked_at_what_is_refused_is_aborted() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        RefuseBad(engine);
        var first = await HoldAsync(engine, loop);
        var bad = MoveAsync(engine, "a", "bad", 1);
        await loop.IdleAsync();
        var looker = engine.Transactions.RunAsync(async transaction => await transaction.UpdateAsync<Account>("a"));
        await loop.IdleAsync();
        engine.Store.Release();
        await first;

        Assert.False((await bad).IsCommitted);
        Assert.Equal(AbortReason.Conflict, Aborted(await looker).Reason);
        engine.AssertQuiet();
    });

    // Found by the simulation: the one before was taken for the newest when its decision came late.
    [Fact]
    public void A_late_decision_does_not_bring_back_an_older_state() => SimulationLoop.Run(async loop =>
    {
        var transport = new TestTransport(loop);
        await using var engine = await TestEngine.StartAsync(loop, transport: transport.Over);
        await engine.Transactions.DepositAsync("a", 1);
        var isFirst = true;
        transport.Fate = message => message is CommitMessage.DecisionDelivered && isFirst && !(isFirst = false)
            ? new Fate(1, TimeSpan.FromMilliseconds(300))
            : Fate.Arrives;
        await engine.Transactions.DepositAsync("a", 10); // its decision comes late
        await engine.Transactions.DepositAsync("a", 100); // went on from it
        var found = 0L;
        await engine.Transactions.RunAsync(async transaction => found = (await transaction.UpdateAsync<Account>("a")).State.Balance);
        Assert.Equal(111, found);

        await loop.AdvanceAsync(TimeSpan.FromSeconds(1));
        Assert.Equal(111, await engine.Transactions.BalanceAsync("a"));
        engine.AssertQuiet();
        engine.AssertNoViolation();
    });

    [Fact]
    public void An_owner_that_is_lost_tells_nobody_of_what_rests_on_the_unwritten() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await engine.Transactions.DepositAsync("a", 1);
        var first = await HoldAsync(engine, loop);
        var writers = Enumerable.Range(0, 3).Select(_ => engine.Transactions.DepositAsync("a", 1)).ToList();
        await loop.IdleAsync();
        var next = await TestEngine.StartAsync(loop, engine.Rows, seed: 2); // claims the shard
        engine.Store.Release();
        await first;

        Assert.All(await Task.WhenAll(writers), outcome => Assert.False(outcome.IsCommitted));
        Assert.Equal(1, await next.Transactions.BalanceAsync("a"));
        engine.AssertNoViolation();
        await next.DisposeAsync();
    });

    /// <summary>A write that is with the store until it is released: all that follow wait behind it.</summary>
    private static async Task<Task> HoldAsync(TestEngine engine, SimulationLoop loop)
    {
        engine.Store.HoldsAppends = true;
        var first = engine.Transactions.DepositAsync("first", 1);
        await loop.IdleAsync();
        engine.Store.Sent.RemoveRange(0, engine.Store.Sent.Count - 1);
        return first;
    }

    private static void RefuseBad(TestEngine engine) => engine.Store.Script = group => group.Rows.Any(row => row.Stream.Value == "account/bad")
        ? new GroupAnswer(GroupAnswerKind.Refused, new InvalidDataException("22021"))
        : null;

    private static Task<TransactionOutcome> MoveAsync(TestEngine engine, string from, string to, long amount) => engine.Transactions.RunAsync(async transaction =>
    {
        (await transaction.UpdateAsync<Account>(from)).Raise(new Withdrawn(amount));
        (await transaction.UpdateAsync<Account>(to)).Raise(new Deposited(amount));
    });

    private static AbortCause Aborted(TransactionOutcome outcome) => Assert.IsType<TransactionOutcome.Aborted>(outcome).Cause;
}
