using Coordinator.Hosting;
using Coordinator.Log;
using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests;

/// <summary>Several hosts on one log: who waits, who takes over and when, and what the displaced one does (design section 3).</summary>
public sealed class StandbyTests
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    [Fact]
    public void A_second_host_stands_by_while_the_owner_lives() => SimulationLoop.Run(async loop =>
    {
        await using var owner = await TestEngine.StartAsync(loop);
        await using var standby = StartStandby(loop, owner.Rows);
        await loop.AdvanceAsync(Minute);

        Assert.Equal(HostRole.Standby, standby.Engine.Role);
        var refused = Assert.Throws<TransactionRefusedException>(() => standby.Transactions.Begin());
        Assert.Contains("stands by: the log is owned by here", refused.Message, StringComparison.Ordinal);
        Assert.True((await owner.Transactions.DepositAsync("a", 1)).IsCommitted);
    });

    [Fact]
    public void An_owner_that_falls_silent_is_displaced_within_3_seconds_and_then_stands_by() => SimulationLoop.Run(async loop =>
    {
        var owner = await TestEngine.StartAsync(loop);
        await using var standby = StartStandby(loop, owner.Rows);
        var before = await owner.Transactions.DepositAsync("a", 1);
        await loop.AdvanceAsync(Minute);
        owner.Store.LosesBeats = true;
        await loop.AdvanceAsync(TimeSpan.FromSeconds(3));

        Assert.Equal(HostRole.Owner, standby.Engine.Role);
        Assert.True((await standby.Transactions.DepositAsync("a", 1)).IsCommitted);
        Assert.True((await standby.Transactions.OutcomeOfAsync(before.Id)).IsCommitted);
        Assert.False((await owner.Transactions.DepositAsync("a", 1)).IsCommitted);
        owner.Store.LosesBeats = false;
        await loop.AdvanceAsync(Minute);

        Assert.Equal(HostRole.Standby, owner.Engine.Role);
        Assert.Equal(2, (await standby.RowsOfAsync("account/a")).Count);
        Assert.True((await owner.Transactions.OutcomeOfAsync(before.Id)).IsCommitted); // any host may read decisions
        await owner.DisposeAsync();
    });

    [Fact]
    public void A_displaced_host_owns_again_and_does_not_use_what_it_knew_before() => SimulationLoop.Run(async loop =>
    {
        await using var first = await TestEngine.StartAsync(loop);
        await first.Transactions.DepositAsync("a", 1);
        var second = await TestEngine.StartAsync(loop, first.Rows, seed: 2);
        await second.Transactions.DepositAsync("a", 10);
        await loop.AdvanceAsync(Minute);
        Assert.False((await first.Transactions.DepositAsync("a", 100).ContinueOnRefusal()).IsCommitted());
        await loop.AdvanceAsync(Minute);
        await second.DisposeAsync();
        await loop.AdvanceAsync(TimeSpan.FromSeconds(1));

        Assert.Equal(HostRole.Owner, first.Engine.Role);
        Assert.Equal(11, await first.Transactions.BalanceAsync("a"));
    });

    [Fact]
    public void A_host_that_stops_hands_over_without_a_wait() => SimulationLoop.Run(async loop =>
    {
        var owner = await TestEngine.StartAsync(loop);
        await using var standby = StartStandby(loop, owner.Rows);
        await owner.Transactions.DepositAsync("a", 1);
        await loop.AdvanceAsync(Minute);
        await owner.DisposeAsync();
        await loop.AdvanceAsync(TimeSpan.FromMilliseconds(600));

        Assert.Equal(HostRole.Owner, standby.Engine.Role);
        var kinds = (await standby.RowsOfAsync("shard/0")).Select(row => row.Kind);
        Assert.Equal([RowKind.ShardOwned, RowKind.CommitDecided, RowKind.ShardCheckpoint, RowKind.ShardReleased, RowKind.ShardOwned], kinds);
        Assert.Equal(3, standby.Engine.ReplayedFrom);
    });

    [Fact]
    public void A_store_that_takes_no_beats_for_a_while_makes_nobody_take_over() => SimulationLoop.Run(async loop =>
    {
        await using var owner = await TestEngine.StartAsync(loop);
        await using var standby = StartStandby(loop, owner.Rows);
        await loop.AdvanceAsync(Minute);
        owner.Store.LosesBeats = standby.Store.LosesBeats = true;
        await loop.AdvanceAsync(Minute);
        owner.Store.LosesBeats = false;
        await loop.AdvanceAsync(TimeSpan.FromSeconds(1));
        standby.Store.LosesBeats = false;
        await loop.AdvanceAsync(Minute);

        Assert.Equal((HostRole.Owner, HostRole.Standby), (owner.Engine.Role, standby.Engine.Role));
        Assert.Equal(1, await owner.CountAsync(RowKind.ShardOwned));
    });

    [Fact]
    public void A_start_that_need_not_wait_returns_while_standing_by() => SimulationLoop.Run(async loop =>
    {
        var owner = await TestEngine.StartAsync(loop);
        await using var standby = await TestEngine.StartAsync(
            loop, owner.Rows, configure: options => (options.TakeOverAtStart, options.WaitForOwnership) = (false, false), seed: 2);
        Assert.NotNull(standby.Engine.NotReadyReason);
        Assert.False(standby.Engine.IsEnded);

        await owner.DisposeAsync();
        await loop.AdvanceAsync(TimeSpan.FromSeconds(1));

        Assert.Null(standby.Engine.NotReadyReason);
        Assert.True((await standby.Transactions.DepositAsync("a", 1)).IsCommitted);
    });

    [Fact]
    public void A_copy_of_the_log_is_refused_until_it_has_a_generation_of_its_own() => SimulationLoop.Run(async loop =>
    {
        var original = await TestEngine.StartAsync(loop);
        var kept = await original.Transactions.DepositAsync("a", 1);
        var open = original.Transactions.Begin();
        await open.AbortAsync();
        await original.DisposeAsync();
        original.Rows.StoreIdentity = "restored elsewhere";

        var refused = await Assert.ThrowsAsync<LogStoreException>(() => TestEngine.StartAsync(loop, original.Rows, seed: 2));
        Assert.Contains("RestoredAsGeneration", refused.Message, StringComparison.Ordinal);
        await using var restored = await TestEngine.StartAsync(loop, original.Rows, configure: options => options.RestoredAsGeneration = 2, seed: 3);
        Assert.Equal(2, (await restored.Transactions.DepositAsync("a", 1)).Id.Log.Generation);
        Assert.IsType<TransactionOutcome.Unknown>(await restored.Transactions.OutcomeOfAsync(open.Id)); // the original may have gone on and committed it
        Assert.False((await restored.Transactions.OutcomeOfAsync(kept.Id)) is TransactionOutcome.Aborted);
        await restored.DisposeAsync();

        await using var again = await TestEngine.StartAsync(loop, original.Rows, configure: options => options.RestoredAsGeneration = 2, seed: 4);
        Assert.Equal(2, (await again.RowsOfAsync("meta")).Count);
    });

    [Fact]
    public void A_host_that_has_stopped_while_its_log_was_being_opened_does_not_come_to_life() => SimulationLoop.Run(async loop =>
    {
        var rows = new InMemoryLogStore(loop.Time);
        var host = TestEngine.Create(loop, rows, configure: options => options.WaitForOwnership = false);
        var held = new TaskCompletionSource();
        host.Store.BeforeOpen = held.Task;
        await host.Engine.StartAsync(CancellationToken.None);
        await host.Engine.StopAsync(CancellationToken.None);
        held.SetResult();
        await loop.AdvanceAsync(Minute);

        Assert.Empty(await rows.Beats!.ReadBeatsAsync(CancellationToken.None));
    });

    [Fact]
    public void A_stop_ends_a_start_that_stands_by() => SimulationLoop.Run(async loop =>
    {
        await using var owner = await TestEngine.StartAsync(loop);
        var standby = TestEngine.Create(loop, owner.Rows, configure: options => options.TakeOverAtStart = false, seed: 2);
        var starting = standby.Engine.StartAsync(CancellationToken.None);
        await loop.AdvanceAsync(TimeSpan.FromSeconds(1));
        await standby.Engine.StopAsync(CancellationToken.None);
        await loop.AdvanceAsync(Minute);

        Assert.True(starting.IsCompleted);
    });

    [Fact]
    public void A_standby_that_opened_an_earlier_generation_does_not_claim_without_end() => SimulationLoop.Run(async loop =>
    {
        var owner = await TestEngine.StartAsync(loop);
        await using var standby = await TestEngine.StartAsync(
            loop, owner.Rows, configure: options => (options.TakeOverAtStart, options.WaitForOwnership) = (false, false), seed: 2);
        var claims = 0;
        standby.Store.BeforeClaim = () => Assert.True(++claims < 1_000, "claims are sent without end");
        var raised = await TestEngine.StartAsync(loop, owner.Rows, configure: options => options.RestoredAsGeneration = 2, seed: 3);
        await owner.DisposeAsync();
        await raised.DisposeAsync();
        await loop.AdvanceAsync(Minute);

        Assert.Equal(HostRole.Standby, standby.Engine.Role);
        Assert.InRange(claims, 1, 200);
    });

    private static TestEngine StartStandby(SimulationLoop loop, InMemoryLogStore rows)
    {
        var standby = TestEngine.Create(loop, rows, configure: options => options.TakeOverAtStart = false, seed: 2);
        _ = standby.Engine.StartAsync(CancellationToken.None);
        return standby;
    }
}

/// <summary>A refusal counts as not committed.</summary>
internal static class RefusalExtensions
{
    public static async Task<TransactionOutcome?> ContinueOnRefusal(this Task<TransactionOutcome> work)
    {
        try
        {
            return await work;
        }
        catch (TransactionRefusedException)
        {
            return null;
        }
    }

    public static bool IsCommitted(this TransactionOutcome? outcome) => outcome is { IsCommitted: true };
}
