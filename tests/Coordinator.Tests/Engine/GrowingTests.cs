using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;
using Coordinator.Shards;
using Coordinator.Testing.Faults;
using Coordinator.Testing.Logs;
using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests;

/// <summary>A log grows under the hosts that share it; who does not know its number of shards claims none (decision 0013).</summary>
public sealed class GrowingTests
{
    [Fact]
    public void A_log_of_one_shard_keeps_the_append_id_that_it_always_had()
    {
        Assert.Equal(new AppendId(0xC0DE, 3), MetaRow.AppendIdOf(new LogIdentity(0xC0DE, 3), 1));
        var ids = from shards in (int[])[1, 2, 16, 256, 257, LogMeta.ShardCountMax]
                  from generation in (byte[])[1, 2, byte.MaxValue]
                  select MetaRow.AppendIdOf(new LogIdentity(0xC0DE, generation), shards);
        Assert.Equal(18, ids.Distinct().Count());
    }

    [Theory]
    [InlineData(4, 16)]
    [InlineData(16, 4)]
    [InlineData(16, 16)]
    public void Two_hosts_that_let_a_log_grow_at_once_end_with_the_greater_number(int own, int other) => SimulationLoop.Run(async loop =>
    {
        var rows = new InMemoryLogStore(loop.Time);
        await OpenAsync(rows, loop);
        var store = new TestStore(rows);
        store.Script = _ =>
        {
            store.Script = null;
            Assert.Equal(other, OpenAsync(rows, loop, other).GetAwaiter().GetResult().ShardCount); // in memory: at once
            return null;
        };

        Assert.Equal(Math.Max(own, other), (await OpenAsync(store, loop, own)).ShardCount);
        Assert.Equal(Math.Max(own, other), (await OpenAsync(rows, loop)).ShardCount);
        Assert.Equal(own > other ? 3 : 2, (await MetaRowsAsync(rows)).Count);
    });

    [Fact]
    public void A_restore_that_overtakes_a_growing_host_stays_in_force() => SimulationLoop.Run(async loop =>
    {
        var rows = new InMemoryLogStore(loop.Time);
        await OpenAsync(rows, loop);
        var store = new TestStore(rows);
        store.Script = _ =>
        {
            store.Script = null;
            OpenAsync(rows, loop, restoredAs: 2).GetAwaiter().GetResult();
            return null;
        };

        Assert.Equal(TestLog.Meta with { Identity = TestLog.Meta.Identity with { Generation = 2 }, ShardCount = 16 }, await OpenAsync(store, loop, 16));
    });

    [Fact]
    public void A_restored_log_grows_in_the_row_that_names_its_generation() => SimulationLoop.Run(async loop =>
    {
        var rows = new InMemoryLogStore(loop.Time);
        await OpenAsync(rows, loop);
        rows.StoreIdentity = "restored elsewhere";

        await Assert.ThrowsAsync<LogStoreException>(() => OpenAsync(rows, loop, 16));
        Assert.Single(await MetaRowsAsync(rows));
        Assert.Equal(16, (await OpenAsync(rows, loop, 16, restoredAs: 2)).ShardCount);
        Assert.Equal(2, (await MetaRowsAsync(rows)).Count);
    });

    public static TheoryData<string> Faults => [.. AppendFaults.All.Where(fault => !fault.Stalls()).Select(fault => fault.ToString())];

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_growth_that_is_not_known_to_be_durable_is_no_growth_for_this_host(string fault) => SimulationLoop.Run(async loop =>
    {
        var rows = new InMemoryLogStore(loop.Time);
        await OpenAsync(rows, loop);
        var store = new FaultyLogStore(rows);
        store.Arm(Enum.Parse<AppendFault>(fault));

        Assert.Contains("Start again", (await Assert.ThrowsAsync<LogStoreException>(() => OpenAsync(store, loop, 16))).Message, StringComparison.Ordinal);
        store.Release();
        Assert.Equal(16, (await OpenAsync(store, loop, 16)).ShardCount);
    });

    [Fact]
    public void A_claimant_that_opened_before_is_told_that_the_log_has_grown() => SimulationLoop.Run(async loop =>
    {
        var rows = new InMemoryLogStore(loop.Time);
        var before = await OpenAsync(rows, loop);
        await OpenAsync(rows, loop, 16);

        var refused = await Assert.ThrowsAsync<LogStoreException>(() => ClaimAsync(rows, before, loop));
        Assert.Contains("grown from 1 to 16 shards", refused.Message, StringComparison.Ordinal);
        Assert.Equal(0, (await rows.ReadShardEndAsync(0, CancellationToken.None)).LastVersion);
    });

    [Fact]
    public void A_claimant_that_opened_before_a_restore_is_told_of_the_generation() => SimulationLoop.Run(async loop =>
    {
        var rows = new InMemoryLogStore(loop.Time);
        var before = await OpenAsync(rows, loop);
        await OpenAsync(rows, loop, 16, restoredAs: 2);

        var refused = await Assert.ThrowsAsync<LogStoreException>(() => ClaimAsync(rows, before, loop));
        Assert.Contains("another generation", refused.Message, StringComparison.Ordinal);
    });

    [Fact]
    public void A_claim_says_under_how_many_shards_it_was_made() => SimulationLoop.Run(async loop =>
    {
        var rows = new InMemoryLogStore(loop.Time);
        await ClaimAsync(rows, await OpenAsync(rows, loop), loop);
        Assert.Equal(1, ShardClaimer.OwnerOf((await rows.ReadShardEndAsync(0, CancellationToken.None)).Owned!).ShardCount);
        await ClaimAsync(rows, await OpenAsync(rows, loop, 16), loop);
        Assert.Equal(16, ShardClaimer.OwnerOf((await rows.ReadShardEndAsync(0, CancellationToken.None)).Owned!).ShardCount);
    });

    [Fact]
    public void An_old_claim_was_made_under_one_shard() => Assert.Equal(
        1,
        ShardClaimer.OwnerOf(new LogRow
        {
            Stream = LogStreams.Shard(0), Version = 1, Kind = RowKind.ShardOwned, AppendId = default, Payload = """{"claim":"1","host":"old","format":1}"""u8.ToArray(),
        }).ShardCount);

    // The counterexample of decision 0013, from its beginning: the host that knows one shard must lose the log before others write beside it.
    [Fact]
    public void An_embedded_host_writes_no_more_once_shard_0_is_claimed_by_one_who_knows_the_others() => SimulationLoop.Run(async loop =>
    {
        await using var embedded = await TestEngine.StartAsync(loop);
        await embedded.Transactions.DepositAsync("a", 1);
        var grown = await OpenAsync(embedded.Rows, loop, 16);
        Assert.True((await embedded.Transactions.DepositAsync("a", 1)).IsCommitted); // alone in the log: nobody may write to another shard yet
        Assert.Equal(1, ShardClaimer.OwnerOf((await embedded.Rows.ReadShardEndAsync(0, CancellationToken.None)).Owned!).ShardCount);

        await ClaimAsync(embedded.Rows, grown, loop);
        Assert.False((await embedded.Transactions.DepositAsync("a", 1)).IsCommitted);
        await loop.AdvanceAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(2, await embedded.CountAsync(RowKind.ShardOwned)); // the new owner never beats, and yet it is not displaced by one who knows less
    });

    private static async Task<LogMeta> OpenAsync(ILogStore store, SimulationLoop loop, int shardCountMin = 1, byte? restoredAs = null) =>
        await LogOpening.OpenAsync(store, TestLog.Meta, restoredAs, loop.Time, CancellationToken.None, shardCountMin);

    private static async Task<IReadOnlyList<LogRow>> MetaRowsAsync(InMemoryLogStore store) => await store.ReadAsync(LogStreams.Meta, 1, 10, CancellationToken.None);

    private static async Task ClaimAsync(InMemoryLogStore store, LogMeta opened, SimulationLoop loop)
    {
        var claimer = new ShardClaimer(store, opened, loop.Time, new SeededRandom(7), 5, "here", TimeSpan.FromSeconds(10));
        Assert.NotNull(await claimer.ClaimAsync(0, await store.ReadShardEndAsync(0, CancellationToken.None), CancellationToken.None));
    }
}
