using System.Text.Json.Serialization;
using Coordinator.Aggregates;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests;

/// <summary>Aggregates, plain values, published events and their histories.</summary>
public sealed class StreamTests
{
    [Fact]
    public void A_published_event_is_in_the_same_append_as_the_decision() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await engine.Transactions.RunAsync(async transaction =>
        {
            await transaction.DepositAsync("a", 1);
            await transaction.PublishAsync("notes", new Noted("a got 1"));
        });

        var rows = Assert.Single(engine.Store.Sent).Rows;
        Assert.Equal(["account/a", "notes", "shard/0"], rows.Select(row => row.Stream.Value));
        Assert.Single(rows.Select(row => row.AppendId).Distinct());
    });

    [Fact]
    public void An_abort_publishes_nothing() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await using (var transaction = engine.Transactions.Begin())
        {
            await transaction.PublishAsync("notes", new Noted("never"));
        }

        Assert.Empty(await engine.RowsOfAsync("notes"));
        engine.AssertQuiet();
    });

    // O04, O05: a place in the stream is given with the commit, so that nobody waits for who may still abort.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_publisher_that_is_undecided_has_no_place_yet_and_leaves_no_hole(bool commits) => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await using var slow = engine.Transactions.Begin();
        await slow.PublishAsync("notes", new Noted("slow"));
        Assert.True((await engine.Transactions.RunAsync(async transaction => await transaction.PublishAsync("notes", new Noted("quick")))).IsCommitted);
        Assert.Equal([new Noted("quick")], (await HistoryAsync(engine, "notes")).Select(one => one.Event));

        Assert.Equal(commits, (commits ? await slow.CommitAsync() : await slow.AbortAsync()).IsCommitted);
        Assert.True((await engine.Transactions.RunAsync(async transaction => await transaction.PublishAsync("notes", new Noted("last")))).IsCommitted);
        var history = await HistoryAsync(engine, "notes");
        Assert.Equal(commits ? ["quick", "slow", "last"] : ["quick", "last"], history.Select(one => ((Noted)one.Event!).Text));
        Assert.Equal(Enumerable.Range(1, history.Count).Select(version => (long)version), history.Select(one => one.Version));
    });

    [Fact]
    public void A_plain_value_is_the_last_one_set_and_keeps_its_versions() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        foreach (var text in new[] { "one", "two" })
        {
            await engine.Transactions.RunAsync(async transaction => (await transaction.UpdateStateAsync<Settings>("settings")).Set(new Settings(text)));
        }

        await engine.Transactions.RunAsync(async transaction =>
        {
            var view = await transaction.ReadStateAsync<Settings>("settings");
            Assert.Equal(("two", 2L), (view.Value!.Text, view.Version));
            Assert.Null((await transaction.ReadStateAsync<Settings>("other")).Value);
        });
    });

    [Fact]
    public void An_aggregate_of_many_pages_is_the_fold_of_all_its_events() => SimulationLoop.Run(async loop =>
    {
        var engine = await TestEngine.StartAsync(loop);
        await engine.Transactions.RunAsync(async transaction =>
        {
            var account = await transaction.UpdateAsync<Account>("a");
            for (var i = 0; i < 1_001; i++)
            {
                account.Raise(new Deposited(1));
            }
        });
        await engine.DisposeAsync();
        await using var heir = await TestEngine.StartAsync(loop, engine.Rows, seed: 2);

        Assert.Equal(1_001, await heir.Transactions.BalanceAsync("a"));
        Assert.Equal(1_001, (await HistoryAsync(heir, "account/a")).Count);
        Assert.Equal(Enumerable.Range(501, 501).Select(version => (long)version), (await HistoryAsync(heir, "account/a", 501)).Select(one => one.Version));
    });

    [Fact]
    public void Several_readers_load_an_aggregate_together() => SimulationLoop.Run(async loop =>
    {
        var engine = await TestEngine.StartAsync(loop);
        await engine.Transactions.DepositAsync("a", 7);
        await using var heir = await TestEngine.StartAsync(loop, engine.Rows, seed: 2);
        heir.Store.HoldsReads = true;
        var reads = Enumerable.Range(0, 5).Select(_ => heir.Transactions.BalanceAsync("a")).ToList();
        await loop.IdleAsync();
        heir.Store.ReleaseRead();

        Assert.All(await Task.WhenAll(reads), balance => Assert.Equal(7, balance));
    });

    [Fact]
    public void An_event_of_an_unknown_type_is_history_but_no_state() => SimulationLoop.Run(async loop =>
    {
        var engine = await TestEngine.StartAsync(loop);
        await engine.Transactions.DepositAsync("a", 7);
        await using var heir = await TestEngine.StartAsync(loop, engine.Rows, seed: 2, events: new EventTypes().Add<Withdrawn>());

        var recorded = Assert.Single(await HistoryAsync(heir, "account/a"));
        Assert.Equal(("account.deposited", 1, null), (recorded.Type, recorded.TypeVersion, recorded.Event));
        var error = await Assert.ThrowsAnyAsync<Exception>(() => heir.Transactions.BalanceAsync("a"));
        Assert.Contains("'account.deposited' version 1", error.Message, StringComparison.Ordinal);
        heir.AssertQuiet();
    });

    [Fact]
    public void An_exception_of_apply_aborts_the_transaction_even_if_it_is_swallowed() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var outcome = await engine.Transactions.RunAsync(async transaction =>
        {
            var account = await transaction.UpdateAsync<Account>("a");
            account.Raise(new Deposited(1));
            Assert.Throws<ArgumentException>(() => account.Raise(new Noted("odd")));
            Assert.Equal(1, account.State.Balance);
        });

        var aborted = Assert.IsType<TransactionOutcome.Aborted>(outcome);
        Assert.Equal((AbortReason.WorkFailed, "account/a"), (aborted.Cause.Reason, aborted.Cause.Participant.ToString()));
        Assert.Empty(await engine.RowsOfAsync("account/a"));
    });

    [Fact]
    public void A_failed_publication_aborts_the_transaction_even_if_it_is_swallowed() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var outcome = await engine.Transactions.RunAsync(async transaction =>
        {
            await transaction.DepositAsync("a", 5);
            await Assert.ThrowsAsync<ArgumentException>(async () => await transaction.PublishAsync("notes", new object()));
        });

        Assert.IsType<TransactionOutcome.Aborted>(outcome);
        Assert.Empty(await engine.RowsOfAsync("account/a"));
    });

    [Fact]
    public void An_event_over_the_limit_aborts_the_transaction_even_if_it_is_swallowed() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, configure: options => options.RedoBytesMax = 1024);
        var outcome = await engine.Transactions.RunAsync(async transaction =>
        {
            await transaction.DepositAsync("a", 5);
            var settings = await transaction.UpdateStateAsync<Settings>("settings");
            Assert.Throws<TransactionRefusedException>(() => settings.Set(new Settings(new string('x', 3000))));
        });

        Assert.IsType<TransactionOutcome.Aborted>(outcome);
        Assert.Empty(await engine.RowsOfAsync("account/a"));
    });

    [Fact]
    public void Events_raised_by_several_threads_at_once_never_part_the_state_from_the_log() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        for (var i = 0; i < 50; i++)
        {
            await engine.Transactions.RunAsync(async transaction =>
            {
                var account = await transaction.UpdateAsync<Account>("a");
                try
                {
                    Parallel.For(0, 16, _ => account.Raise(new Deposited(1)));
                }
                catch (AggregateException)
                {
                    // a race was noticed: the transaction is aborted
                }
            });
        }

        Assert.Equal((await engine.RowsOfAsync("account/a")).Count, await engine.Transactions.BalanceAsync("a"));
    });

    [Fact]
    public void Idle_aggregates_beyond_the_limit_are_dropped_and_read_again() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, configure: options => options.ActivationsMax = 2);
        await using var busy = engine.Transactions.Begin();
        await busy.DepositAsync("busy", 5);
        for (var i = 0; i < 10; i++)
        {
            await engine.Transactions.DepositAsync($"a{i}", i);
        }

        await loop.AdvanceAsync(TimeSpan.FromMilliseconds(200));
        Assert.Equal(9, await engine.Transactions.BalanceAsync("a9"));
        Assert.True((await busy.CommitAsync()).IsCommitted);
    });

    [Fact]
    public void One_stream_has_one_use() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var error = await Assert.ThrowsAsync<ArgumentException>(() => engine.Transactions.RunAsync(async transaction =>
        {
            await transaction.PublishAsync("mixed", new Noted("x"));
            await transaction.ReadStateAsync<Settings>("mixed");
        }));

        Assert.Contains("give each use a stream of its own", error.Message, StringComparison.Ordinal);
        Assert.Empty(engine.Store.Sent);
    });

    [Fact]
    public void Names_of_event_types_are_kept_apart()
    {
        var events = new EventTypes().Add<Noted>().Add<Noted>().Add<Settings>("noted", 2);

        Assert.Contains("Noted", Assert.Throws<ArgumentException>(() => events.Add<Deposited>("noted")).Message, StringComparison.Ordinal);
        Assert.Contains("'noted' version 1 already", Assert.Throws<ArgumentException>(() => events.Add<Noted>("other")).Message, StringComparison.Ordinal);
        Assert.Contains("[EventType(", Assert.Throws<ArgumentException>(() => events.Add<StreamTests>()).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => events.Add<Deposited>("deposited", 0));
        Assert.All(["", "with blank", new string('x', 101), "ä"], name => Assert.Throws<ArgumentException>(() => events.Add<Withdrawn>(name)));
        Assert.Equal(new Settings("x"), events.TryRead(Row("noted", 2, "{\"text\":\"x\"}")));
        Assert.Null(events.TryRead(Row("noted", 3, "{}")));
    }

    [Fact]
    public void A_source_generated_context_writes_the_same_events()
    {
        var events = new EventTypes { Json = NotesContext.Default.Options };
        var data = events.Add<Noted>().Serialize(new Noted("x"));

        Assert.Equal("{\"Text\":\"x\"}", System.Text.Encoding.UTF8.GetString(data.Payload.Span));
        Assert.ThrowsAny<NotSupportedException>(() => events.Add<Settings>());
    }

    /// <summary>A stream that somebody opened by mistake as something else is of use to others once that is over.</summary>
    [Theory]
    [InlineData("outside")]
    [InlineData("inside")]
    public void One_read_in_the_wrong_shape_does_not_spoil_the_stream(string where) => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        if (where == "outside")
        {
            await engine.Aggregates.ReadStateAsync<Settings>("notes");
        }
        else
        {
            await engine.Transactions.RunAsync(async transaction => await transaction.ReadStateAsync<Settings>("notes"));
        }

        engine.AssertQuiet();
        Assert.True((await engine.Transactions.RunAsync(transaction => transaction.PublishAsync("notes", new Noted("x")).AsTask())).IsCommitted);
    });

    [Fact]
    public void Two_shapes_of_one_stream_at_once_are_refused() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await using var reader = engine.Transactions.Begin();
        await reader.ReadStateAsync<Settings>("notes");
        await using var other = engine.Transactions.Begin();
        await Assert.ThrowsAsync<ArgumentException>(async () => await other.PublishAsync("notes", new Noted("x")));
    });

    /// <summary>Nothing in this process has used the aggregate yet; an event in its stream could never be taken back.</summary>
    [Fact]
    public void Nobody_publishes_into_an_aggregates_stream_before_its_first_use() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, snapshots: types => types.Add<Account>("bank.account", 1, 100, null));
        await Assert.ThrowsAsync<ArgumentException>(() =>
            engine.Transactions.RunAsync(transaction => transaction.PublishAsync("account/a", new Noted("x")).AsTask()));

        var added = new AggregateTypes(TestEngine.EventTypes());
        added.EnsurePlain(new StreamName("account/a"));
        added.ReserveFrom(typeof(Account).Assembly);
        Assert.Throws<ArgumentException>(() => added.EnsurePlain(new StreamName("account/a")));
    });

    private static LogRow Row(string type, int version, string payload) => new()
    {
        Stream = new("notes"), Version = 1, Kind = RowKind.Event, AppendId = default, Type = type, TypeVersion = version, Payload = System.Text.Encoding.UTF8.GetBytes(payload),
    };

    private static async Task<List<RecordedEvent>> HistoryAsync(TestEngine engine, string stream, long from = 1)
    {
        var history = new List<RecordedEvent>();
        await foreach (var one in engine.Engine.ReadStreamAsync(stream, from))
        {
            history.Add(one);
        }

        return history;
    }
}

[JsonSerializable(typeof(Noted))]
internal sealed partial class NotesContext : JsonSerializerContext;
