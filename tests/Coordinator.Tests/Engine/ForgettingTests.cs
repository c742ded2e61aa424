using Coordinator.Hosting;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests;

/// <summary>The log forgets what is old, never presumes it, and stays readable (D-5).</summary>
public sealed class ForgettingTests
{
    private static readonly TimeSpan Retention = TimeSpan.FromHours(1);
    private static readonly TimeSpan Longer = Retention + TimeSpan.FromMinutes(5);

    [Fact]
    public void Old_decisions_are_forgotten_and_answered_unknown_young_ones_are_not() => Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, configure: Short);
        var old = await WorkAsync(engine, 2500);
        var aborted = await AbortAsync(engine);
        await loop.AdvanceAsync(Longer);
        var young = await WorkAsync(engine, 2500);
        await ForgetAsync(loop);

        Assert.True(engine.Engine.RowsForgotten > 900, $"{engine.Engine.RowsForgotten} rows were forgotten");
        Assert.Contains("older than the log remembers", (await UnknownAsync(engine, old[0])).Why, StringComparison.Ordinal);
        Assert.All(young, id => Assert.True(engine.Transactions.OutcomeOfAsync(id).AsTask().Result.IsCommitted));
        Assert.IsType<TransactionOutcome.Aborted>(await engine.Transactions.OutcomeOfAsync(aborted)); // above the horizon
        Assert.Equal(5000, await engine.Transactions.BalanceAsync("a"));
        engine.AssertNoViolation();
    });

    [Fact]
    public void Nothing_younger_than_the_retention_is_forgotten() => Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, configure: Short);
        await WorkAsync(engine, 3000);
        await loop.AdvanceAsync(Retention - TimeSpan.FromMinutes(5));
        await WorkAsync(engine, 3000);
        await ForgetAsync(loop);

        Assert.Equal(0, engine.Engine.RowsForgotten);
    });

    [Fact]
    public void The_next_owner_knows_the_horizon_and_all_that_is_above_it() => Run(async loop =>
    {
        await using var owner = await TestEngine.StartAsync(loop, configure: Short);
        var old = await WorkAsync(owner, 2500);
        await loop.AdvanceAsync(Longer);
        var young = await WorkAsync(owner, 2500);
        await ForgetAsync(loop);
        var neverCommitted = await AbortAsync(owner);
        await using var heir = await TestEngine.StartAsync(loop, owner.Rows, configure: Short, seed: 2);

        Assert.Contains("older than the log remembers", (await UnknownAsync(heir, old[0])).Why, StringComparison.Ordinal);
        Assert.All(young, id => Assert.True(heir.Transactions.OutcomeOfAsync(id).AsTask().Result.IsCommitted));
        Assert.IsType<TransactionOutcome.Aborted>(await heir.Transactions.OutcomeOfAsync(neverCommitted)); // presumed: of a dead epoch whose claim stays
        Assert.Equal(5000, await heir.Transactions.BalanceAsync("a"));
        heir.AssertNoViolation();
    });

    [Fact]
    public void An_owner_whose_last_checkpoint_is_damaged_reads_what_is_left_and_presumes_as_before() => Run(async loop =>
    {
        await using var owner = await TestEngine.StartAsync(loop, configure: Short);
        var old = await WorkAsync(owner, 2500);
        await loop.AdvanceAsync(Longer);
        var young = await WorkAsync(owner, 3500);
        await ForgetAsync(loop);
        var neverCommitted = await AbortAsync(owner);
        var last = owner.Engine.ReplayedFrom;
        var checkpoints = (await owner.Rows.ReadAsync(LogStreams.Shard(0), FirstKept(owner), int.MaxValue - 1, UnreadableRows.Mark, CancellationToken.None))
            .Where(row => row.Kind is RowKind.ShardCheckpoint).ToList();
        owner.Rows.Damage(new RowKey(LogStreams.Shard(0), checkpoints[^1].Version), row => With(row, "{}"u8.ToArray()));
        await using var heir = await TestEngine.StartAsync(loop, owner.Rows, configure: Short, seed: 2);

        Assert.True(last < checkpoints[^1].Version);
        Assert.IsType<TransactionOutcome.Unknown>(await heir.Transactions.OutcomeOfAsync(old[0]));
        Assert.All(young, id => Assert.True(heir.Transactions.OutcomeOfAsync(id).AsTask().Result.IsCommitted));
        Assert.IsType<TransactionOutcome.Unknown>(await heir.Transactions.OutcomeOfAsync(neverCommitted)); // the damaged row may hold it (L06)
        Assert.Equal(6000, await heir.Transactions.BalanceAsync("a"));
    });

    [Fact]
    public void An_undecided_transaction_holds_the_horizon_back() => Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, configure: options => (options.DecisionRetention, options.TransactionTimeout) = (TimeSpan.FromMinutes(10), TimeSpan.FromHours(1)));
        await using var undecided = engine.Transactions.Begin();
        await undecided.DepositAsync("b", 1);
        await WorkAsync(engine, 2500);
        await loop.AdvanceAsync(TimeSpan.FromMinutes(15));
        await WorkAsync(engine, 2500);
        await ForgetAsync(loop);
        Assert.Equal(0, engine.Engine.RowsForgotten);

        Assert.True((await undecided.CommitAsync()).IsCommitted);
        await ForgetAsync(loop);
        await WorkAsync(engine, 1500);
        await ForgetAsync(loop);
        Assert.True(engine.Engine.RowsForgotten > 900);
    });

    [Fact]
    public void The_horizon_moves_with_a_checkpoint_only() => Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, configure: Short);
        await WorkAsync(engine, 2500);
        await loop.AdvanceAsync(Longer);
        await WorkAsync(engine, 10);
        await ForgetAsync(loop); // no checkpoint was written since the marks came of age
        Assert.Equal(0, engine.Engine.RowsForgotten);
        Assert.Null(engine.Engine.Horizon);
    });

    /// <summary>The checkpoint that carries it is made, sent, and on its way for long, or refused by the store again and again.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void No_row_is_removed_before_the_horizon_is_durable(bool fails) => Run(async loop =>
    {
        await using var owner = await TestEngine.StartAsync(loop, configure: Short);
        var old = await WorkAsync(owner, 2500);
        await loop.AdvanceAsync(Longer);
        var isSent = false;
        owner.Store.KeepsHolding = true;
        owner.Store.Script = group =>
        {
            var isIt = group.Rows.Any(row => row.Kind is RowKind.ShardCheckpoint && ShardCheckpoint.Decode(row).Forgetting.Horizon is not null);
            isSent |= isIt;
            owner.Store.HoldsAppends |= isIt && !fails;
            return isIt && fails ? new GroupAnswer(GroupAnswerKind.TryAgain, new IOException("the disk is full")) : null;
        };
        while (!isSent)
        {
            _ = owner.Transactions.DepositAsync("a", 1);
            await loop.IdleAsync();
        }

        await ForgetAsync(loop);
        Assert.Equal(0, owner.Engine.RowsForgotten);
        Assert.Null(owner.Engine.Horizon);
        await using var heir = await TestEngine.StartAsync(loop, owner.Rows, configure: Short, seed: 2); // knows of no horizon, and presumes
        Assert.All(old, id => Assert.True(heir.Transactions.OutcomeOfAsync(id).AsTask().Result.IsCommitted));
    });

    [Fact]
    public void A_retention_without_end_forgets_nothing() => Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(
            loop, configure: options => (options.DecisionRetention, options.IdempotencyWindow) = (Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan));
        var key = new TransactionOptions { Key = new IdempotencyKey("k") };
        var first = await engine.Transactions.RunAsync(transaction => transaction.DepositAsync("a", 1), key);
        await WorkAsync(engine, 2500);
        await loop.AdvanceAsync(Longer);
        await WorkAsync(engine, 2500);
        await ForgetAsync(loop);

        Assert.Equal(0, engine.Engine.RowsForgotten);
        Assert.Equal(first.Id, (await engine.Transactions.RunAsync(transaction => transaction.DepositAsync("a", 1), key)).Id);
    });

    [Fact]
    public void A_key_is_forgotten_after_its_window_and_outlives_its_decision_within_it() => Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(
            loop, configure: options => (options.DecisionRetention, options.IdempotencyWindow) = (Retention, Retention * 3));
        var key = new IdempotencyKey("k");
        var first = await engine.Transactions.RunAsync(transaction => transaction.DepositAsync("a", 1), new TransactionOptions { Key = key });
        await WorkAsync(engine, 2500);
        await loop.AdvanceAsync(Longer);
        await WorkAsync(engine, 2500);
        await ForgetAsync(loop);
        Assert.IsType<TransactionOutcome.Unknown>(await engine.Transactions.OutcomeOfAsync(first.Id));
        Assert.Equal(first.Id, Assert.IsType<TransactionOutcome.Committed>(await engine.Transactions.OutcomeOfAsync(key)).Id);

        await loop.AdvanceAsync((Retention * 2) + TimeSpan.FromMinutes(11));
        await ForgetAsync(loop);
        Assert.Null(await engine.Transactions.OutcomeOfAsync(key));
    });

    [Fact]
    public void What_cannot_be_removed_is_tried_again_and_harms_nobody() => Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, configure: Short);
        await WorkAsync(engine, 2500);
        await loop.AdvanceAsync(Longer);
        await WorkAsync(engine, 2500);
        engine.Store.FailsRemoval = true;
        await ForgetAsync(loop);
        Assert.NotNull(engine.Engine.Horizon);
        Assert.Equal(0, engine.Engine.RowsForgotten);
        engine.Store.FailsRemoval = false;
        await ForgetAsync(loop);

        Assert.True(engine.Engine.RowsForgotten > 900);
    });

    [Fact]
    public void A_decision_whose_rows_are_just_being_removed_is_forgotten_without_alarm() => Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, configure: Short);
        var old = await WorkAsync(engine, 2500);
        await loop.AdvanceAsync(Longer);
        await WorkAsync(engine, 2500);
        engine.Store.FailsRemoval = true;
        await ForgetAsync(loop);
        await engine.Rows.RemoveShardRowsAsync(0, engine.Engine.Horizon!, countMax: 100, CancellationToken.None); // and there the process died
        foreach (var id in old.Take(150))
        {
            var outcome = await engine.Transactions.OutcomeOfAsync(id);
            Assert.True(outcome.IsCommitted || outcome is TransactionOutcome.Unknown { Why: var why } && why.Contains("older than", StringComparison.Ordinal), outcome.ToString());
        }

        engine.AssertNoViolation();
    });

    // C19: whoever has the shard by then forgets, not whoever decided.
    [Fact]
    public void The_next_owner_forgets_what_the_one_before_had_no_time_for() => Run(async loop =>
    {
        await using var owner = await TestEngine.StartAsync(loop, configure: Short);
        var old = await WorkAsync(owner, 2500);
        await using var heir = await TestEngine.StartAsync(loop, owner.Rows, configure: Short, seed: 2);
        await loop.AdvanceAsync(Longer);
        var young = await WorkAsync(heir, 2500);
        await ForgetAsync(loop);

        Assert.Equal(0, owner.Engine.RowsForgotten);
        Assert.True(heir.Engine.RowsForgotten > 900, $"{heir.Engine.RowsForgotten} rows were forgotten");
        await UnknownAsync(heir, old[0]);
        Assert.True((await heir.Transactions.OutcomeOfAsync(young[0])).IsCommitted);
        Assert.Equal(5000, await heir.Transactions.BalanceAsync("a"));
    });

    [Fact]
    public void A_displaced_owner_does_not_presume_what_its_successor_has_forgotten() => Run(async loop =>
    {
        await using var owner = await TestEngine.StartAsync(loop, configure: Short);
        var old = await WorkAsync(owner, 2500);
        await loop.AdvanceAsync(Longer);
        await using var heir = await TestEngine.StartAsync(loop, owner.Rows, configure: Short, seed: 2);
        await loop.AdvanceAsync(TimeSpan.FromMilliseconds(60)); // the first look of the heir at what it may forget
        await WorkAsync(heir, 2500);
        await owner.Rows.RemoveShardRowsAsync(0, heir.Engine.Horizon!, int.MaxValue, CancellationToken.None);
        Assert.Equal(HostRole.Owner, owner.Engine.Role); // as far as it knows

        Assert.IsType<TransactionOutcome.Unknown>(await owner.Transactions.OutcomeOfAsync(old[0]));
    });

    /// <summary>The look for an heir comes later than the look-up (decision 0012): of two reads in the other order the first finds no heir, and the second no decision.</summary>
    [Fact]
    public void An_heir_that_claims_and_forgets_between_the_reads_of_an_inquiry_is_no_reason_to_presume() => Run(async loop =>
    {
        await using var owner = await TestEngine.StartAsync(loop, configure: Short);
        await using var heir = TestEngine.Create(loop, owner.Rows, configure: Short, seed: 2);
        var old = await WorkAsync(owner, 2500);
        await loop.AdvanceAsync(Longer);
        owner.Store.AfterLook = async () =>
        {
            owner.Store.AfterLook = static () => Task.CompletedTask; // the second read finds what the heir has left
            await heir.Engine.StartAsync(CancellationToken.None);
            await loop.AdvanceAsync(TimeSpan.FromMilliseconds(60)); // the first look of the heir at what it may forget
            await WorkAsync(heir, 2500);
            await owner.Rows.RemoveShardRowsAsync(0, heir.Engine.Horizon!, int.MaxValue, CancellationToken.None);
        };

        Assert.IsNotType<TransactionOutcome.Aborted>(await owner.Transactions.OutcomeOfAsync(old[0]));
        Assert.Equal(HostRole.Owner, heir.Engine.Role);
        Assert.Null(await owner.Rows.FindDecisionAsync(old[0], CancellationToken.None));
    });

    private static void Run(Func<SimulationLoop, Task> test) => SimulationLoop.Run(null, test, TimeSpan.FromDays(1));

    private static void Short(CoordinatorOptions options) => options.DecisionRetention = Retention;

    private static long FirstKept(TestEngine engine) => engine.Engine.Horizon!.Version - 1;

    private static async Task<List<TransactionId>> WorkAsync(TestEngine engine, int count)
    {
        var ids = new List<TransactionId>();
        for (var i = 0; i < count; i++)
        {
            ids.Add((await engine.Transactions.DepositAsync("a", 1)).Id);
        }

        return ids;
    }

    private static async Task<TransactionId> AbortAsync(TestEngine engine)
    {
        await using var transaction = engine.Transactions.Begin();
        await transaction.DepositAsync("b", 1);
        return (await transaction.AbortAsync()).Id;
    }

    /// <summary>Long enough for the owner to look twice.</summary>
    private static async Task ForgetAsync(SimulationLoop loop)
    {
        await loop.AdvanceAsync(TimeSpan.FromMinutes(2.1));
    }

    private static async Task<TransactionOutcome.Unknown> UnknownAsync(TestEngine engine, TransactionId id) =>
        Assert.IsType<TransactionOutcome.Unknown>(await engine.Transactions.OutcomeOfAsync(id));

    private static LogRow With(LogRow row, byte[] payload) => new()
    {
        Stream = row.Stream,
        Version = row.Version,
        Kind = row.Kind,
        AppendId = row.AppendId,
        Epoch = row.Epoch,
        Checkpoint = row.Checkpoint,
        Position = row.Position,
        Previous = row.Previous,
        WrittenAt = row.WrittenAt,
        Payload = payload,
        Checksum = row.Checksum,
    };
}
