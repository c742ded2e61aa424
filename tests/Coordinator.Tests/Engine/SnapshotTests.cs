using System.Text;
using Coordinator.Aggregates;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Testing.Simulation;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Coordinator.Tests;

/// <summary>Snapshots: when they are taken, when they are used, and what a wrong one does.</summary>
public sealed class SnapshotTests
{
    private static readonly StreamName s_stream = new("account/a");
    private static readonly TimeSpan s_moment = TimeSpan.FromSeconds(1);

    [Fact]
    public void A_snapshot_is_taken_each_time_that_many_events_have_become_durable() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await StartAsync(loop, every: 3);
        for (var i = 1; i <= 7; i++)
        {
            await engine.Transactions.DepositAsync("a", i);
            await loop.AdvanceAsync(s_moment);
        }

        Assert.Equal([3L, 6L], engine.Store.SnapshotsWritten.Select(snapshot => snapshot.Version));
        var (snapshot, row) = (engine.Store.SnapshotsWritten[1], (await engine.RowsOfAsync("account/a"))[5]);
        Assert.Equal((row.AppendId, row.Position, (byte)1, "bank.account", 1), (snapshot.AppendId, snapshot.Position, snapshot.Generation, snapshot.Type, snapshot.TypeVersion));
        Assert.Equal("{\"balance\":21,\"count\":6}", Encoding.UTF8.GetString(snapshot.Payload.Span));
    });

    [Fact]
    public void An_aggregate_that_was_not_registered_has_no_snapshot() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await DepositAsync(engine, 1_000);
        await loop.AdvanceAsync(s_moment);

        Assert.Empty(engine.Store.SnapshotsWritten);
    });

    [Fact]
    public void A_snapshot_holds_nothing_that_is_not_durable() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await StartAsync(loop, every: 1);
        await engine.Transactions.DepositAsync("a", 1);
        engine.Store.HoldsAppends = true;
        var underWay = engine.Transactions.DepositAsync("a", 10);
        await loop.AdvanceAsync(s_moment);
        Assert.Equal([1L], engine.Store.SnapshotsWritten.Select(snapshot => snapshot.Version));

        engine.Store.Release();
        Assert.True((await underWay).IsCommitted);
        await loop.AdvanceAsync(s_moment);
        Assert.Equal([1L, 2L], engine.Store.SnapshotsWritten.Select(snapshot => snapshot.Version));
    });

    [Fact]
    public void A_group_that_turns_out_dead_is_in_no_snapshot() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await StartAsync(loop, every: 1);
        await engine.Transactions.DepositAsync("a", 1);
        await loop.AdvanceAsync(s_moment);
        engine.Store.HoldsAppends = true;
        var unclear = engine.Transactions.DepositAsync("a", 10); // given up by the watchdog, then fenced
        await loop.AdvanceAsync(TimeSpan.FromSeconds(20));
        await unclear;
        await loop.AdvanceAsync(s_moment);

        var rows = await engine.RowsOfAsync("account/a");
        Assert.All(engine.Store.SnapshotsWritten, snapshot => Assert.Equal(rows[(int)snapshot.Version - 1].AppendId, snapshot.AppendId));
        Assert.Equal(await FoldAsync(engine), await engine.Transactions.BalanceAsync("a"));
    });

    [Fact]
    public void Loading_reads_the_snapshot_and_the_rows_behind_it() => SimulationLoop.Run(async loop =>
    {
        var engine = await StartAsync(loop, every: 100);
        await DepositAsync(engine, 1_010);
        await loop.AdvanceAsync(s_moment);
        Assert.Equal([1_010L], engine.Store.SnapshotsWritten.Select(snapshot => snapshot.Version));
        await engine.Transactions.DepositAsync("a", 5);
        await using var heir = await RestartAsync(loop, engine);

        heir.Store.RowsRead = 0;
        Assert.Equal(1_015, await heir.Transactions.BalanceAsync("a"));
        Assert.Equal(2, heir.Store.RowsRead); // the one that vouches for it, and one more
    });

    [Fact]
    public void A_long_load_is_followed_by_a_snapshot() => SimulationLoop.Run(async loop =>
    {
        var engine = await TestEngine.StartAsync(loop);
        await DepositAsync(engine, 1_200);
        await using var heir = await RestartAsync(loop, engine);
        Assert.Equal(1_200, await heir.Transactions.BalanceAsync("a"));
        await loop.AdvanceAsync(s_moment);

        Assert.Equal([1_200L], heir.Store.SnapshotsWritten.Select(snapshot => snapshot.Version));
    });

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_snapshot_whose_row_the_log_lacks_stops_its_stream_alone_and_is_an_alarm(bool isAhead) => SimulationLoop.Run(async loop =>
    {
        var engine = await StartAsync(loop, every: 10);
        await DepositAsync(engine, 10);
        await engine.Transactions.DepositAsync("b", 3);
        await loop.AdvanceAsync(s_moment);
        engine.Rows.Damage(s_stream, snapshot => Changed(snapshot!, version: isAhead ? 11 : 10, append: new(7, 7)));
        await using var heir = await RestartAsync(loop, engine);

        var refused = await Assert.ThrowsAsync<LogBehindSnapshotException>(() => heir.Transactions.DepositAsync("a", 1));
        await Assert.ThrowsAsync<LogBehindSnapshotException>(() => heir.Transactions.BalanceAsync("a"));
        Assert.Equal((s_stream, isAhead ? 11 : 10), (refused.Stream, refused.Version));
        Assert.Contains(nameof(CoordinatorOptions.RestoredAsGeneration), refused.Message, StringComparison.Ordinal);
        Assert.Equal(LogLevel.Critical, Assert.Single(heir.Said(1401)).Level); // once, though two met it
        Assert.Equal(3, await heir.Transactions.BalanceAsync("b"));
        heir.AssertQuiet();
    });

    [Fact]
    public void A_snapshot_of_an_earlier_generation_whose_row_is_not_there_is_not_used_and_is_replaced() => SimulationLoop.Run(async loop =>
    {
        var engine = await StartAsync(loop, every: 10);
        await DepositAsync(engine, 10);
        await loop.AdvanceAsync(s_moment);
        engine.Rows.Damage(s_stream, snapshot => Changed(snapshot!, version: 500, append: new(7, 7)));
        await using var heir = await RestartAsync(loop, engine, configure: options => options.RestoredAsGeneration = 2);

        Assert.Equal(10, await heir.Transactions.BalanceAsync("a"));
        await loop.AdvanceAsync(s_moment);
        var taken = Assert.Single(heir.Store.SnapshotsWritten);
        Assert.Equal((10L, (byte)2), (taken.Version, taken.Generation));
        Assert.Equal(10L, (await heir.Rows.ReadSnapshotAsync(s_stream, CancellationToken.None))!.Version);
        Assert.Empty(heir.Said(1401));
    });

    [Fact]
    public void A_snapshot_of_an_earlier_generation_whose_row_is_there_is_used() => SimulationLoop.Run(async loop =>
    {
        var engine = await StartAsync(loop, every: 10);
        await DepositAsync(engine, 10);
        await loop.AdvanceAsync(s_moment);
        await using var heir = await RestartAsync(loop, engine, configure: options => options.RestoredAsGeneration = 2);

        heir.Store.RowsRead = 0;
        Assert.Equal(10, await heir.Transactions.BalanceAsync("a"));
        Assert.Equal(1, heir.Store.RowsRead);
    });

    [Theory]
    [InlineData("bank.account", 2)]
    [InlineData("bank.konto", 1)]
    public void A_snapshot_of_another_declared_name_or_version_is_not_used_and_is_replaced(string name, int version) => SimulationLoop.Run(async loop =>
    {
        var engine = await StartAsync(loop, every: 10);
        await DepositAsync(engine, 10);
        await loop.AdvanceAsync(s_moment);
        engine.Rows.Damage(s_stream, snapshot => Changed(snapshot!, payload: "{\"balance\":99}")); // what must not be read
        await using var heir = await RestartAsync(loop, engine, snapshots: types => types.Add<Account>(name, version, 10, null));

        Assert.Equal(10, await heir.Transactions.BalanceAsync("a"));
        await loop.AdvanceAsync(s_moment);
        Assert.Equal((name, version), (heir.Store.SnapshotsWritten[^1].Type, heir.Store.SnapshotsWritten[^1].TypeVersion));
        Assert.Equal(name, (await heir.Rows.ReadSnapshotAsync(s_stream, CancellationToken.None))!.Type);
    });

    [Theory]
    [InlineData("{\"balance\":99,\"count\":10}", false)] // not what the checksum says
    [InlineData("no JSON", true)]
    public void A_snapshot_that_can_not_be_read_is_a_warning_and_the_events_are_folded(string payload, bool isSealed) => SimulationLoop.Run(async loop =>
    {
        var engine = await StartAsync(loop, every: 10);
        await DepositAsync(engine, 10);
        await loop.AdvanceAsync(s_moment);
        engine.Rows.Damage(s_stream, snapshot => Changed(snapshot!, payload: payload, isSealed: isSealed));
        await using var heir = await RestartAsync(loop, engine);

        Assert.Equal(10, await heir.Transactions.BalanceAsync("a"));
        await loop.AdvanceAsync(s_moment);
        Assert.Equal(LogLevel.Warning, Assert.Single(heir.Said(1402)).Level);
        Assert.Null((await heir.Rows.ReadSnapshotAsync(s_stream, CancellationToken.None))!.Fault); // replaced
    });

    [Fact]
    public void A_place_for_snapshots_that_is_away_keeps_nothing_back() => SimulationLoop.Run(async loop =>
    {
        var engine = await StartAsync(loop, every: 10);
        engine.Store.BeforeSnapshotWrite = _ => throw new TimeoutException("away");
        await DepositAsync(engine, 10);
        await loop.AdvanceAsync(s_moment);
        await DepositAsync(engine, 10);
        await loop.AdvanceAsync(s_moment);
        Assert.Single(engine.Said(1403)); // not at each try
        await using var heir = await RestartAsync(loop, engine);
        heir.Store.BeforeSnapshotRead = _ => throw new TimeoutException("away");

        Assert.Equal(20, await heir.Transactions.BalanceAsync("a"));
    });

    [Fact]
    public void A_state_that_is_too_large_or_is_not_read_back_as_it_was_has_no_snapshot() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await StartAsync(loop, every: 1, configure: options => options.SnapshotBytesMax = 1024, snapshots: types => types.Add("big", 1, 1, new Padded()));
        await engine.Transactions.DepositAsync("a", 1);
        await engine.Transactions.DepositAsync("a", 1);
        await loop.AdvanceAsync(s_moment);
        Assert.Contains("more than option SnapshotBytesMax", Assert.Single(engine.Said(1404)).Text, StringComparison.Ordinal);

        await using var lossy = await StartAsync(loop, every: 1, snapshots: types => types.Add("lossy", 1, 1, new Lossy()));
        await lossy.Transactions.DepositAsync("a", 1);
        await loop.AdvanceAsync(s_moment);
        Assert.Contains("read back", Assert.Single(lossy.Said(1404)).Text, StringComparison.Ordinal);
        Assert.Empty(engine.Store.SnapshotsWritten.Concat(lossy.Store.SnapshotsWritten));
    });

    [Fact]
    public void What_can_not_be_taken_soon_is_dropped_and_taken_with_a_later_event() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await StartAsync(loop, every: 1);
        engine.Store.HoldsSnapshots = true;
        for (var i = 0; i < 300; i++)
        {
            await engine.Transactions.DepositAsync($"{i}", 1);
        }

        await loop.AdvanceAsync(s_moment);
        engine.Store.ReleaseSnapshots();
        await loop.AdvanceAsync(s_moment);
        Assert.Equal(257, engine.Store.SnapshotsWritten.Count); // one in hand and 256 that waited

        await engine.Transactions.DepositAsync("299", 1);
        await loop.AdvanceAsync(s_moment);
        Assert.Equal((new StreamName("account/299"), 2L), (engine.Store.SnapshotsWritten[^1].Stream, engine.Store.SnapshotsWritten[^1].Version));
    });

    [Fact]
    public void A_stop_does_not_wait_for_ever_for_a_snapshot() => SimulationLoop.Run(async loop =>
    {
        var engine = await StartAsync(loop, every: 1);
        engine.Store.HoldsSnapshots = true;
        await engine.Transactions.DepositAsync("a", 1);
        await loop.AdvanceAsync(s_moment);
        await engine.DisposeAsync();

        Assert.False(engine.Store.IsDisposed); // it is left open under the write
        Assert.Single(engine.Said(1302));
    });

    [Fact]
    public void A_plain_value_is_loaded_by_its_last_row_alone() => SimulationLoop.Run(async loop =>
    {
        var engine = await TestEngine.StartAsync(loop);
        for (var i = 1; i <= 100; i++)
        {
            await engine.Transactions.RunAsync(async transaction => (await transaction.UpdateStateAsync<Settings>("settings")).Set(new Settings($"{i}")));
        }

        await using var heir = await RestartAsync(loop, engine);
        heir.Store.RowsRead = 0;
        await heir.Transactions.RunAsync(async transaction =>
        {
            var state = await transaction.UpdateStateAsync<Settings>("settings");
            Assert.Equal("100", state.Value!.Text);
            state.Set(new Settings("next"));
        });
        Assert.Equal(1, heir.Store.RowsRead);
        Assert.Equal(101, (await heir.RowsOfAsync("settings")).Count);
    });

    [Fact]
    public void A_type_may_be_an_aggregate_and_a_plain_value_of_another_stream() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, events: TestEngine.EventTypes().Add<Account>("account.state"));
        await engine.Transactions.RunAsync(async transaction => (await transaction.UpdateStateAsync<Account>("kept")).Set(new Account(5, 1)));
        await engine.Transactions.DepositAsync("a", 1);

        Assert.Equal(1, await engine.Transactions.BalanceAsync("a"));
    });

    /// <summary>Whatever becomes of snapshots, a state is the fold of its events.</summary>
    [Fact]
    public void A_state_is_the_fold_with_snapshots_lost_old_and_damaged()
    {
        for (ulong seed = 1; seed <= 25; seed++)
        {
            var random = new SeededRandom(seed);
            SimulationLoop.Run(random.Fork(), async loop =>
            {
                var engine = await StartAsync(loop, random.Between(1, 8));
                Snapshot? old = null;
                for (var step = 0; step < 40; step++)
                {
                    await DepositAsync(engine, random.Between(1, 4));
                    await loop.AdvanceAsync(TimeSpan.FromSeconds(random.Share()));
                    old = random.Chance(0.2) ? await engine.Rows.ReadSnapshotAsync(s_stream, CancellationToken.None) : old;
                    if (random.Chance(0.2))
                    {
                        var fate = random.Below(3);
                        engine.Rows.Damage(s_stream, now => now is null ? null : fate == 0 ? old : fate == 1 ? null : Changed(now, payload: "torn", isSealed: false));
                        engine = await RestartAsync(loop, engine, random.Between(1, 8), seed: random.Next());
                    }

                    Assert.True(await FoldAsync(engine) == await engine.Transactions.BalanceAsync("a"), $"seed {seed}, step {step}");
                }

                await engine.DisposeAsync();
            });
        }
    }

    private static Task<TestEngine> StartAsync(
        SimulationLoop loop, int every, Action<CoordinatorOptions>? configure = null, Action<SnapshotTypes>? snapshots = null, InMemoryLogStore? rows = null, ulong seed = 1) =>
        TestEngine.StartAsync(loop, rows, configure: configure, snapshots: snapshots ?? (types => types.Add<Account>("bank.account", 1, every, null)), seed: seed);

    private static async Task<TestEngine> RestartAsync(
        SimulationLoop loop, TestEngine engine, int every = 10, Action<CoordinatorOptions>? configure = null, Action<SnapshotTypes>? snapshots = null, ulong seed = 2)
    {
        await engine.DisposeAsync();
        return await StartAsync(loop, every, configure, snapshots, engine.Rows, seed);
    }

    private static Task<TransactionOutcome> DepositAsync(TestEngine engine, int events) => engine.Transactions.RunAsync(async transaction =>
    {
        var account = await transaction.UpdateAsync<Account>("a");
        for (var i = 0; i < events; i++)
        {
            account.Raise(new Deposited(1));
        }
    });

    private static async Task<long> FoldAsync(TestEngine engine) => (await engine.RowsOfAsync("account/a"))
        .Sum(row => System.Text.Json.JsonDocument.Parse(row.Payload).RootElement.GetProperty("amount").GetInt64());

    private static Snapshot Changed(Snapshot snapshot, long? version = null, Protocol.Ownership.AppendId? append = null, string? payload = null, bool isSealed = true)
    {
        var changed = new Snapshot
        {
            Stream = snapshot.Stream,
            Version = version ?? snapshot.Version,
            AppendId = append ?? snapshot.AppendId,
            Generation = snapshot.Generation,
            Position = snapshot.Position,
            Type = snapshot.Type,
            TypeVersion = snapshot.TypeVersion,
            WrittenAt = snapshot.WrittenAt,
            Payload = payload is null ? snapshot.Payload : Encoding.UTF8.GetBytes(payload),
            Checksum = snapshot.Checksum,
        };
        if (isSealed)
        {
            changed.Checksum = changed.ComputeChecksum();
        }

        return changed;
    }

    private sealed class Padded : ISnapshotSerializer<Account>
    {
        public byte[] Serialize(Account state) => [.. BitConverter.GetBytes(state.Balance), .. new byte[2000]];

        public Account Deserialize(ReadOnlySpan<byte> payload) => new(BitConverter.ToInt64(payload), 0);
    }

    private sealed class Lossy : ISnapshotSerializer<Account>
    {
        public byte[] Serialize(Account state) => BitConverter.GetBytes(state.Balance);

        public Account Deserialize(ReadOnlySpan<byte> payload) => new(0, 0);
    }
}
