using Coordinator.Aggregates;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests;

/// <summary>Work that gives up because of what it saw, where other hosts may have changed that: what was seen is looked at before anything is told.</summary>
public sealed class GivingUpTests
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(10);

    [Fact]
    public void Work_that_throws_because_of_a_state_that_is_old_is_run_again() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await WithTwinAsync(cluster, reruns: true);
        var runs = 0;
        var outcome = await hosts[0].Transactions.RunAsync(async transaction =>
        {
            runs++;
            await WithdrawAsync(await transaction.UpdateAsync<Account>("x"));
        });

        Assert.True(outcome.IsCommitted);
        Assert.Equal(2, runs);
        Assert.Equal(90, await hosts[1].Transactions.BalanceAsync("x"));
    });

    [Fact]
    public void Work_that_aborts_because_of_a_state_that_is_old_is_run_again() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await WithTwinAsync(cluster, reruns: true);
        var outcome = await hosts[0].Transactions.RunAsync(async transaction =>
        {
            var account = await transaction.UpdateAsync<Account>("x");
            if (account.State.Balance < 10)
            {
                await transaction.AbortAsync("insufficient funds");
                return;
            }

            await WithdrawAsync(account);
        });

        Assert.True(outcome.IsCommitted);
    });

    [Fact]
    public void A_call_at_another_host_that_throws_because_of_a_state_that_is_old_is_run_again() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await WithTwinAsync(cluster, reruns: true);
        var outcome = await hosts[1].Transactions.RunAsync(async transaction =>
        {
            var work = TestCluster.Join(hosts[0], transaction);
            try
            {
                await WithdrawAsync(await work.UpdateAsync<Account>("x"));
            }
            catch (InvalidOperationException)
            {
                work.Doom(new AbortCause(AbortReason.WorkFailed, null, "as a failed call of a grain does"));
                throw;
            }
        });

        Assert.True(outcome.IsCommitted);
    });

    [Fact]
    public void What_work_throws_because_of_a_state_that_stands_is_told_once_and_nothing_is_written() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(2, reruns: true);
        await hosts[1].Transactions.DepositAsync("x", 5);
        var runs = 0;
        await Assert.ThrowsAsync<InvalidOperationException>(() => hosts[0].Transactions.RunAsync(async transaction =>
        {
            runs++;
            await transaction.DepositAsync("y", 1);
            await WithdrawAsync(await TestCluster.Join(hosts[1], transaction).UpdateAsync<Account>("x"));
        }));
        await loop.AdvanceAsync(Moment);

        Assert.Equal(1, runs);
        Assert.Empty(await hosts[0].RowsOfAsync("account/y"));
        Array.ForEach(hosts, host => host.AssertQuiet());
    });

    [Fact]
    public void What_work_throws_is_told_at_once_while_the_log_can_not_be_read() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var host = (await cluster.StartAsync(1, reruns: true))[0];
        await host.Transactions.DepositAsync("x", 5);
        var began = loop.Time.Now;
        await Assert.ThrowsAsync<InvalidOperationException>(() => host.Transactions.RunAsync(async transaction =>
        {
            var account = await transaction.UpdateAsync<Account>("x");
            host.Store.BeforeRead = _ => throw new IOException("the store is away");
            await WithdrawAsync(account);
        }));

        Assert.Equal(began, loop.Time.Now);
    });

    [Fact]
    public void A_transaction_that_is_given_up_ends_when_a_participant_does_not_answer() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(2);
        await using var transaction = hosts[0].Transactions.Begin();
        await TestCluster.Join(hosts[1], transaction).UpdateAsync<Account>("x");
        cluster.Fate = message => message.ToParticipant is CommitMessage.PrepareRequested ? Fate.Lost : Fate.Arrives;
        var aborting = transaction.AbortAsync("enough").AsTask();
        await loop.AdvanceAsync(hosts[0].Engine.Options.VoteTimeout + TimeSpan.FromSeconds(1));

        Assert.False((await aborting).IsCommitted);
        Array.ForEach(hosts, host => host.AssertQuiet());
    });

    [Fact]
    public void A_read_outside_of_what_another_host_has_changed_finds_it() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await WithTwinAsync(cluster, reruns: false);

        Assert.Equal(100, (await hosts[0].Aggregates.ReadAsync<Account>("x")).State.Balance);
    });

    [Fact]
    public void A_stream_whose_end_can_not_be_read_stops_only_those_who_read_it() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var host = (await cluster.StartAsync(1))[0];
        await host.Transactions.DepositAsync("x", 1);
        await host.Transactions.DepositAsync("y", 1);
        await using var poisoned = host.Transactions.Begin();
        await poisoned.BalanceAsync("x");
        host.Store.BeforeRead = stream => _ = stream.Value == "account/x" ? throw new LogCorruptException(stream, 1, "transaction: has 3 bytes") : 0;
        var outcome = await poisoned.CommitAsync();

        Assert.Equal(AbortReason.Rejected, Assert.IsType<TransactionOutcome.Aborted>(outcome).Cause.Reason);
        Assert.True((await host.Transactions.RunAsync(transaction => transaction.BalanceAsync("y"))).IsCommitted);
    });

    [Fact]
    public void What_one_transaction_appends_is_limited_also_where_its_work_is_done_by_calls() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(2);
        var half = new string('x', (int)hosts[0].Engine.Options.RedoBytesMax * 6 / 10);
        await using var one = hosts[0].Transactions.Begin();
        await TestCluster.Join(hosts[1], one).PublishAsync("notes", new Noted(half));
        await Assert.ThrowsAsync<TransactionRefusedException>(async () => await TestCluster.Join(hosts[1], one).PublishAsync("notes", new Noted(half)));
        await using var other = hosts[0].Transactions.Begin();
        await TestCluster.Join(hosts[1], other).PublishAsync("notes", new Noted(half));
        await TestCluster.Join(hosts[1], other).PublishAsync("more", new Noted(half));
        var outcome = await other.CommitAsync();

        Assert.Equal(AbortReason.Rejected, Assert.IsType<TransactionOutcome.Aborted>(outcome).Cause.Reason);
    });

    [Fact]
    public void A_host_that_has_lost_a_shard_is_not_told_to_be_restarted() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop, shards: 1);
        var hosts = await cluster.StartAsync(1);
        var standby = cluster.Add();
        _ = standby.Engine.StartAsync(CancellationToken.None);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(5));
        await using var transaction = hosts[0].Transactions.Begin();
        await transaction.BalanceAsync("a");
        hosts[0].Store.LosesBeats = true;
        await loop.AdvanceAsync(TimeSpan.FromSeconds(5));
        Assert.True((await standby.Transactions.DepositAsync("x", 1)).IsCommitted);

        Assert.Equal(1, await transaction.BalanceAsync("x"));
        Assert.True((await transaction.CommitAsync()).IsCommitted); // both stand, at the same moment
    });

    [Fact]
    public void A_prepare_that_comes_twice_does_not_abort() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(3);
        await using var transaction = hosts[0].Transactions.Begin();
        await TestCluster.Join(hosts[1], transaction).ReadAsync<Account>("a");
        (await TestCluster.Join(hosts[2], transaction).UpdateAsync<Account>("b")).Raise(new Deposited(2));
        cluster.Fate = message => message switch
        {
            { ToParticipant: CommitMessage.PrepareRequested { Participant.Address.Value: "account/a" } } => new Fate(2),
            { ToCoordinator: CommitInput.VoteReceived { Participant.Address.Value: "account/b" } } => new Fate(1, TimeSpan.FromMilliseconds(50)),
            _ => Fate.Arrives,
        };

        Assert.True((await transaction.CommitAsync()).IsCommitted);
    });

    /// <summary>Two hosts that keep "x" in memory; the first one's state is old: the second has raised it to 100, and is not used any more.</summary>
    private static async Task<TestEngine[]> WithTwinAsync(TestCluster cluster, bool reruns)
    {
        var hosts = await cluster.StartAsync(2, reruns: reruns);
        Array.ForEach(hosts, host => host.Engine.Anchor(AggregateTypes.StreamOf<Account>("x"), host.Engine.Aggregates.KindOf<Account>()));
        await hosts[0].Transactions.BalanceAsync("x");
        Assert.True((await hosts[1].Transactions.DepositAsync("x", 100)).IsCommitted);
        await hosts[1].Engine.ReleaseAsync(AggregateTypes.StreamOf<Account>("x"), CancellationToken.None);
        return hosts;
    }

    private static Task WithdrawAsync(Aggregate<Account> account)
    {
        account.Raise(account.State.Balance >= 10 ? new Withdrawn(10) : throw new InvalidOperationException("insufficient funds"));
        return Task.CompletedTask;
    }
}
