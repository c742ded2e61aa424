using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests;

/// <summary>I24: what a transaction costs, by counting.</summary>
public sealed class CostTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(10)]
    public void A_log_native_commit_forces_one_batch_whatever_the_number_of_participants(int participants) => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await engine.Transactions.RunAsync(async transaction =>
        {
            for (var i = 0; i < participants; i++)
            {
                await transaction.DepositAsync($"a{i}", 1);
            }
        });

        Assert.Single(engine.Store.Sent);
        Assert.Equal(1, engine.Engine.Committer.BatchCount);
        Assert.Equal(1 + participants, engine.Engine.Committer.RowCount);
    });

    [Fact]
    public void A_log_native_abort_forces_nothing() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await using (var transaction = engine.Transactions.Begin())
        {
            await transaction.DepositAsync("a", 1);
        }

        Assert.Empty(engine.Store.Sent);
        Assert.Equal(0, engine.Engine.Committer.BatchCount);
    });

    [Fact]
    public void A_read_only_transaction_forces_nothing() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await engine.Transactions.BalanceAsync("a");

        Assert.Empty(engine.Store.Sent);
    });

    [Theory]
    [InlineData(true, 4)]
    [InlineData(false, 2)]
    public void A_participant_costs_at_most_four_messages_beside_its_enlistment(bool commits, int most) => SimulationLoop.Run(async loop =>
    {
        var transport = new TestTransport(loop);
        await using var engine = await TestEngine.StartAsync(loop, transport: transport.Over);
        var transaction = engine.Transactions.Begin();
        await transaction.DepositAsync("a", 1);
        await transaction.DepositAsync("b", 1);
        await transaction.PublishAsync("notes", new Noted("x"));
        Assert.Equal(6, transport.Sent.Count); // each enlistment and its answer
        transport.Sent.Clear();
        _ = commits ? await transaction.CommitAsync() : await transaction.AbortAsync();
        await loop.IdleAsync();

        Assert.InRange(transport.Sent.Count, 1, most * 3);
    });

    [Fact]
    public void A_reader_leaves_after_its_vote() => SimulationLoop.Run(async loop =>
    {
        var transport = new TestTransport(loop);
        await using var engine = await TestEngine.StartAsync(loop, transport: transport.Over);
        var transaction = engine.Transactions.Begin();
        await transaction.BalanceAsync("a");
        await transaction.DepositAsync("b", 1);
        transport.Sent.Clear();
        await transaction.CommitAsync();
        await loop.IdleAsync();

        Assert.Equal(5, transport.Sent.Count); // two prepares, two votes, one decision
    });

    [Fact]
    public void Transactions_that_wait_together_share_one_write() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        engine.Store.HoldsAppends = true;
        var deposits = Enumerable.Range(0, 33).Select(number => engine.Transactions.DepositAsync($"a{number}", 1)).ToList();
        await loop.IdleAsync();
        engine.Store.Release();
        await Task.WhenAll(deposits);

        Assert.Single(engine.Store.Sent);
        Assert.Equal((1, 33), (engine.Engine.Committer.GroupCount, engine.Engine.Committer.BatchCount));
    });
}
