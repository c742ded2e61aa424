using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests;

/// <summary>Messages that are lost, repeated or late: the outcome is the same everywhere and no lock stays (V2, V3).</summary>
public sealed class MessageFaultTests
{
    [Fact]
    public void A_lost_vote_aborts_at_the_vote_deadline_and_names_the_participant() => RunAsync(
        message => message is CommitInput.VoteReceived { Participant.Address.Value: "account/b" } ? Fate.Lost : Fate.Arrives,
        async (engine, loop) =>
        {
            var outcome = Assert.IsType<TransactionOutcome.Aborted>(await TransferAsync(engine));

            Assert.Equal("VoteTimeout by account/b", outcome.Cause.ToString());
            await loop.AdvanceAsync(TimeSpan.FromSeconds(1));
        });

    [Fact]
    public void A_lost_prepare_aborts_at_the_vote_deadline() => RunAsync(
        message => message is CommitMessage.PrepareRequested { Participant.Address.Value: "account/a" } ? Fate.Lost : Fate.Arrives,
        async (engine, _) => Assert.Equal("VoteTimeout by account/a", Assert.IsType<TransactionOutcome.Aborted>(await TransferAsync(engine)).Cause.ToString()));

    [Fact]
    public void A_participant_that_lost_the_decision_asks_for_it() => RunAsync(
        message => message is CommitMessage.DecisionDelivered ? Fate.Lost : Fate.Arrives,
        async (engine, loop) =>
        {
            Assert.True((await TransferAsync(engine)).IsCommitted);
            await loop.AdvanceAsync(TimeSpan.FromSeconds(1.2));
        });

    [Fact]
    public void A_participant_asks_again_until_it_is_answered() => SimulationLoop.Run(async loop =>
    {
        var lost = 5;
        var transport = new TestTransport(loop)
        {
            Fate = message => message is CommitMessage.DecisionDelivered || (message is CommitMessage.InquiryAnswered && lost-- > 0) ? Fate.Lost : Fate.Arrives,
        };
        await using var engine = await TestEngine.StartAsync(loop, transport: transport.Over);
        Assert.True((await engine.Transactions.DepositAsync("a", 1)).IsCommitted);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(8));

        Assert.Equal(6, transport.Sent.OfType<CommitInput.OutcomeInquired>().Count());
        engine.AssertQuiet();
    });

    [Fact]
    public void A_prepared_participant_that_lost_the_abort_asks_and_drops_its_work() => RunAsync(
        message => message is CommitMessage.DecisionDelivered || message is CommitInput.VoteReceived { Participant.Address.Value: "account/b" }
            ? Fate.Lost : Fate.Arrives,
        async (engine, loop) =>
        {
            Assert.False((await TransferAsync(engine)).IsCommitted);
            await loop.AdvanceAsync(TimeSpan.FromSeconds(31)); // b never promised: it gives up with the transaction's time
        });

    [Fact]
    public void A_lost_abort_leaves_no_lock_behind() => RunAsync(
        message => message is CommitMessage.DecisionDelivered ? Fate.Lost : Fate.Arrives,
        async (engine, loop) =>
        {
            var transaction = engine.Transactions.Begin();
            await transaction.DepositAsync("a", 1);
            await transaction.AbortAsync();
            await loop.AdvanceAsync(TimeSpan.FromSeconds(31));
        });

    // P11, P13: who holds nothing of the transaction, not yet or not any more, is told to abort it.
    [Fact]
    public void An_abort_that_comes_again_is_of_no_account() => RunAsync(
        message => message is CommitMessage.DecisionDelivered { Decision: Decision.Abort } ? new Fate(2, TimeSpan.FromSeconds(1)) : Fate.Arrives,
        async (engine, loop) =>
        {
            var aborted = engine.Transactions.Begin();
            await aborted.DepositAsync("a", 1);
            await aborted.AbortAsync();
            await loop.AdvanceAsync(TimeSpan.FromSeconds(1.0005)); // between the two
            var next = engine.Transactions.Begin();
            await next.DepositAsync("a", 2);
            await loop.AdvanceAsync(TimeSpan.FromSeconds(5));

            Assert.True((await next.CommitAsync()).IsCommitted);
            Assert.IsType<TransactionOutcome.Aborted>(await engine.Transactions.OutcomeOfAsync(aborted.Id));
            Assert.Equal(2, await engine.Transactions.BalanceAsync("a"));
        });

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_lost_enlistment_ends_the_call_with_its_transaction(bool question) => RunAsync(
        message => (question ? message is CommitInput.EnlistRequested : message is CommitMessage.EnlistmentAnswered) ? Fate.Lost : Fate.Arrives,
        async (engine, _) =>
        {
            var outcome = Assert.IsType<TransactionOutcome.Aborted>(await engine.Transactions.DepositAsync("a", 1));
            Assert.Equal(AbortReason.Timeout, outcome.Cause.Reason);
        });

    [Fact]
    public void Repeated_messages_change_nothing() => RunAsync(
        message => message is CommitMessage.PrepareRequested ? Fate.Arrives : Fate.Repeated,
        async (engine, loop) =>
        {
            Assert.True((await TransferAsync(engine)).IsCommitted);
            await loop.AdvanceAsync(TimeSpan.FromSeconds(1));
            Assert.Equal(1, await engine.Transactions.BalanceAsync("b"));
            Assert.Single(await engine.RowsOfAsync("account/b"));
        });

    [Fact]
    public void A_repeated_prepare_gets_the_same_vote_or_none_that_counts() => RunAsync(
        message => message is CommitMessage.PrepareRequested ? Fate.Repeated : Fate.Arrives,
        async (engine, _) => Assert.True((await TransferAsync(engine)).IsCommitted));

    [Fact]
    public void A_prepare_that_comes_after_the_abort_is_answered_no() => SimulationLoop.Run(async loop =>
    {
        var transport = new TestTransport(loop)
        {
            Fate = message => message is CommitMessage.PrepareRequested ? new Fate(1, TimeSpan.FromSeconds(4)) : Fate.Arrives,
        };
        await using var engine = await TestEngine.StartAsync(loop, transport: transport.Over);
        Assert.False((await engine.Transactions.DepositAsync("a", 1)).IsCommitted);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(5));

        Assert.Equal(Ballot.No, Assert.Single(transport.Sent.OfType<CommitInput.VoteReceived>()).Ballot);
        engine.AssertQuiet();
    });

    [Fact]
    public void A_vote_that_comes_after_the_abort_is_told_so() => RunAsync(
        message => message is CommitInput.VoteReceived ? new Fate(1, TimeSpan.FromSeconds(4)) : Fate.Arrives,
        async (engine, loop) =>
        {
            Assert.False((await TransferAsync(engine)).IsCommitted);
            await loop.AdvanceAsync(TimeSpan.FromSeconds(5));
            Assert.Empty(engine.Store.Sent);
        });

    [Fact]
    public void An_enlistment_that_comes_after_the_end_is_refused() => SimulationLoop.Run(async loop =>
    {
        var transport = new TestTransport(loop)
        {
            Fate = message => message is CommitInput.EnlistRequested ? new Fate(1, TimeSpan.FromSeconds(40)) : Fate.Arrives,
        };
        await using var engine = await TestEngine.StartAsync(loop, transport: transport.Over);
        Assert.False((await engine.Transactions.DepositAsync("a", 1)).IsCommitted);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(45));

        Assert.Equal(EnlistmentRefusal.NotActive, Assert.Single(transport.Sent.OfType<CommitMessage.EnlistmentAnswered>()).Refusal);
        engine.AssertQuiet();
    });

    [Fact]
    public void A_late_decision_does_not_touch_the_next_transaction() => RunAsync(
        message => message is CommitMessage.DecisionDelivered ? new Fate(2, TimeSpan.FromSeconds(1.5)) : Fate.Arrives,
        async (engine, loop) =>
        {
            Assert.True((await engine.Transactions.DepositAsync("a", 1)).IsCommitted);
            Assert.True((await engine.Transactions.DepositAsync("a", 1)).IsCommitted);
            await loop.AdvanceAsync(TimeSpan.FromSeconds(5));
            Assert.Equal(2, await engine.Transactions.BalanceAsync("a"));
        });

    private static Task<TransactionOutcome> TransferAsync(TestEngine engine) => engine.Transactions.RunAsync(async transaction =>
    {
        (await transaction.UpdateAsync<Account>("a")).Raise(new Withdrawn(1));
        (await transaction.UpdateAsync<Account>("b")).Raise(new Deposited(1));
    });

    private static void RunAsync(Func<object, Fate> fate, Func<TestEngine, SimulationLoop, Task> test) => SimulationLoop.Run(async loop =>
    {
        var transport = new TestTransport(loop) { Fate = fate };
        await using var engine = await TestEngine.StartAsync(loop, transport: transport.Over);
        await test(engine, loop);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(1));
        engine.AssertQuiet();
        engine.AssertNoViolation();
    });
}
