using Coordinator.Hosting;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Testing.Simulation;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Coordinator.Tests;

/// <summary>Reads outside transactions: what each promises.</summary>
public sealed class ReadingTests
{
    private static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    [Fact]
    public void A_read_finds_what_was_committed_and_writes_nothing() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await engine.Transactions.DepositAsync("a", 7);
        var sent = engine.Store.Sent.Count;
        var view = await engine.Aggregates.ReadAsync<Account>("a");
        var none = await engine.Aggregates.ReadAsync<Account>("none");

        Assert.Equal((7, 1L, false), (view.State.Balance, view.Version, view.IsInDoubt));
        Assert.Equal((Account.Initial, 0L, false), (none.State, none.Version, none.IsInDoubt));
        Assert.Equal(sent, engine.Store.Sent.Count);
        engine.AssertQuiet();
    });

    [Fact]
    public void A_read_does_not_wait_for_a_lock() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await engine.Transactions.DepositAsync("a", 7);
        await using var holder = engine.Transactions.Begin();
        await holder.DepositAsync("a", 100);
        var view = await engine.Aggregates.ReadAsync<Account>("a");

        Assert.Equal((7, false), (view.State.Balance, view.IsInDoubt)); // nothing is promised yet
    });

    [Fact]
    public void While_a_voted_transaction_is_undecided_a_read_is_in_doubt() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await engine.Transactions.DepositAsync("a", 7);
        engine.Store.HoldsAppends = true;
        var underWay = engine.Transactions.RunAsync(async transaction =>
        {
            await transaction.DepositAsync("a", 100);
            (await transaction.UpdateStateAsync<Settings>("settings")).Set(new Settings("new"));
        });
        await loop.AdvanceAsync(s_second);
        var (during, value) = (await engine.Aggregates.ReadAsync<Account>("a"), await engine.Aggregates.ReadStateAsync<Settings>("settings"));
        engine.Store.Release();
        Assert.True((await underWay).IsCommitted);
        var (after, set) = (await engine.Aggregates.ReadAsync<Account>("a"), await engine.Aggregates.ReadStateAsync<Settings>("settings"));

        Assert.Equal((7, 1L, true), (during.State.Balance, during.Version, during.IsInDoubt));
        Assert.Equal((null, 0L, true), (value.Value, value.Version, value.IsInDoubt));
        Assert.Equal((107, 2L, false), (after.State.Balance, after.Version, after.IsInDoubt));
        Assert.Equal(("new", 1L, false), (set.Value!.Text, set.Version, set.IsInDoubt));
    });

    [Fact]
    public void A_row_that_the_store_shows_and_has_not_acknowledged_is_not_read() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await engine.Transactions.DepositAsync("a", 7);
        engine.Store.AnswerOfAppends = new TaskCompletionSource();
        var underWay = engine.Transactions.DepositAsync("a", 100);
        await loop.AdvanceAsync(s_second);
        Assert.Equal(2, (await engine.RowsOfAsync("account/a")).Count);

        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await engine.Aggregates.ReadAsOfAsync<Account>("a", 2));
        Assert.Equal(7, (await engine.Aggregates.ReadAsOfAsync<Account>("a", DateTimeOffset.MaxValue)).State.Balance);
        engine.Store.AnswerOfAppends.SetResult();
        Assert.True((await underWay).IsCommitted);
        Assert.Equal(107, (await engine.Aggregates.ReadAsOfAsync<Account>("a", 2)).State.Balance);
    });

    [Fact]
    public void What_was_read_is_in_memory_for_later_reads_and_transactions() => SimulationLoop.Run(async loop =>
    {
        var engine = await TestEngine.StartAsync(loop);
        await engine.Transactions.DepositAsync("a", 7);
        await engine.DisposeAsync();
        await using var heir = await TestEngine.StartAsync(loop, engine.Rows, seed: 2);
        Assert.Equal(7, (await heir.Aggregates.ReadAsync<Account>("a")).State.Balance);
        heir.Store.RowsRead = 0;
        heir.Store.BeforeRead = stream => Assert.NotEqual("account/a", stream.Value);

        Assert.Equal(7, (await heir.Aggregates.ReadAsync<Account>("a")).State.Balance);
        Assert.Equal(7, await heir.Transactions.BalanceAsync("a"));
    });

    [Fact]
    public void A_read_is_never_older_than_one_before_it() => SimulationLoop.Run(async loop =>
    {
        var engine = await TestEngine.StartAsync(loop);
        await engine.Transactions.DepositAsync("a", 1);
        await engine.DisposeAsync();
        await using var heir = await TestEngine.StartAsync(loop, engine.Rows, seed: 2);
        heir.Store.HoldsReadAnswers = true;
        await using var transaction = heir.Transactions.Begin();
        var loading = transaction.ReadAsync<Account>("a"); // it has read one row and not heard of it yet
        await loop.AdvanceAsync(s_second);
        Assert.True(heir.Store.IsHoldingRead);
        heir.Store.HoldsReadAnswers = false;
        await heir.WriteBehindItsBackAsync("account/a");
        var newer = await heir.Aggregates.ReadAsync<Account>("a");
        heir.Store.ReleaseRead();
        await loading;
        var later = await heir.Aggregates.ReadAsync<Account>("a");

        Assert.Equal((2L, 2L), (newer.Version, later.Version));
    });

    /// <summary>Found by the simulation: what the late read had found was remembered where nobody looked any more.</summary>
    [Fact]
    public void A_read_that_comes_late_to_a_dropped_activation_is_not_forgotten() => SimulationLoop.Run(async loop =>
    {
        var engine = await TestEngine.StartAsync(loop);
        await engine.Transactions.DepositAsync("a", 1);
        await engine.DisposeAsync();
        var transport = new TestTransport(loop);
        await using var heir = await TestEngine.StartAsync(loop, engine.Rows, transport: transport.Over, configure: options => options.ActivationsMax = 0, seed: 2);
        heir.Store.HoldsReads = true;
        var late = heir.Aggregates.ReadAsync<Account>("a");
        await loop.AdvanceAsync(s_second);
        heir.Store.HoldsReads = false;
        transport.Fate = message => message is CommitMessage.DecisionDelivered ? Fate.Lost : Fate.Arrives;
        Assert.True((await heir.Transactions.DepositAsync("a", 10)).IsCommitted);
        heir.Store.ReleaseRead();

        Assert.Equal(2, (await late).Version);
        Assert.Equal(2, (await heir.Aggregates.ReadAsync<Account>("a")).Version);
    });

    [Fact]
    public void A_host_that_stands_by_reads_from_the_store_each_time() => SimulationLoop.Run(async loop =>
    {
        await using var owner = await TestEngine.StartAsync(loop);
        await using var standby = await StandbyAsync(loop, owner);
        Assert.Equal(0, (await standby.Aggregates.ReadAsync<Account>("a")).Version);
        for (var version = 1; version <= 3; version++)
        {
            await owner.Transactions.DepositAsync("a", 10);
            await owner.Transactions.RunAsync(async transaction => (await transaction.UpdateStateAsync<Settings>("settings")).Set(new Settings($"{version}")));
            Assert.Equal((10L * version, version), ((await standby.Aggregates.ReadAsync<Account>("a")).State.Balance, (await standby.Aggregates.ReadAsync<Account>("a")).Version));
            Assert.Equal($"{version}", (await standby.Aggregates.ReadStateAsync<Settings>("settings")).Value!.Text);
            Assert.Equal(10, (await standby.Aggregates.ReadAsOfAsync<Account>("a", 1)).State.Balance);
        }

        standby.Store.RowsRead = 0;
        await standby.Aggregates.ReadAsync<Account>("a");
        Assert.Equal(0, standby.Store.RowsRead); // it looked for what is new only
        Assert.Equal(HostRole.Standby, standby.Engine.Role);
        Assert.Empty(standby.Store.SnapshotsWritten);
    });

    [Fact]
    public void A_host_that_stood_by_and_owns_now_goes_on_from_the_log() => SimulationLoop.Run(async loop =>
    {
        var owner = await TestEngine.StartAsync(loop);
        await using var standby = await StandbyAsync(loop, owner);
        await owner.Transactions.DepositAsync("a", 10);
        Assert.Equal(10, (await standby.Aggregates.ReadAsync<Account>("a")).State.Balance);
        await owner.Transactions.DepositAsync("a", 10);
        await owner.DisposeAsync();
        await loop.AdvanceAsync(TimeSpan.FromSeconds(5));

        Assert.Equal(HostRole.Owner, standby.Engine.Role);
        Assert.True((await standby.Transactions.DepositAsync("a", 10)).IsCommitted);
        Assert.Equal(30, (await standby.Aggregates.ReadAsync<Account>("a")).State.Balance);
    });

    [Fact]
    public void An_owner_that_was_displaced_reads_what_was_and_then_what_is() => SimulationLoop.Run(async loop =>
    {
        await using var first = await TestEngine.StartAsync(loop);
        await first.Transactions.DepositAsync("a", 1);
        await using var second = await TestEngine.StartAsync(loop, first.Rows, seed: 2);
        await second.Transactions.DepositAsync("a", 10);
        await second.Transactions.DepositAsync("b", 10);

        var (known, unknown) = (await first.Aggregates.ReadAsync<Account>("a"), await first.Aggregates.ReadAsync<Account>("b"));
        Assert.Equal((1, 10), (known.State.Balance, unknown.State.Balance)); // across two aggregates nothing is promised
        await second.Transactions.DepositAsync("b", 10);
        Assert.Equal(20, (await first.Aggregates.ReadAsync<Account>("b")).State.Balance); // a later owner's rows are never taken for the end
        await first.Transactions.DepositAsync("a", 100).ContinueOnRefusal();
        await loop.AdvanceAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(11, (await first.Aggregates.ReadAsync<Account>("a")).State.Balance);
    });

    [Fact]
    public void As_of_each_version_the_state_is_the_fold_of_that_many_events()
    {
        for (ulong seed = 1; seed <= 20; seed++)
        {
            var random = new SeededRandom(seed);
            SimulationLoop.Run(random.Fork(), async loop =>
            {
                var every = random.Of(1, 7, 100, 600);
                var engine = await TestEngine.StartAsync(loop, snapshots: types => types.Add<Account>("bank.account", 1, every, null));
                var balances = new List<long> { 0 };
                while (balances.Count < random.Of(5, 30, 1_200))
                {
                    await engine.Transactions.RunAsync(async transaction =>
                    {
                        var account = await transaction.UpdateAsync<Account>("a");
                        for (var events = random.Between(1, random.Of(2, 300)); events > 0; events--)
                        {
                            var amount = random.Between(1, 100);
                            account.Raise(new Deposited(amount));
                            balances.Add(balances[^1] + amount);
                        }
                    });
                    await loop.AdvanceAsync(TimeSpan.FromMilliseconds(random.Below(2)));
                }

                for (var version = 0; version < balances.Count; version += balances.Count > 50 ? random.Between(1, 40) : 1)
                {
                    var view = await engine.Aggregates.ReadAsOfAsync<Account>("a", version);
                    Assert.True((version, balances[version]) == (view.Version, view.State.Balance), $"seed {seed}, version {version}: {view.State.Balance}, not {balances[version]}");
                }

                await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await engine.Aggregates.ReadAsOfAsync<Account>("a", balances.Count));
                await engine.DisposeAsync();
            });
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void As_of_an_instant_the_state_ends_with_the_last_event_written_by_then(int every) => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, snapshots: types =>
        {
            if (every > 0)
            {
                types.Add<Account>("bank.account", 1, every, null);
            }
        });
        var instants = new List<DateTimeOffset>();
        for (var i = 0; i < 5; i++)
        {
            await loop.AdvanceAsync(s_second);
            await engine.Transactions.DepositAsync("a", 1);
            instants.Add(loop.Time.GetUtcNow());
        }

        await loop.AdvanceAsync(s_second);
        for (var i = 0; i < 5; i++)
        {
            var (at, before) = (await engine.Aggregates.ReadAsOfAsync<Account>("a", instants[i]), await engine.Aggregates.ReadAsOfAsync<Account>("a", instants[i].AddMilliseconds(-1)));
            Assert.Equal((i + 1, i + 1, i, i), (at.State.Balance, at.Version, before.State.Balance, before.Version));
        }

        Assert.Equal(0, (await engine.Aggregates.ReadAsOfAsync<Account>("a", DateTimeOffset.MinValue)).Version);
        Assert.Equal(5, (await engine.Aggregates.ReadAsOfAsync<Account>("a", DateTimeOffset.MaxValue)).Version);
    });

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_clock_that_was_ahead_hides_its_events_until_one_behind_them_is_due(int every) => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, snapshots: types =>
        {
            if (every > 0)
            {
                types.Add<Account>("bank.account", 1, every, null);
            }
        });
        var start = DateTimeOffset.UnixEpoch.AddDays(20_000);
        long version = 0;
        foreach (var minutes in (int[])[0, 65, 10]) // the second is an hour ahead
        {
            await WriteAsync(engine, ++version, start.AddMinutes(minutes));
            await engine.Aggregates.ReadAsync<Account>("a");
            await loop.AdvanceAsync(s_second);
        }

        Assert.Equal(every > 0, engine.Store.SnapshotsWritten.Count > 0);
        Assert.Equal(1, (await engine.Aggregates.ReadAsOfAsync<Account>("a", start.AddMinutes(9))).Version);
        Assert.Equal(3, (await engine.Aggregates.ReadAsOfAsync<Account>("a", start.AddMinutes(10))).Version);
        Assert.Equal(3, (await engine.Aggregates.ReadAsOfAsync<Account>("a", start.AddMinutes(70))).Version);
    });

    [Fact]
    public void A_plain_value_held_for_a_transaction_is_the_one_before_and_in_doubt() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await engine.Transactions.RunAsync(async transaction => (await transaction.UpdateStateAsync<Settings>("settings")).Set(new Settings("one")));
        await engine.DisposeAsync();
        var holder = new TransactionId((await engine.RowsOfAsync("settings"))[0].Transaction.Log, 0, 1, 1, 77);
        for (var version = 2; version <= 40; version++)
        {
            await AppendAsync(engine, "settings", version, version % 2 == 0 ? RowKind.Held : RowKind.Released, version % 2 == 0 ? holder : default);
        }

        await AppendAsync(engine, "settings", 41, RowKind.Released, default);
        await AppendAsync(engine, "settings", 42, RowKind.Held, holder);
        await using var heir = await TestEngine.StartAsync(loop, engine.Rows, seed: 2);
        var view = await heir.Aggregates.ReadStateAsync<Settings>("settings");

        Assert.Equal(("one", 42L, true), (view.Value!.Text, view.Version, view.IsInDoubt));
    });

    [Fact]
    public void A_log_behind_a_snapshot_is_not_read() => SimulationLoop.Run(async loop =>
    {
        var engine = await TestEngine.StartAsync(loop, snapshots: types => types.Add<Account>("bank.account", 1, 1, null));
        await engine.Transactions.DepositAsync("a", 1);
        await engine.Transactions.DepositAsync("a", 1);
        await loop.AdvanceAsync(s_second);
        await engine.DisposeAsync();
        var lost = new InMemoryLogStore(loop.Time); // another log, with the snapshot of the first
        await lost.WriteSnapshotAsync(engine.Store.SnapshotsWritten[^1], CancellationToken.None);
        await using var heir = await TestEngine.StartAsync(loop, lost, seed: 2, snapshots: types => types.Add<Account>("bank.account", 1, 1, null));

        await Assert.ThrowsAsync<LogBehindSnapshotException>(async () => await heir.Aggregates.ReadAsync<Account>("a"));
        await Assert.ThrowsAsync<LogBehindSnapshotException>(async () => await heir.Aggregates.ReadAsOfAsync<Account>("a", 1));
        await Assert.ThrowsAsync<LogBehindSnapshotException>(async () => await heir.Aggregates.ReadAsOfAsync<Account>("a", DateTimeOffset.MaxValue));
        Assert.Equal(0, (await heir.Aggregates.ReadAsync<Account>("b")).Version);
    });

    [Fact]
    public void A_read_that_makes_no_sense_is_refused() => SimulationLoop.Run(async loop =>
    {
        var engine = TestEngine.Create(loop);
        await Assert.ThrowsAsync<TransactionRefusedException>(async () => await engine.Aggregates.ReadAsync<Account>("a"));
        await engine.Engine.StartAsync(CancellationToken.None);
        await engine.Transactions.RunAsync(async transaction => (await transaction.UpdateStateAsync<Settings>("settings")).Set(new Settings("one")));

        await Assert.ThrowsAsync<EventUnreadableException>(async () => await engine.Aggregates.ReadStateAsync<Noted>("settings")); // it holds others
        await Assert.ThrowsAsync<ArgumentException>(async () => await engine.Aggregates.ReadStateAsync<Settings>("shard/0"));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await engine.Aggregates.ReadAsOfAsync<Account>("a", -1));
        await Assert.ThrowsAsync<ArgumentException>(async () => await engine.Aggregates.ReadAsync<Account>(""));
        await engine.DisposeAsync();
        await Assert.ThrowsAsync<TransactionRefusedException>(async () => await engine.Aggregates.ReadAsync<Account>("a"));
    });

    [Fact]
    public async Task Reads_are_a_service_of_their_own()
    {
        var services = new ServiceCollection();
        services.AddSingleton<ILoggerFactory>(NullLoggerFactory.Instance);
        services.AddCoordinator().UseInMemoryLog();
        await using var provider = services.BuildServiceProvider();

        Assert.Same(provider.GetRequiredService<ITransactions>(), provider.GetRequiredService<IAggregates>());
    }

    private static async Task<TestEngine> StandbyAsync(SimulationLoop loop, TestEngine owner)
    {
        var standby = await TestEngine.StartAsync(
            loop, owner.Rows, configure: options => (options.TakeOverAtStart, options.WaitForOwnership) = (false, false), seed: 2);
        await loop.AdvanceAsync(s_second);
        return standby;
    }

    private static Task WriteAsync(TestEngine engine, long version, DateTimeOffset at) =>
        AppendAsync(engine, "account/a", version, RowKind.Event, default, at, "account.deposited", "{\"amount\":1}");

    private static async Task AppendAsync(
        TestEngine engine, string stream, long version, RowKind kind, TransactionId holder, DateTimeOffset at = default, string type = "", string payload = "{}")
    {
        var row = new LogRow
        {
            Stream = new StreamName(stream),
            Version = version,
            Kind = kind,
            AppendId = new(99, (ulong)version),
            Transaction = holder,
            Type = type,
            TypeVersion = type.Length > 0 ? 1 : 0,
            WrittenAt = (at - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond,
            Payload = System.Text.Encoding.UTF8.GetBytes(payload),
        };
        row.Checksum = RowChecksum.Of(row, 0);
        var end = await engine.Rows.ReadLastAsync(row.Stream, CancellationToken.None);
        var answer = await engine.Rows.AppendAsync(new RowGroup([row], [new(row.Stream, version - 1, 0, end is { Kind: RowKind.Held } ? end.Transaction : default, end is { Kind: RowKind.Held })]));
        Assert.Equal(GroupAnswerKind.Landed, answer.Kind);
    }
}
