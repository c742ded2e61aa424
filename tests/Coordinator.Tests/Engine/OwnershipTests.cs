using Coordinator.Hosting;
using Coordinator.Log;
using Coordinator.Testing.Faults;
using Coordinator.Testing.Logs;
using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests;

/// <summary>A second owner of the same log: the rows alone decide, and nobody is lied to (rules D-2, D-4, D-9).</summary>
public sealed class OwnershipTests
{
    public static TheoryData<string> Faults => [.. AppendFaults.All.Where(fault => !fault.Stalls()).Select(fault => fault.ToString())];

    [Fact]
    public void A_deposed_owner_commits_nothing_more_and_begins_nothing_more() => SimulationLoop.Run(async loop =>
    {
        await using var old = await TestEngine.StartAsync(loop);
        await using var heir = await TestEngine.StartAsync(loop, old.Rows, seed: 2);
        var outcome = await old.Transactions.DepositAsync("a", 1);

        Assert.False(outcome.IsCommitted);
        Assert.False(await old.IsCommittedInLogAsync(outcome.Id));
        var refused = Assert.Throws<TransactionRefusedException>(() => old.Transactions.Begin());
        Assert.Contains("This host stands by", refused.Message, StringComparison.Ordinal);
        Assert.True((await heir.Transactions.DepositAsync("a", 2)).IsCommitted);
        Assert.Equal(2, await heir.Transactions.BalanceAsync("a"));
    });

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_commit_in_flight_at_the_take_over_is_decided_by_the_rows_alone(bool landsFirst) => SimulationLoop.Run(async loop =>
    {
        await using var old = await TestEngine.StartAsync(loop);
        old.Store.HoldsAppends = true;
        old.Store.LandsLate = landsFirst;
        var transaction = old.Transactions.Begin();
        await transaction.DepositAsync("a", 1);
        var commit = transaction.CommitAsync().AsTask();
        await loop.IdleAsync();
        old.Store.KeepsHolding = true; // the fence as well
        old.Store.AbandonAppend();
        await old.Store.LandLate();
        await using var heir = await TestEngine.StartAsync(loop, old.Rows, seed: 2);
        old.Store.Release();
        var told = await commit;
        var truth = await heir.Transactions.OutcomeOfAsync(transaction.Id);

        Assert.Equal(landsFirst, truth.IsCommitted);
        Assert.True(told is TransactionOutcome.Unknown || told.IsCommitted == truth.IsCommitted, $"told {told}, and the log says {truth}");
        Assert.Equal(landsFirst ? 1 : 0, await heir.Transactions.BalanceAsync("a"));
        await loop.AdvanceAsync(TimeSpan.FromSeconds(3));
        if (!landsFirst)
        {
            old.AssertQuiet(); // its participants learn it by inquiry; of a row that another owner may still lose they stay in doubt
        }
    });

    /// <summary>While a host claims it does not tick yet: the claim itself must give up a store that does not come back.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_claim_that_the_store_does_not_answer_is_given_up(bool landsUnclearFirst) => SimulationLoop.Run(async loop =>
    {
        var stalls = new StoreFaults { Stalls = 1 };
        var log = new SimulatedLog(loop, new SeededRandom(1)) { Faults = landsUnclearFirst ? new StoreFaults { LandsUnclear = 1 } : stalls };
        log.Landed = (_, _) => log.Faults = stalls; // the empty row behind the claim
        loop.After(TimeSpan.FromSeconds(5), () =>
        {
            log.Faults = StoreFaults.None;
            log.Landed = null;
        });
        await using var owner = await TestEngine.StartAsync(loop, faults: _ => log.ViewOf(loop.Spawn("owner")));

        Assert.InRange(loop.Time.Now, owner.Engine.Options.AppendStallTimeout, owner.Engine.Options.AppendStallTimeout + TimeSpan.FromSeconds(3));
        Assert.True((await owner.Transactions.DepositAsync("a", 1)).IsCommitted);
    });

    /// <summary>No write would come to show that the store works again: the mark must not outlive what could not be written.</summary>
    [Fact]
    public void A_store_that_did_not_write_in_an_earlier_term_is_not_held_against_the_next() => SimulationLoop.Run(async loop =>
    {
        await using var old = await TestEngine.StartAsync(loop);
        old.Store.Script = _ => new GroupAnswer(GroupAnswerKind.TryAgain, new IOException("the disk is full"));
        var commit = old.Transactions.DepositAsync("a", 1);
        await loop.IdleAsync();
        var heir = await TestEngine.StartAsync(loop, old.Rows, seed: 2);
        old.Store.Script = null;
        Assert.False((await commit).IsCommitted);

        await heir.DisposeAsync(); // hands over to the one that stands by
        await loop.AdvanceAsync(TimeSpan.FromSeconds(5));

        Assert.Equal(HostRole.Owner, old.Engine.Role);
        Assert.True((await old.Transactions.DepositAsync("a", 2)).IsCommitted);
    });

    [Fact]
    public void An_undecided_transaction_of_an_old_epoch_is_aborted_for_good() => SimulationLoop.Run(async loop =>
    {
        await using var old = await TestEngine.StartAsync(loop);
        await using var transaction = old.Transactions.Begin();
        await transaction.DepositAsync("a", 1);
        await using var heir = await TestEngine.StartAsync(loop, old.Rows, seed: 2);

        Assert.IsType<TransactionOutcome.Aborted>(await heir.Transactions.OutcomeOfAsync(transaction.Id));
        Assert.False((await transaction.CommitAsync()).IsCommitted);
        Assert.Empty(await old.RowsOfAsync("account/a"));
    });

    [Fact]
    public void What_an_old_owner_committed_is_committed_for_the_next() => SimulationLoop.Run(async loop =>
    {
        var old = await TestEngine.StartAsync(loop);
        var outcome = await old.Transactions.DepositAsync("a", 5);
        await old.DisposeAsync();
        await using var heir = await TestEngine.StartAsync(loop, old.Rows, seed: 2);

        Assert.Equal(outcome, await heir.Transactions.OutcomeOfAsync(outcome.Id));
        Assert.Equal(5, await heir.Transactions.BalanceAsync("a"));
    });

    [Fact]
    public void An_old_owner_that_is_asked_about_its_heirs_transaction_stops() => SimulationLoop.Run(async loop =>
    {
        await using var old = await TestEngine.StartAsync(loop);
        await using var heir = await TestEngine.StartAsync(loop, old.Rows, seed: 2);
        var id = (await heir.Transactions.DepositAsync("a", 1)).Id;

        Assert.IsType<TransactionOutcome.Unknown>(await old.Transactions.OutcomeOfAsync(id));
        Assert.Throws<TransactionRefusedException>(() => old.Transactions.Begin());
    });

    // A remembered stream beside one that the heir has changed is no state that ever was.
    [Fact]
    public void A_deposed_owner_never_reads_old_and_new_together() => SimulationLoop.Run(async loop =>
    {
        await using var old = await TestEngine.StartAsync(loop);
        await old.Transactions.DepositAsync("a", 10);
        await using var heir = await TestEngine.StartAsync(loop, old.Rows, seed: 2);
        await heir.Transactions.RunAsync(async transaction =>
        {
            (await transaction.UpdateAsync<Account>("a")).Raise(new Withdrawn(10));
            (await transaction.UpdateAsync<Account>("b")).Raise(new Deposited(10));
        });

        var read = old.Transactions.RunAsync(async transaction =>
        {
            await transaction.BalanceAsync("a");
            await transaction.BalanceAsync("b");
        });
        var refused = await Assert.ThrowsAsync<TransactionRefusedException>(() => read);
        Assert.Contains("account/b", refused.Message, StringComparison.Ordinal);
        old.AssertQuiet();
    });

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_claim_that_runs_into_a_fault_ends_as_owner_or_says_no(string name) => SimulationLoop.Run(async loop =>
    {
        foreach (var second in AppendFaults.All.Where(fault => !fault.Stalls() && fault is not AppendFault.Refused).Append(AppendFault.None))
        {
            var plan = new Queue<AppendFault>([Enum.Parse<AppendFault>(name), second]);
            FaultyLogStore? faulty = null;
            var engine = TestEngine.Create(loop, faults: inner => faulty = new FaultyLogStore(inner, () => plan.TryDequeue(out var next) ? next : default));
            if (name == nameof(AppendFault.Refused))
            {
                await Assert.ThrowsAsync<LogStoreException>(() => engine.Engine.StartAsync(CancellationToken.None));
                return;
            }

            await engine.Engine.StartAsync(CancellationToken.None);
            faulty!.Release(); // a late claim must fail at its guard
            Assert.True((await engine.Transactions.DepositAsync("a", 1)).IsCommitted);
            Assert.Equal(1, await engine.CountAsync(RowKind.ShardOwned));
            await engine.DisposeAsync();
        }
    });

    [Fact]
    public void A_claim_that_comes_second_loses_and_says_so() => SimulationLoop.Run(async loop =>
    {
        FaultyLogStore? faulty = null;
        var late = TestEngine.Create(loop, faults: inner => faulty = new FaultyLogStore(inner));
        faulty!.Arm(AppendFault.CommitLost);
        var starting = late.Engine.StartAsync(CancellationToken.None);
        Assert.True(starting.IsCompleted || !starting.IsFaulted);
        await starting;
        await using var heir = await TestEngine.StartAsync(loop, late.Rows, seed: 2);

        Assert.False((await late.Transactions.DepositAsync("a", 1)).IsCommitted);
    });

    [Fact]
    public void A_start_that_is_cancelled_while_the_store_refuses_ends() => SimulationLoop.Run(async loop =>
    {
        var engine = TestEngine.Create(loop, faults: inner => new FaultyLogStore(inner, () => AppendFault.TryAgain));
        using var cancellation = new CancellationTokenSource(TimeSpan.FromSeconds(1), loop.Time);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => engine.Engine.StartAsync(cancellation.Token));
        await engine.DisposeAsync();
    });

    [Fact]
    public void An_unreadable_shard_row_holds_inquiries_and_lets_new_work_go_on() => SimulationLoop.Run(async loop =>
    {
        var old = await TestEngine.StartAsync(loop);
        var kept = await old.Transactions.DepositAsync("a", 1);
        var lost = await old.Transactions.DepositAsync("b", 1);
        var aborted = old.Transactions.Begin();
        await aborted.AbortAsync();
        await old.DisposeAsync();
        old.Rows.Damage(new RowKey(LogStreams.Shard(0), 3), row => RowDamages.Apply(row, RowDamage.PayloadBit));
        await using var heir = await TestEngine.StartAsync(loop, old.Rows, seed: 2);

        Assert.True((await heir.Transactions.OutcomeOfAsync(kept.Id)).IsCommitted);
        var held = Assert.IsType<TransactionOutcome.Unknown>(await heir.Transactions.OutcomeOfAsync(aborted.Id));
        Assert.Contains("operator", held.Why, StringComparison.Ordinal);
        Assert.IsType<TransactionOutcome.Unknown>(await heir.Transactions.OutcomeOfAsync(lost.Id)); // its decision is there and can't be read
        Assert.True((await heir.Transactions.DepositAsync("a", 1)).IsCommitted);
    });

    [Fact]
    public void Ten_owners_in_a_row_leave_a_log_without_a_hole() => SimulationLoop.Run(async loop =>
    {
        InMemoryLogStore? rows = null;
        for (var owner = 1; owner <= 10; owner++)
        {
            var engine = await TestEngine.StartAsync(loop, rows, seed: (ulong)owner);
            rows = engine.Rows;
            Assert.True((await engine.Transactions.DepositAsync("a", 1)).IsCommitted);
            Assert.Equal(owner, await engine.Transactions.BalanceAsync("a"));
        }
    });
}
