using Coordinator.Protocol;
using Coordinator.Testing.Simulation;
using Polly;
using Xunit;

namespace Coordinator.Tests;

/// <summary>Work under an idempotency key that is sent to another host while the first attempt is under way.</summary>
public sealed class ClusterKeyTests
{
    [Fact]
    public void A_retry_at_another_host_is_not_told_aborted_while_the_first_attempt_is_under_way() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(2);
        var first = hosts[0].Transactions.RunAsync(
            async transaction =>
            {
                await transaction.DepositAsync("a", -1);
                await loop.DelayAsync(TimeSpan.FromSeconds(8));
            },
            Options());
        await loop.AdvanceAsync(TimeSpan.FromSeconds(1));
        var retry = hosts[1].Transactions.RunAsync(
            async transaction => (await TestCluster.Join(hosts[0], transaction).UpdateAsync<Account>("a")).Raise(new Deposited(-1)), // the account is at the first host
            Options());
        await loop.AdvanceAsync(TimeSpan.FromSeconds(6));
        Assert.IsType<TransactionOutcome.Unknown>(await retry);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(6));

        Assert.True((await first).IsCommitted);
        Assert.True(Assert.IsType<TransactionOutcome.Committed>(await hosts[1].Transactions.RunAsync(_ => Task.CompletedTask, Options())).IsEarlierAttempt);
    });

    [Theory]
    [InlineData(AbortReason.LockTimeout)]
    [InlineData(AbortReason.Timeout)]
    [InlineData(AbortReason.VoteTimeout)]
    [InlineData(AbortReason.ParticipantLost)]
    [InlineData(AbortReason.Moved)]
    [InlineData(AbortReason.Conflict)]
    [InlineData(AbortReason.Wounded)]
    public void What_another_attempt_may_have_done_is_unknown(AbortReason reason) => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var host = (await cluster.StartAsync(1, reruns: true))[0];
        var runs = 0;
        var outcome = host.Transactions.RunAsync(
            transaction =>
            {
                runs++;
                throw new TransactionAbortedException(transaction.Id, new AbortCause(reason));
            },
            Options());
        await loop.AdvanceAsync(TimeSpan.FromMinutes(1));

        Assert.Contains(reason.ToString(), Assert.IsType<TransactionOutcome.Unknown>(await outcome).Why, StringComparison.Ordinal);
        Assert.Equal(reason is AbortReason.Moved or AbortReason.Conflict or AbortReason.Wounded, runs > 1); // told only once nothing is run again
    });

    [Fact]
    public void What_the_work_itself_asked_for_is_told_as_it_is() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var host = (await cluster.StartAsync(1))[0];
        var outcome = await host.Transactions.RunAsync(transaction => transaction.AbortAsync("sold out").AsTask(), Options());

        Assert.Equal(AbortReason.Requested, Assert.IsType<TransactionOutcome.Aborted>(outcome).Cause.Reason);
        await Assert.ThrowsAsync<FormatException>(() => host.Transactions.RunAsync(_ => throw new FormatException(), Options()));
    });

    [Fact]
    public void Whoever_runs_the_work_again_himself_is_told_that_it_is_worth_it() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var host = (await cluster.StartAsync(1))[0];
        var outcome = await host.Transactions.RunAsync(
            transaction => throw new TransactionAbortedException(transaction.Id, new AbortCause(AbortReason.Conflict)),
            Options() with { Reruns = ResiliencePipeline<TransactionOutcome>.Empty });

        Assert.True(Assert.IsType<TransactionOutcome.Aborted>(outcome).IsWorthRerun);
    });

    [Fact]
    public void Where_one_host_has_the_log_an_attempt_that_is_aborted_is_told_so() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var outcome = await engine.Transactions.RunAsync(
            transaction => throw new TransactionAbortedException(transaction.Id, new AbortCause(AbortReason.LockTimeout)), Options());

        Assert.IsType<TransactionOutcome.Aborted>(outcome);
    });

    private static TransactionOptions Options() => new() { Key = new IdempotencyKey("order-1") };
}
