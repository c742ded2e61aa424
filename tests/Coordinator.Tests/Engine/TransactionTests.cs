using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests;

/// <summary>What an initiator does and is told.</summary>
public sealed class TransactionTests
{
    [Fact]
    public void What_commits_is_in_the_log_and_visible() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var outcome = await engine.Transactions.DepositAsync("alice", 5);

        Assert.True(outcome.IsCommitted);
        Assert.True(await engine.IsCommittedInLogAsync(outcome.Id));
        Assert.Equal(5, await engine.Transactions.BalanceAsync("alice"));
    });

    [Fact]
    public void What_aborts_leaves_nothing() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var transaction = engine.Transactions.Begin();
        await transaction.DepositAsync("alice", 5);
        var outcome = await transaction.AbortAsync("changed my mind");

        Assert.Equal("Requested: changed my mind", Assert.IsType<TransactionOutcome.Aborted>(outcome).Cause.ToString());
        Assert.Empty(await engine.RowsOfAsync("account/alice"));
        Assert.Equal(0, await engine.Transactions.BalanceAsync("alice"));
        engine.AssertQuiet();
    });

    [Fact]
    public void An_exception_of_the_work_aborts_and_goes_on_to_the_caller() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await Assert.ThrowsAsync<DivideByZeroException>(() => engine.Transactions.RunAsync(async transaction =>
        {
            await transaction.DepositAsync("alice", 5);
            throw new DivideByZeroException();
        }));

        Assert.Empty(await engine.RowsOfAsync("account/alice"));
        engine.AssertQuiet();
    });

    [Fact]
    public void A_transaction_aborted_underneath_its_work_is_an_outcome_not_an_exception() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var outcome = await engine.Transactions.RunAsync(async transaction =>
        {
            await transaction.DepositAsync("alice", 5);
            await transaction.AbortAsync("no funds");
            await transaction.DepositAsync("bob", 5);
        });

        Assert.Equal("no funds", Assert.IsType<TransactionOutcome.Aborted>(outcome).Cause.Detail);
    });

    [Fact]
    public void The_exception_of_another_aborted_transaction_goes_on_to_the_caller() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var other = engine.Transactions.Begin();
        var aborted = await other.AbortAsync();

        await Assert.ThrowsAsync<TransactionAbortedException>(
            () => engine.Transactions.RunAsync(_ => Task.FromException(new TransactionAbortedException(other.Id, ((TransactionOutcome.Aborted)aborted).Cause))));
    });

    [Fact]
    public void A_delegate_that_aborts_and_returns_is_aborted() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var outcome = await engine.Transactions.RunAsync(async transaction => await transaction.AbortAsync("enough"));

        Assert.Equal("enough", Assert.IsType<TransactionOutcome.Aborted>(outcome).Cause.Detail);
    });

    [Fact]
    public void An_empty_transaction_commits_and_writes_nothing() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);

        Assert.True((await engine.Transactions.RunAsync(_ => Task.CompletedTask)).IsCommitted);
        Assert.Empty(engine.Store.Sent);
        engine.AssertQuiet();
    });

    [Fact]
    public void An_update_that_raises_nothing_writes_nothing() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);

        Assert.True((await engine.Transactions.RunAsync(async transaction => await transaction.UpdateAsync<Account>("alice"))).IsCommitted);
        Assert.Empty(engine.Store.Sent);
        engine.AssertQuiet();
    });

    [Fact]
    public void A_transaction_sees_what_it_has_raised() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await engine.Transactions.RunAsync(async transaction =>
        {
            await transaction.DepositAsync("alice", 5);
            await transaction.DepositAsync("alice", 6);
            Assert.Equal(11, await transaction.BalanceAsync("alice"));
        });

        Assert.Equal(2, (await engine.RowsOfAsync("account/alice")).Count);
    });

    [Fact]
    public void Commit_asked_for_again_says_the_same_again() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await using var transaction = engine.Transactions.Begin();
        await transaction.DepositAsync("alice", 5);
        var (first, second) = (transaction.CommitAsync().AsTask(), transaction.CommitAsync().AsTask());

        Assert.Equal(await first, await second);
        Assert.Equal(await transaction.CommitAsync(), await transaction.AbortAsync());
        Assert.Equal(1, await engine.CountAsync(RowKind.CommitDecided));
    });

    [Fact]
    public void Abort_after_commit_says_that_it_committed() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await using var transaction = engine.Transactions.Begin();
        await transaction.DepositAsync("alice", 5);
        await transaction.CommitAsync();

        Assert.True((await transaction.AbortAsync()).IsCommitted);
    });

    // A05: commit and abort at once; one wins and both are told which.
    [Fact]
    public void Commit_and_abort_at_once_hear_the_same() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        engine.Store.HoldsAppends = true;
        var transaction = engine.Transactions.Begin();
        await transaction.DepositAsync("alice", 5);
        var (commit, abort) = (transaction.CommitAsync().AsTask(), transaction.AbortAsync().AsTask());
        engine.Store.Release();

        Assert.Equal(await commit, await abort);
        Assert.Equal((await commit).IsCommitted, await engine.IsCommittedInLogAsync(transaction.Id));
    });

    [Fact]
    public void Work_after_the_commit_is_refused() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var transaction = engine.Transactions.Begin();
        var account = await transaction.UpdateAsync<Account>("alice");
        account.Raise(new Deposited(1));
        await transaction.CommitAsync();

        await Assert.ThrowsAsync<TransactionNotActiveException>(() => transaction.DepositAsync("bob", 1));
        Assert.Throws<TransactionNotActiveException>(() => account.Raise(new Deposited(1)));
        await Assert.ThrowsAsync<TransactionNotActiveException>(async () => await transaction.PublishAsync("notes", new Noted("late")));
        Assert.Equal(1, await engine.Transactions.BalanceAsync("alice"));
    });

    // A09: work that arrives after the abort.
    [Fact]
    public void Late_enlistment_after_abort_is_refused() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var transaction = engine.Transactions.Begin();
        await transaction.AbortAsync();

        await Assert.ThrowsAsync<TransactionAbortedException>(() => transaction.DepositAsync("bob", 1));
        engine.AssertQuiet();
    });

    [Fact]
    public void Raising_while_the_decision_is_with_the_log_is_refused() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var transaction = engine.Transactions.Begin();
        var account = await transaction.UpdateAsync<Account>("alice");
        account.Raise(new Deposited(1));
        engine.Store.HoldsAppends = true;
        var commit = transaction.CommitAsync();
        await loop.IdleAsync();

        Assert.True(engine.Store.IsHolding);
        Assert.Throws<TransactionNotActiveException>(() => account.Raise(new Deposited(1)));
        engine.Store.Release();
        Assert.True((await commit).IsCommitted);
        Assert.Single(await engine.RowsOfAsync("account/alice"));
    });

    // A01: who never commits is aborted.
    [Fact]
    public void Dispose_without_commit_aborts() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        TransactionId id;
        await using (var transaction = engine.Transactions.Begin())
        {
            id = transaction.Id;
            await transaction.DepositAsync("alice", 5);
        }

        Assert.IsType<TransactionOutcome.Aborted>(await engine.Transactions.OutcomeOfAsync(id));
        engine.AssertQuiet();
    });

    [Fact]
    public void A_transaction_that_is_forgotten_by_its_initiator_is_aborted_at_its_deadline() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var transaction = engine.Transactions.Begin();
        await transaction.DepositAsync("alice", 5);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(31));

        engine.AssertQuiet();
        var outcome = Assert.IsType<TransactionOutcome.Aborted>(await transaction.CommitAsync());
        Assert.Equal(AbortReason.Timeout, outcome.Cause.Reason);
    });

    [Fact]
    public void A_call_still_running_at_commit_aborts() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var holder = engine.Transactions.Begin();
        await holder.DepositAsync("alice", 1);
        var transaction = engine.Transactions.Begin();
        var running = transaction.DepositAsync("alice", 2);
        var outcome = Assert.IsType<TransactionOutcome.Aborted>(await transaction.CommitAsync());

        Assert.Equal(AbortReason.WorkFailed, outcome.Cause.Reason);
        await Assert.ThrowsAsync<TransactionAbortedException>(() => running);
        Assert.True((await holder.CommitAsync()).IsCommitted);
        engine.AssertQuiet();
    });

    [Fact]
    public void A_failed_call_aborts_even_if_the_work_swallows_it() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var outcome = await engine.Transactions.RunAsync(async transaction =>
        {
            await transaction.DepositAsync("alice", 1);
            engine.Store.BeforeRead = _ => throw new IOException("disk");
            await Assert.ThrowsAsync<IOException>(() => transaction.DepositAsync("bob", 1));
        });

        Assert.Equal("WorkFailed by account/bob: a call for it threw IOException", Assert.IsType<TransactionOutcome.Aborted>(outcome).Cause.ToString());
        engine.AssertQuiet();
    });

    [Fact]
    public void Two_calls_for_one_stream_at_once_abort_and_both_return() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var holder = engine.Transactions.Begin();
        await holder.DepositAsync("alice", 1);
        var transaction = engine.Transactions.Begin();
        var first = transaction.DepositAsync("alice", 2);
        var second = transaction.DepositAsync("alice", 3);

        await Assert.ThrowsAsync<TransactionAbortedException>(() => second);
        await Assert.ThrowsAsync<TransactionAbortedException>(() => first);
        await holder.CommitAsync();
        Assert.True((await engine.Transactions.DepositAsync("alice", 4)).IsCommitted);
        engine.AssertQuiet();
    });

    [Fact]
    public void Calls_for_different_streams_may_overlap() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var outcome = await engine.Transactions.RunAsync(
            transaction => Task.WhenAll(Enumerable.Range(0, 8).Select(number => transaction.DepositAsync($"a{number}", 1))));

        Assert.True(outcome.IsCommitted);
        Assert.Equal(1, await engine.Transactions.BalanceAsync("a7"));
    });

    [Fact]
    public void Cancelled_before_its_begin_nothing_begins() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await Assert.ThrowsAsync<OperationCanceledException>(() => engine.Transactions.RunAsync(_ => Task.CompletedTask, new CancellationToken(true)));

        Assert.Equal(0, engine.Engine.InFlightCount);
    });

    [Fact]
    public void Cancelled_during_the_work_it_is_aborted() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        using var cancellation = new CancellationTokenSource();
        var outcome = await engine.Transactions.RunAsync(
            async transaction =>
            {
                await transaction.DepositAsync("alice", 5);
                cancellation.Cancel();
            },
            cancellation.Token);

        Assert.IsType<TransactionOutcome.Aborted>(outcome);
        Assert.Empty(engine.Store.Sent);
        engine.AssertQuiet();
    });

    [Fact]
    public void Cancelled_while_waiting_for_a_lock_it_is_aborted_and_leaves_the_queue() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var holder = engine.Transactions.Begin();
        await holder.DepositAsync("alice", 1);
        using var cancellation = new CancellationTokenSource();
        var waiting = engine.Transactions.RunAsync(async transaction => await transaction.UpdateAsync<Account>("alice", cancellation.Token), cancellation.Token);
        await loop.IdleAsync();
        cancellation.Cancel();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        await holder.CommitAsync();
        engine.AssertQuiet();
    });

    [Fact]
    public void Cancelled_while_a_stream_is_read_it_is_aborted() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        engine.Store.HoldsReads = true;
        using var cancellation = new CancellationTokenSource();
        var reading = engine.Transactions.RunAsync(async transaction => await transaction.UpdateAsync<Account>("alice", cancellation.Token));
        await loop.IdleAsync();
        Assert.True(engine.Store.IsHoldingRead);
        cancellation.Cancel();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
        engine.Store.ReleaseRead();
        engine.AssertQuiet();
        Assert.True((await engine.Transactions.DepositAsync("alice", 5)).IsCommitted);
    });

    // A08: the log never sees a cancellation.
    [Fact]
    public void Cancelled_while_the_log_writes_only_the_wait_ends() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        using var cancellation = new CancellationTokenSource();
        engine.Store.HoldsAppends = true;
        var transaction = engine.Transactions.Begin();
        await transaction.DepositAsync("alice", 5);
        var commit = transaction.CommitAsync(cancellation.Token);
        await loop.IdleAsync();
        cancellation.Cancel();

        Assert.IsType<TransactionOutcome.Unknown>(await commit);
        engine.Store.Release();
        Assert.True((await transaction.CommitAsync()).IsCommitted);
        Assert.True((await engine.Transactions.OutcomeOfAsync(transaction.Id)).IsCommitted);
    });

    // A07: the deadline passes while the decision is in the log's hands.
    [Fact]
    public void A_deadline_that_passes_while_the_log_writes_is_unknown_and_never_aborted() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, configure: options => options.AppendStallTimeout = TimeSpan.FromMinutes(5));
        engine.Store.HoldsAppends = true;
        var outcome = await engine.Transactions.DepositAsync("alice", 5);

        Assert.IsType<TransactionOutcome.Unknown>(outcome);
        Assert.IsType<TransactionOutcome.Unknown>(await engine.Transactions.OutcomeOfAsync(outcome.Id));
        engine.Store.Release();
        await loop.IdleAsync();
        Assert.True((await engine.Transactions.OutcomeOfAsync(outcome.Id)).IsCommitted);
        engine.AssertQuiet();
    });

    // A02: the initiator is gone, the outcome can be asked for.
    [Fact]
    public void The_outcome_of_a_committed_transaction_is_read_from_the_log() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var outcome = await engine.Transactions.DepositAsync("alice", 5);

        Assert.Equal(outcome, await engine.Transactions.OutcomeOfAsync(outcome.Id));
    });

    [Fact]
    public void The_outcome_of_an_undecided_transaction_is_unknown() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await using var transaction = engine.Transactions.Begin();
        await transaction.DepositAsync("alice", 5);

        Assert.IsType<TransactionOutcome.Unknown>(await engine.Transactions.OutcomeOfAsync(transaction.Id));
    });

    [Fact]
    public void The_outcome_of_an_aborted_transaction_is_aborted() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var transaction = engine.Transactions.Begin();
        await transaction.DepositAsync("alice", 5);
        await transaction.AbortAsync();

        Assert.IsType<TransactionOutcome.Aborted>(await engine.Transactions.OutcomeOfAsync(transaction.Id));
    });

    [Fact]
    public void An_id_that_was_never_issued_is_refused() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var id = engine.Transactions.Begin().Id;

        foreach (var odd in new[]
        {
            new TransactionId(id.Log, 0, id.Epoch, id.ClaimBits, id.Sequence + 1),
            new TransactionId(id.Log, 0, id.Epoch, id.ClaimBits, 0),
            new TransactionId(id.Log, 7, id.Epoch, id.ClaimBits, id.Sequence),
            new TransactionId(id.Log, 0, id.Epoch + 100, id.ClaimBits, id.Sequence),
        })
        {
            var error = await Assert.ThrowsAsync<ArgumentException>(async () => await engine.Transactions.OutcomeOfAsync(odd));
            Assert.Contains("never issued", error.Message, StringComparison.Ordinal);
        }

        Assert.Empty(engine.Store.Sent);
    });

    [Fact]
    public void An_id_of_another_log_is_refused() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var id = engine.Transactions.Begin().Id;
        var other = new TransactionId(new LogIdentity(id.Log.LogId ^ 1, id.Log.Generation), 0, id.Epoch, id.ClaimBits, id.Sequence);

        var error = await Assert.ThrowsAsync<ArgumentException>(async () => await engine.Transactions.OutcomeOfAsync(other));
        Assert.Contains("another log", error.Message, StringComparison.Ordinal);
    });

    [Fact]
    public void An_id_of_another_generation_or_claim_is_held_and_never_presumed() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var id = engine.Transactions.Begin().Id;

        foreach (var held in new[]
        {
            new TransactionId(new LogIdentity(id.Log.LogId, 2), 0, id.Epoch, id.ClaimBits, id.Sequence),
            new TransactionId(id.Log, 0, id.Epoch, id.ClaimBits ^ 1, id.Sequence),
        })
        {
            var outcome = Assert.IsType<TransactionOutcome.Unknown>(await engine.Transactions.OutcomeOfAsync(held));
            Assert.Contains("operator", outcome.Why, StringComparison.Ordinal);
        }
    });
}
