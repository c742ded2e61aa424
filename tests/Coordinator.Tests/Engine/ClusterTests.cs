using Coordinator.Aggregates;
using Coordinator.Client;
using Coordinator.Hosting;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests;

/// <summary>Several hosts that share one log: work of one transaction at several of them (design sections 3 and 5).</summary>
public sealed class ClusterTests
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(10);

    [Fact]
    public void Hosts_that_start_together_share_the_shards_and_all_take_work() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(3);

        Assert.Equal(16, hosts.Sum(host => host.Engine.OwnedCount));
        Assert.All(hosts, host => Assert.InRange(host.Engine.OwnedCount, 5, 6));
        foreach (var host in hosts)
        {
            Assert.True((await host.Transactions.DepositAsync("a", 1)).IsCommitted);
        }

        Assert.All(hosts, host => host.AssertNoViolation());
        Assert.Equal(3, await hosts[0].Transactions.BalanceAsync("a"));
    });

    /// <summary>Whenever that is: while transactions still begin at the one that it keeps, while they begin nowhere else, or once it is given away.</summary>
    [Fact]
    public void A_host_that_loses_a_shard_while_it_hands_another_one_over_begins_transactions_at_what_it_has()
    {
        for (var after = TimeSpan.Zero; after < TimeSpan.FromSeconds(2); after += TimeSpan.FromMilliseconds(20))
        {
            SimulationLoop.Run(loop => LoseWhileHandingOverAsync(loop, after));
        }

        static async Task LoseWhileHandingOverAsync(SimulationLoop loop, TimeSpan after)
        {
            await using var cluster = new TestCluster(loop, shards: 2);
            TestEngine[] hosts = [.. await cluster.StartAsync(1), cluster.Add()];
            _ = hosts[1].Engine.StartAsync(CancellationToken.None);
            await loop.AdvanceAsync(after);
            await cluster.TakeAwayAsync(shard: 0);
            _ = await Record.ExceptionAsync(async () => await hosts[0].Transactions.DepositAsync("a", 1)); // finds out
            await loop.AdvanceAsync(TimeSpan.FromSeconds(30));

            Assert.All(hosts, host => Assert.Equal(1, host.Engine.OwnedCount));
            foreach (var host in hosts)
            {
                Assert.True((await host.Transactions.DepositAsync("b", 1)).IsCommitted, $"shard 0 was taken away {after.TotalMilliseconds} ms behind the start of another host");
            }
        }
    }

    [Fact]
    public void Work_at_two_hosts_commits_as_one_transaction() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(2);
        await using var transaction = hosts[0].Transactions.Begin();
        await transaction.DepositAsync("a", 1);
        (await TestCluster.Join(hosts[1], transaction).UpdateAsync<Account>("b")).Raise(new Deposited(2));
        var outcome = await transaction.CommitAsync();
        await loop.AdvanceAsync(Moment);

        Assert.True(outcome.IsCommitted);
        Assert.Equal(1, await hosts[1].Transactions.BalanceAsync("a"));
        Assert.Equal(2, await hosts[0].Transactions.BalanceAsync("b"));
        Assert.Equal(
            [typeof(CommitInput.EnlistRequested), typeof(CommitMessage.EnlistmentAnswered), typeof(CommitMessage.PrepareRequested), typeof(CommitInput.VoteReceived), typeof(CommitMessage.DecisionDelivered)],
            cluster.Sent.Where(message => message.Transaction == transaction.Id).Select(message => (message.ToCoordinator ?? (object)message.ToParticipant!).GetType()));
        Assert.All(hosts, host => host.AssertQuiet());
    });

    [Fact]
    public void Two_calls_of_one_transaction_at_one_stream_of_another_host_work_one_after_the_other() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(2);
        await using var transaction = hosts[0].Transactions.Begin();
        var (first, second) = (TestCluster.Join(hosts[1], transaction), TestCluster.Join(hosts[1], transaction));
        var calls = new[] { first.UpdateAsync<Account>("b").AsTask(), second.UpdateAsync<Account>("b").AsTask() };
        await loop.AdvanceAsync(Moment);
        (await calls[0]).Raise(new Deposited(1));
        (await calls[1]).Raise(new Deposited(2));

        Assert.True((await transaction.CommitAsync()).IsCommitted);
        Assert.Equal(3, await hosts[1].Transactions.BalanceAsync("b"));
    });

    [Fact]
    public void Work_that_fails_at_another_host_dooms_the_transaction() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(2);
        await using var transaction = hosts[0].Transactions.Begin();
        await transaction.DepositAsync("a", 1);
        var there = TestCluster.Join(hosts[1], transaction);
        var account = await there.UpdateAsync<Account>("b");
        Assert.ThrowsAny<ArgumentException>(() => account.Raise("no event"));
        await loop.AdvanceAsync(Moment);
        var outcome = await transaction.CommitAsync();

        Assert.Equal(AbortReason.WorkFailed, Assert.IsType<TransactionOutcome.Aborted>(outcome).Cause.Reason);
        Assert.All(hosts, host => host.AssertQuiet());
    });

    [Fact]
    public void A_transaction_that_has_ended_takes_no_work_at_other_hosts() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(2);
        var transaction = hosts[0].Transactions.Begin();
        await transaction.AbortAsync();

        await Assert.ThrowsAsync<TransactionNotActiveException>(() => TestCluster.Join(hosts[1], transaction).UpdateAsync<Account>("b").AsTask());
        hosts[1].AssertQuiet();
    });

    [Fact]
    public void A_transaction_whose_home_nobody_knows_takes_no_work() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(2);
        await using var transaction = hosts[0].Transactions.Begin();
        var header = ((TransactionWork)transaction).Header with { Home = 999 };
        var call = hosts[1].Engine.Join(header).UpdateAsync<Account>("b").AsTask();
        await loop.AdvanceAsync(TimeSpan.FromSeconds(3));

        Assert.Equal(AbortReason.ParticipantLost, (await Assert.ThrowsAsync<TransactionAbortedException>(() => call)).Cause.Reason);
        hosts[1].AssertQuiet();
    });

    [Fact]
    public void What_a_silent_host_took_part_in_is_aborted_within_3_seconds() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(3);
        var transaction = hosts[0].Transactions.Begin();
        await transaction.DepositAsync("a", 1);
        await TestCluster.Join(hosts[1], transaction).UpdateAsync<Account>("b");
        cluster.CutOffFromOthers(hosts[1]);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(3));

        Assert.Equal(0, hosts[0].Engine.InFlightCount);
        var outcome = await transaction.CommitAsync();
        Assert.Equal(AbortReason.ParticipantLost, Assert.IsType<TransactionOutcome.Aborted>(outcome).Cause.Reason);
        Assert.True((await hosts[0].Transactions.DepositAsync("a", 1)).IsCommitted);
    });

    [Fact]
    public void What_a_silent_host_coordinated_lets_go_of_its_locks_within_3_seconds() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(3);
        var transaction = hosts[0].Transactions.Begin();
        (await TestCluster.Join(hosts[1], transaction).UpdateAsync<Account>("b")).Raise(new Deposited(2));
        cluster.CutOffFromOthers(hosts[0]);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(3));

        hosts[1].AssertQuiet();
        Assert.True((await hosts[1].Transactions.DepositAsync("b", 1)).IsCommitted);
        Assert.Equal(16, hosts[1].Engine.OwnedCount + hosts[2].Engine.OwnedCount);
        var asked = await hosts[2].Transactions.OutcomeOfAsync(transaction.Id);
        Assert.False(asked.IsCommitted());
    });

    [Fact]
    public void A_participant_that_has_voted_learns_the_outcome_from_the_shards_next_owner() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(2);
        await using var transaction = hosts[0].Transactions.Begin();
        (await TestCluster.Join(hosts[1], transaction).UpdateAsync<Account>("b")).Raise(new Deposited(2));
        cluster.Fate = message => message.ToCoordinator is CommitInput.VoteReceived ? Fate.Lost : Fate.Arrives;
        _ = transaction.CommitAsync().AsTask();
        await loop.AdvanceAsync(TimeSpan.FromMilliseconds(50));
        cluster.CutOffFromOthers(hosts[0]);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(5));

        hosts[1].AssertQuiet();
        Assert.Equal(0, await hosts[1].Transactions.BalanceAsync("b"));
        Assert.IsType<TransactionOutcome.Aborted>(await hosts[1].Transactions.OutcomeOfAsync(transaction.Id));
    });

    [Fact]
    public void A_participant_that_has_not_voted_and_lost_the_abort_lets_go_of_its_lock_within_4_seconds() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(2);
        await using var transaction = hosts[0].Transactions.Begin();
        (await TestCluster.Join(hosts[1], transaction).UpdateAsync<Account>("b")).Raise(new Deposited(2));
        cluster.Fate = message => message.ToParticipant is CommitMessage.DecisionDelivered ? Fate.Lost : Fate.Arrives;
        await transaction.AbortAsync("on second thoughts");
        await loop.AdvanceAsync(TimeSpan.FromSeconds(4));

        hosts[1].AssertQuiet();
        Assert.Equal(0, await hosts[1].Transactions.BalanceAsync("b"));
    });

    [Fact]
    public void A_participant_whose_transaction_takes_long_asks_whether_it_is_active_and_stays_in_it() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(2);
        await using var transaction = hosts[0].Transactions.Begin();
        (await TestCluster.Join(hosts[1], transaction).UpdateAsync<Account>("b")).Raise(new Deposited(2));
        await loop.AdvanceAsync(TimeSpan.FromSeconds(9));
        Assert.True((await transaction.CommitAsync()).IsCommitted);
        await loop.AdvanceAsync(Moment);

        Assert.Equal(2, await hosts[0].Transactions.BalanceAsync("b"));
        Assert.InRange(cluster.Sent.Count(message => message.ToCoordinator is CommitInput.EnlistRequested && message.Transaction == transaction.Id), 4, 6);
        Assert.DoesNotContain(cluster.Sent, message => message.ToCoordinator is CommitInput.OutcomeInquired);
    });

    [Fact]
    public void A_participant_whose_decision_is_lost_reads_it_in_the_log() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(2);
        await using var transaction = hosts[0].Transactions.Begin();
        (await TestCluster.Join(hosts[1], transaction).UpdateAsync<Account>("b")).Raise(new Deposited(2));
        cluster.Fate = message => message.ToParticipant is CommitMessage.DecisionDelivered or CommitMessage.InquiryAnswered ? Fate.Lost : Fate.Arrives;
        Assert.True((await transaction.CommitAsync()).IsCommitted);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(2));

        hosts[1].AssertQuiet();
        Assert.Equal(2, await hosts[1].Transactions.BalanceAsync("b"));
    });

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_participant_in_doubt_of_what_is_not_on_record_lets_go_and_reads_its_stream(bool committed) => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(2);
        hosts[1].Engine.Anchor(AggregateTypes.StreamOf<Account>("b"), hosts[1].Engine.Aggregates.KindOf<Account>());
        cluster.Fate = message => message.ToParticipant is CommitMessage.DecisionDelivered ? Fate.Lost : Fate.Arrives;
        hosts[0].Store.HoldsAppends = !committed;
        await using var transaction = hosts[0].Transactions.Begin();
        await transaction.DepositAsync("a", 1);
        (await TestCluster.Join(hosts[1], transaction).UpdateAsync<Account>("b")).Raise(new Deposited(2));
        var commit = transaction.CommitAsync().AsTask();
        await loop.AdvanceAsync(Moment);
        var vote = cluster.Sent.Select(message => message.ToCoordinator).OfType<CommitInput.VoteReceived>().Single();
        hosts[1].Engine.Receive(hosts[0].Engine.HostId, new HostMessage(transaction.Id, null, new CommitMessage.OutcomeNotOnRecord(vote.Participant, vote.Incarnation)));

        Assert.True((await hosts[1].Transactions.DepositAsync("b", 10)).IsCommitted);
        Assert.Equal(committed ? 12 : 10, await hosts[1].Transactions.BalanceAsync("b"));
        hosts[0].Store.Release();
        Assert.Equal(committed, (await commit).IsCommitted);
    });

    [Fact]
    public void Two_activations_of_the_same_streams_do_not_skew_each_others_writes() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(2);
        var (first, second) = (hosts[0].Transactions.Begin(), hosts[1].Transactions.Begin());
        await first.BalanceAsync("x");
        await second.BalanceAsync("y");
        await first.DepositAsync("y", 1);
        await second.DepositAsync("x", 1);
        TransactionOutcome[] outcomes = [await first.CommitAsync(), await second.CommitAsync()];

        Assert.Single(outcomes, outcome => outcome.IsCommitted);
        Assert.Single(outcomes.OfType<TransactionOutcome.Aborted>(), aborted => aborted.Cause.Reason is AbortReason.Conflict);
    });

    [Fact]
    public void A_transaction_that_only_read_is_aborted_if_another_host_has_changed_what_it_read() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(2);
        await using var reader = hosts[0].Transactions.Begin();
        await reader.BalanceAsync("x");
        await hosts[1].Transactions.DepositAsync("x", 1);

        Assert.Equal(AbortReason.Conflict, Assert.IsType<TransactionOutcome.Aborted>(await reader.CommitAsync()).Cause.Reason);
        Assert.Equal(1, await hosts[0].Transactions.BalanceAsync("x"));
    });

    [Fact]
    public void An_activation_that_was_behind_reads_again_and_does_not_stay_behind() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(2);
        Array.ForEach(hosts, host => host.Engine.Anchor(AggregateTypes.StreamOf<Account>("x"), host.Engine.Aggregates.KindOf<Account>()));
        await hosts[0].Transactions.BalanceAsync("x");
        await hosts[1].Transactions.DepositAsync("x", 1);
        await using (var behind = hosts[0].Transactions.Begin())
        {
            Assert.Equal(0, await behind.BalanceAsync("x"));
            Assert.Equal(AbortReason.Conflict, Assert.IsType<TransactionOutcome.Aborted>(await behind.CommitAsync()).Cause.Reason);
        }

        await loop.AdvanceAsync(Moment);
        await using var again = hosts[0].Transactions.Begin();
        Assert.Equal(1, await again.BalanceAsync("x"));
        Assert.True((await again.CommitAsync()).IsCommitted);
    });

    [Fact]
    public void A_host_that_joins_gets_its_share_and_nothing_is_aborted_for_it() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var first = (await cluster.StartAsync(1))[0];
        Assert.Equal(16, first.Engine.OwnedCount);
        await using var transaction = first.Transactions.Begin();
        await transaction.DepositAsync("a", 1);
        var second = cluster.Add();
        _ = second.Engine.StartAsync(CancellationToken.None);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(20));

        Assert.Equal((8, 8), (first.Engine.OwnedCount, second.Engine.OwnedCount));
        Assert.True((await transaction.CommitAsync()).IsCommitted);
        Assert.True((await second.Transactions.DepositAsync("b", 1)).IsCommitted);
    });

    [Fact]
    public void A_host_that_stops_hands_all_its_shards_over() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(2);
        var outcome = await hosts[0].Transactions.DepositAsync("a", 1);
        await hosts[0].Engine.StopAsync(CancellationToken.None);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(2));

        Assert.Equal(16, hosts[1].Engine.OwnedCount);
        Assert.True((await hosts[1].Transactions.OutcomeOfAsync(outcome.Id)).IsCommitted);
    });

    [Fact]
    public void A_host_too_many_starts_and_refuses_what_begins_there_only() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop, shards: 2);
        var hosts = await cluster.StartAsync(3);

        var idle = Assert.Single(hosts, host => host.Engine.OwnedCount == 0);
        Assert.Contains("has 2 shards and 3 hosts", Assert.Single(idle.Said(1314)).Text, StringComparison.Ordinal);
        Assert.Throws<TransactionRefusedException>(() => idle.Transactions.Begin());
        await using var transaction = hosts.First(host => host != idle).Transactions.Begin();
        (await TestCluster.Join(idle, transaction).UpdateAsync<Account>("a")).Raise(new Deposited(1));
        Assert.True((await transaction.CommitAsync()).IsCommitted);
    });

    [Fact]
    public void Terms_that_no_host_issues_are_refused() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var host = (await cluster.StartAsync(1))[0];
        await using var transaction = host.Transactions.Begin();
        var header = ((TransactionWork)transaction).Header;

        Assert.Throws<TransactionRefusedException>(() => host.Engine.Join(header with { Timeout = TimeSpan.FromDays(1) }));
        Assert.Throws<TransactionRefusedException>(() => host.Engine.Join(header with { Timeout = TimeSpan.Zero }));
        var foreign = new TransactionId(new LogIdentity(header.Id.Log.LogId + 1, 1), 0, 1, 1, 1);
        Assert.Throws<TransactionRefusedException>(() => host.Engine.Join(header with { Id = foreign }));
    });
}
