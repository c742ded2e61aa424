using System.Text;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Ownership;
using Coordinator.Shards;
using Coordinator.Testing.Logs;
using Coordinator.Testing.Simulation;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Coordinator.Tests;

/// <summary>Recovery follows what is open, not history; and what it skips is looked at before anything is presumed of it.</summary>
public sealed class CheckpointTests
{
    [Fact]
    public void A_checkpoint_comes_every_thousand_rows_and_recovery_starts_there() => SimulationLoop.Run(async loop =>
    {
        var owner = await StartedAsync(loop, transactions: 2_500);
        var checkpoints = (await owner.RowsOfAsync("shard/0")).Where(row => row.Kind is RowKind.ShardCheckpoint).ToList();
        await using var heir = await TestEngine.StartAsync(loop, owner.Rows, seed: 2);

        Assert.Equal(2, checkpoints.Count);
        Assert.Equal(checkpoints[^1].Version, heir.Engine.ReplayedFrom);
        Assert.Equal(2_500, await heir.Transactions.BalanceAsync("a"));
    });

    [Fact]
    public void Without_its_checkpoint_recovery_reads_all_rows() => SimulationLoop.Run(async loop =>
    {
        var owner = await StartedAsync(loop, transactions: 1_500);
        var checkpoint = (await owner.RowsOfAsync("shard/0")).Single(row => row.Kind is RowKind.ShardCheckpoint);
        owner.Rows.Damage(new RowKey(checkpoint.Stream, checkpoint.Version), row => RowDamages.Apply(row, RowDamage.PayloadBit));
        await using var heir = await TestEngine.StartAsync(loop, owner.Rows, seed: 2);

        Assert.Equal(1, heir.Engine.ReplayedFrom);
        Assert.Equal(1_500, await heir.Transactions.BalanceAsync("a"));
    });

    [Fact]
    public void A_row_that_recovery_skipped_is_found_damaged_before_anything_is_presumed() => SimulationLoop.Run(async loop =>
    {
        var owner = await TestEngine.StartAsync(loop);
        var lost = await owner.Transactions.DepositAsync("b", 1);
        var aborted = owner.Transactions.Begin();
        await aborted.AbortAsync();
        await DepositAsync(owner, 1_500);
        var decision = await owner.Rows.FindDecisionAsync(lost.Id, CancellationToken.None);

        // As if it were another's: a look-up by id does not find it any more.
        owner.Rows.Damage(new RowKey(LogStreams.Shard(0), decision!.Version), row => RowDamages.Apply(row, RowDamage.Transaction));
        await using var heir = await TestEngine.StartAsync(loop, owner.Rows, seed: 2);
        Assert.True(heir.Engine.ReplayedFrom > decision.Version);

        Assert.IsType<TransactionOutcome.Unknown>(await heir.Transactions.OutcomeOfAsync(lost.Id));
        Assert.IsType<TransactionOutcome.Unknown>(await heir.Transactions.OutcomeOfAsync(aborted.Id));
        Assert.True((await heir.Transactions.DepositAsync("b", 1)).IsCommitted);
    });

    [Fact]
    public void A_sound_history_is_presumed_from_below_the_checkpoint_too() => SimulationLoop.Run(async loop =>
    {
        var owner = await TestEngine.StartAsync(loop);
        var aborted = owner.Transactions.Begin();
        await aborted.AbortAsync();
        await DepositAsync(owner, 1_500);
        await using var heir = await TestEngine.StartAsync(loop, owner.Rows, seed: 2);

        Assert.True(heir.Engine.ReplayedFrom > 1);
        Assert.IsType<TransactionOutcome.Aborted>(await heir.Transactions.OutcomeOfAsync(aborted.Id));
    });

    [Fact]
    public void What_was_in_flight_at_the_end_is_answered_without_reading_the_history() => SimulationLoop.Run(async loop =>
    {
        var owner = await StartedAsync(loop, transactions: 5_000);
        var open = owner.Transactions.Begin();
        await open.DepositAsync("b", 1);
        var reads = new List<long>();
        await using var heir = await TestEngine.StartAsync(loop, owner.Rows, seed: 2);
        heir.Store.BeforeShardRead = reads.Add;

        Assert.IsType<TransactionOutcome.Aborted>(await heir.Transactions.OutcomeOfAsync(open.Id));
        Assert.DoesNotContain(reads, version => version > 1 && version < heir.Engine.ReplayedFrom); // 1 is the epoch of the id
    });

    [Fact]
    public void An_older_transaction_is_presumed_only_after_the_rows_since_its_begin_were_verified() => SimulationLoop.Run(async loop =>
    {
        var owner = await StartedAsync(loop, transactions: 1_500);
        var old = owner.Transactions.Begin();
        var sequence = old.Id.Sequence;
        await old.AbortAsync();
        await DepositAsync(owner, 3_000);
        var marks = (await owner.RowsOfAsync("shard/0")).Where(row => row.Kind is RowKind.ShardCheckpoint).ToList();
        var from = marks.Last(row => ShardCheckpoint.Decode(row).Sequence < sequence).Version;

        owner.Rows.Damage(new RowKey(LogStreams.Shard(0), from - 5), row => RowDamages.Apply(row, RowDamage.PayloadBit)); // no row of it can be there
        await using var heir = await TestEngine.StartAsync(loop, owner.Rows, seed: 2);
        Assert.IsType<TransactionOutcome.Aborted>(await heir.Transactions.OutcomeOfAsync(old.Id));

        owner.Rows.Damage(new RowKey(LogStreams.Shard(0), from + 5), row => RowDamages.Apply(row, RowDamage.PayloadBit));
        await using var next = await TestEngine.StartAsync(loop, owner.Rows, seed: 3);
        Assert.IsType<TransactionOutcome.Unknown>(await next.Transactions.OutcomeOfAsync(old.Id));
    });

    [Theory]
    [InlineData("{\"sequence\":1,\"open\":[]}", true)]
    [InlineData("{\"open\":[", true)]
    [InlineData(null, false)]
    public void A_checkpoint_that_contradicts_the_rows_before_it_is_held_and_not_believed(string? lie, bool isHeld) => SimulationLoop.Run(async loop =>
    {
        var rows = new InMemoryLogStore(loop.Time);
        await rows.OpenAsync(TestLog.Meta, CancellationToken.None);
        var log = await TestLog.ClaimAsync(rows, writer: 77, shard: 0);
        var decided = new CommitEvent.CommitDecided(
            log.NewTransaction(), [new Branch(new ParticipantId(new StreamName("warehouse")), new Incarnation(1))], [], false);
        var open = new OpenTransactions();
        open.Apply(decided);
        await AppendAsync(RowKind.CommitDecided, decided.Id, ShardEventCodec.Encode(decided));
        await AppendAsync(RowKind.ShardCheckpoint, default, lie is null ? new ShardCheckpoint(open, 0, 1, ForgetState.Nothing).Encode() : Encoding.UTF8.GetBytes(lie));
        await AppendAsync(RowKind.Fenced, default, []); // points to no checkpoint, as a row may: recovery reads from the first row
        var end = await rows.ReadShardEndAsync(0, CancellationToken.None);
        var claimed = await new ShardClaimer(rows, TestLog.Meta, loop.Time, new SeededRandom(1), 5, "heir", TimeSpan.FromSeconds(10)).ClaimAsync(0, end, CancellationToken.None);

        var recovered = await ShardRecovery.ReplayAsync(rows, claimed!, NullLogger.Instance, CancellationToken.None);

        Assert.Equal(decided.Id, Assert.Single(recovered.Open).Id);
        Assert.Equal(isHeld ? 3 : 0, recovered.History.UnreadableVersion);

        async Task AppendAsync(RowKind kind, TransactionId transaction, byte[] payload)
        {
            var row = new LogRow
            {
                Stream = log.Shard,
                Version = log.Next,
                Kind = kind,
                AppendId = log.NextAppendId(),
                Transaction = transaction,
                Epoch = log.Epoch,
                Position = new LogPosition(0, (ulong)log.Next),
                Payload = payload,
            };
            row.Checksum = RowChecksum.Of(row, log.Seed);
            Assert.Equal(GroupAnswerKind.Landed, (await log.AppendAsync(new RowGroup([row], [AppendRules.CheckOf(log.Shard, log.Next, log.Epoch)]))).Kind);
        }
    });

    private static async Task<TestEngine> StartedAsync(SimulationLoop loop, int transactions)
    {
        var engine = await TestEngine.StartAsync(loop);
        await DepositAsync(engine, transactions);
        return engine;
    }

    private static async Task DepositAsync(TestEngine engine, int transactions)
    {
        for (var i = 0; i < transactions; i++)
        {
            Assert.True((await engine.Transactions.DepositAsync("a", 1)).IsCommitted);
        }
    }
}
