using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Participation;
using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests;

/// <summary>One host of several dies behind its vote, loses the store, or is set otherwise than the rest (faults.md C32, P06, N08, M05, M10).</summary>
public sealed class HostFaultTests
{
    private const int Many = 2_000;
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(50);

    /// <summary>Nobody waits for it: what it voted is in the log, where whoever takes its place reads it.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_participant_that_is_gone_for_ever_behind_its_vote_holds_nobody_up(bool commits) => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(2);
        await using var transaction = hosts[0].Transactions.Begin();
        await transaction.DepositAsync("a", 1);
        (await TestCluster.Join(hosts[1], transaction).UpdateAsync<Account>("b")).Raise(new Deposited(2));
        cluster.Fate = message => message.ToParticipant is CommitMessage.DecisionDelivered || (!commits && message.ToCoordinator is CommitInput.VoteReceived) ? Fate.Lost : Fate.Arrives;
        Assert.Equal(commits, (await transaction.CommitAsync()).IsCommitted);
        cluster.CutOffFromOthers(hosts[1]);
        var restarted = cluster.Add();
        _ = restarted.Engine.StartAsync(CancellationToken.None);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(5));

        hosts[0].AssertQuiet();
        Assert.Equal((commits ? 1 : 0, commits ? 2 : 0), (await hosts[0].Transactions.BalanceAsync("a"), await restarted.Transactions.BalanceAsync("b")));
        Assert.True((await restarted.Transactions.DepositAsync("b", 10)).IsCommitted);
        Assert.Equal(commits, (await restarted.Transactions.OutcomeOfAsync(transaction.Id)).IsCommitted);
    });

    /// <summary>It can't write, beat or read, and others hear nothing of it: it tells no outcome, and another decides for it.</summary>
    [Fact]
    public void A_host_that_loses_the_store_tells_no_outcome_and_another_decides() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(2, options => options.TransactionTimeout = TimeSpan.FromSeconds(10));
        await using var transaction = hosts[0].Transactions.Begin();
        await transaction.DepositAsync("a", 1);
        (hosts[0].Store.HoldsAppends, hosts[0].Store.KeepsHolding) = (true, true);
        hosts[0].Store.BeforeRead = _ => throw new IOException("cut off");
        hosts[0].Store.BeforeLook = () => throw new IOException("cut off");
        cluster.CutOffFromOthers(hosts[0]);
        var told = transaction.CommitAsync().AsTask();
        await loop.AdvanceAsync(TimeSpan.FromSeconds(4));

        Assert.Equal(16, hosts[1].Engine.OwnedCount);
        Assert.IsType<TransactionOutcome.Aborted>(await hosts[1].Transactions.OutcomeOfAsync(transaction.Id));
        Assert.True((await hosts[1].Transactions.DepositAsync("a", 10)).IsCommitted);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(10));
        Assert.IsType<TransactionOutcome.Unknown>(await told);
        Assert.Throws<TransactionRefusedException>(() => hosts[0].Transactions.Begin());

        (hosts[0].Store.KeepsHolding, hosts[0].Store.BeforeRead, hosts[0].Store.BeforeLook) = (false, null, static () => Task.CompletedTask);
        hosts[0].Store.LosesBeats = false;
        cluster.CutOff.Clear();
        hosts[0].Store.Release(); // what it still holds is sent now, and is too late
        await loop.AdvanceAsync(TimeSpan.FromSeconds(30));
        Assert.False((await hosts[0].Transactions.OutcomeOfAsync(transaction.Id)).IsCommitted);
        Assert.Equal(10, await hosts[0].Transactions.BalanceAsync("a"));
    });

    [Fact]
    public void A_transaction_keeps_the_time_that_the_host_gave_it_where_it_began() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        TestEngine[] hosts =
        [
            cluster.Add(options => options.TransactionTimeout = TimeSpan.FromSeconds(60)),
            cluster.Add(options => (options.TransactionTimeout, options.LockTimeout) = (TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(1))),
        ];
        Array.ForEach(hosts, host => _ = host.Engine.StartAsync(CancellationToken.None));
        await loop.AdvanceAsync(TimeSpan.FromSeconds(30));
        await using var patient = hosts[0].Transactions.Begin();
        await using var hasty = hosts[1].Transactions.Begin();
        (await TestCluster.Join(hosts[1], patient).UpdateAsync<Account>("a")).Raise(new Deposited(1));
        (await TestCluster.Join(hosts[0], hasty).UpdateAsync<Account>("b")).Raise(new Deposited(1));
        await loop.AdvanceAsync(TimeSpan.FromSeconds(10));

        Assert.Equal(AbortReason.Timeout, Assert.IsType<TransactionOutcome.Aborted>(await hasty.CommitAsync()).Cause.Reason);
        Assert.True((await patient.CommitAsync()).IsCommitted);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(1));
        Assert.All(hosts, host => host.AssertQuiet());
    });

    /// <summary>Of every second one the decision is in the log and nobody was told; of the others the coordinator never got the vote.</summary>
    [Fact]
    public void Thousands_in_doubt_at_the_death_of_their_coordinator_are_answered_in_time_and_new_work_goes_on() => SimulationLoop.Run(async loop =>
    {
        await using var cluster = new TestCluster(loop);
        var hosts = await cluster.StartAsync(2);
        var all = new List<ITransaction>();
        for (var number = 0; number < Many; number++)
        {
            var transaction = hosts[0].Transactions.Begin();
            (await TestCluster.Join(hosts[1], transaction).UpdateAsync<Account>($"{number % 2}-{number}")).Raise(new Deposited(1));
            all.Add(transaction);
        }

        cluster.Fate = message => message.ToParticipant is CommitMessage.DecisionDelivered
            || message.ToCoordinator is CommitInput.VoteReceived { Participant.Address.Value: var stream } && stream.StartsWith("account/1", StringComparison.Ordinal) ? Fate.Lost : Fate.Arrives;
        var told = all.ConvertAll(transaction => transaction.CommitAsync().AsTask());
        await loop.AdvanceAsync(Moment);
        cluster.CutOffFromOthers(hosts[0]);
        Assert.Equal(Many, hosts[1].Engine.Participants.AtWork.Count(one => one.State.Phase is ParticipationPhase.Prepared));
        Assert.True((await hosts[1].Transactions.DepositAsync("new", 1)).IsCommitted);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(5));

        hosts[1].AssertQuiet();
        for (var number = 0; number < Many; number++)
        {
            Assert.Equal(1 - (number % 2), await hosts[1].Transactions.BalanceAsync($"{number % 2}-{number}"));
            Assert.Equal(number % 2 == 0, told[number].IsCompleted && (await told[number]).IsCommitted);
        }
    });
}
