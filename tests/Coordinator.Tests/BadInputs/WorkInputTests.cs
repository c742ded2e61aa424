using Coordinator.Protocol;
using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests.BadInputs;

/// <summary>What work gives a transaction: participants, events, handles out of their time; calls into each other.</summary>
public sealed class WorkInputTests
{
    private static readonly BadInputTable Table = new()
    {
        Events = static () => TestEngine.EventTypes().Add<Measured>("measured").Add<Cyclic>("cyclic").Add<Lossy>("lossy"),
        ["one participant too many"] = BadInput.Work<TransactionRefusedException>(nameof(CoordinatorOptions.ParticipantsMax), async transaction =>
        {
            for (var i = 0; i < 5; i++)
            {
                await transaction.DepositAsync($"a{i}", 1);
            }
        }),
        ["one stream in two uses"] = BadInput.Work<ArgumentException>("give each use a stream of its own", async transaction =>
        {
            await transaction.UpdateStateAsync<Settings>("notes");
            await transaction.PublishAsync("notes", new Noted("x"));
        }),
        ["a category that is no name"] = BadInput.Work<ArgumentException>("printable ASCII", transaction => transaction.ReadAsync<WithBlank>("a").AsTask()),
        ["a category of the engine"] = BadInput.Work<InvalidOperationException>("is no category", transaction => transaction.ReadAsync<OfTheEngine>("a").AsTask()),
        ["one category for two types"] = BadInput.Work<InvalidOperationException>("belongs to", transaction => transaction.ReadAsync<SecondAccount>("a").AsTask()),
        ["null raised"] = BadInput.Work<ArgumentNullException>("event", async transaction => (await transaction.UpdateAsync<Account>("known")).Raise(null!)),
        ["null set"] = BadInput.Work<ArgumentNullException>("event", async transaction => (await transaction.UpdateStateAsync<Settings>("settings")).Set(null!)),
        ["null published"] = BadInput.Work<ArgumentNullException>("event", transaction => transaction.PublishAsync("notes", null!).AsTask()),
        ["an event without a name"] = BadInput.Work<ArgumentException>("[EventType(", transaction => transaction.PublishAsync("notes", new WorkInputTests()).AsTask()),
        ["an event that the aggregate does not know"] = BadInput.Work<ArgumentException>("no event of an account", async transaction => (await transaction.UpdateAsync<Account>("known")).Raise(new Noted("x"))),
        ["an event of a type that was not added"] = BadInput.Work<ArgumentException>(nameof(CoordinatorBuilder.AddEventsFrom), transaction => transaction.PublishAsync("notes", new Unadded()).AsTask()),
        ["a number that JSON does not have: NaN"] = BadInput.Work<ArgumentException>("JSON", transaction => transaction.PublishAsync("odd", new Measured(double.NaN)).AsTask()),
        ["a number that JSON does not have: infinity"] = BadInput.Work<ArgumentException>("JSON", transaction => transaction.PublishAsync("odd", new Measured(double.NegativeInfinity)).AsTask()),
        ["an event that holds itself"] = BadInput.Work<System.Text.Json.JsonException>("cycle", transaction => transaction.PublishAsync("odd", new Cyclic()).AsTask()),
        ["an event that is not read back as it was"] = BadInput.Work<ArgumentException>("'amount'", transaction => transaction.PublishAsync("odd", new Lossy(7)).AsTask()),
        ["two calls for one stream at once"] = BadInput.Call<TransactionAbortedException>("two calls for one stream at once", async engine =>
        {
            await using var holder = engine.Transactions.Begin();
            await holder.DepositAsync("held", 1);
            await using var transaction = engine.Transactions.Begin();
            var waiting = transaction.DepositAsync("held", 1);
            try
            {
                await transaction.BalanceAsync("held");
            }
            finally
            {
                await Assert.ThrowsAsync<TransactionAbortedException>(() => waiting);
            }
        }),
        ["events beyond the limit"] = BadInput.Work<TransactionRefusedException>(
            nameof(CoordinatorOptions.RedoBytesMax), transaction => transaction.PublishAsync("notes", new Noted(new string('x', 2_000_000))).AsTask()),
        ["an Apply that gives null"] = BadInput.Work<InvalidOperationException>("returned null", async transaction => (await transaction.UpdateAsync<Forgetful>("a")).Raise(new Noted("x"))),
        ["work on a transaction that has committed"] = After<TransactionNotActiveException>("before CommitAsync", static async transaction => await transaction.CommitAsync()),
        ["work on a transaction that was aborted"] = After<TransactionAbortedException>("enough", static async transaction => await transaction.AbortAsync("enough")),
        ["work on a transaction that was disposed"] = After<TransactionAbortedException>("disposed", static async transaction => await transaction.DisposeAsync()),
        ["a transaction taken out of its work"] = BadInput.Call<TransactionNotActiveException>("inside the delegate", async engine =>
        {
            ITransaction? taken = null;
            await engine.Transactions.RunAsync(transaction => Task.FromResult(taken = transaction));
            await taken!.DepositAsync("known", 1);
        }),
        ["an aggregate taken out of its work"] = BadInput.Call<TransactionNotActiveException>("inside the delegate", async engine =>
        {
            Aggregate<Account>? taken = null;
            await engine.Transactions.RunAsync(async transaction => taken = await transaction.UpdateAsync<Account>("known"));
            Assert.Equal(1, taken!.State.Balance); // what it showed it shows
            taken.Raise(new Deposited(1));
        }),
    };

    public static TheoryData<string> Rows => Table.Names;

    [Theory]
    [MemberData(nameof(Rows))]
    public void Work_that_makes_no_sense_is_refused(string row) => Table.Refuse(row);

    public static TheoryData<string, string, string> Ends => new()
    {
        { "commit", "commit", "Committed" }, { "commit", "abort", "Committed" }, { "abort", "commit", "Aborted" }, { "abort", "abort", "Aborted" },
        { "dispose", "commit", "Aborted" }, { "commit", "dispose", "Committed" }, { "dispose", "dispose", "Aborted" },
    };

    [Theory]
    [MemberData(nameof(Ends))]
    public void The_first_end_stands_whatever_comes_after_it(string first, string second, string outcome) => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var transaction = engine.Transactions.Begin();
        await transaction.DepositAsync("a", 1);
        await EndAsync(first);
        await EndAsync(second);

        Assert.Equal(outcome, (await transaction.CommitAsync()).GetType().Name);
        Assert.Equal(outcome == "Committed" ? 1 : 0, await engine.Transactions.BalanceAsync("a"));
        Assert.Equal(outcome == "Committed" ? 1 : 0, engine.Store.Sent.Count);
        engine.AssertQuiet();

        async Task EndAsync(string how)
        {
            switch (how)
            {
                case "commit":
                    await transaction.CommitAsync();
                    break;
                case "abort":
                    await transaction.AbortAsync();
                    break;
                default:
                    await transaction.DisposeAsync();
                    break;
            }
        }
    });

    [Fact]
    public void A_transaction_of_nothing_commits_and_writes_nothing() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        Assert.True((await engine.Transactions.RunAsync(_ => Task.CompletedTask)).IsCommitted);
        Assert.Empty(engine.Store.Sent);
    });

    [Fact]
    public void A_commit_inside_its_own_work_ends_the_work_s_transaction() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        var outcome = await engine.Transactions.RunAsync(async transaction =>
        {
            await transaction.DepositAsync("a", 1);
            Assert.True((await transaction.CommitAsync()).IsCommitted);
        });
        Assert.True(outcome.IsCommitted);
        Assert.Single(engine.Store.Sent);
    });

    // Today a nested RunAsync is a transaction of its own: it is younger, so it waits for what the outer one has locked, and loses.
    [Fact]
    public void A_transaction_inside_another_waits_for_its_lock_in_vain_and_the_outer_one_goes_on() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        TransactionOutcome? inner = null;
        var outer = await engine.Transactions.RunAsync(async transaction =>
        {
            await transaction.DepositAsync("a", 1);
            inner = await engine.Transactions.RunAsync(nested => nested.DepositAsync("a", 10));
        });

        Assert.Equal(AbortReason.LockTimeout, Assert.IsType<TransactionOutcome.Aborted>(inner).Cause.Reason);
        Assert.True(outer.IsCommitted);
        Assert.Equal(1, await engine.Transactions.BalanceAsync("a"));
    });

    private static BadInput After<TError>(string says, Func<ITransaction, Task> end)
        where TError : Exception => BadInput.Call<TError>(says, async engine =>
    {
        await using var transaction = engine.Transactions.Begin();
        await end(transaction);
        await transaction.DepositAsync("known", 1);
    });

    private sealed record WithBlank : IAggregate<WithBlank>
    {
        public static string Category => "with blank";

        public static WithBlank Initial { get; } = new();

        public WithBlank Apply(object @event) => this;
    }

    private sealed record OfTheEngine : IAggregate<OfTheEngine>
    {
        public static string Category => "shard";

        public static OfTheEngine Initial { get; } = new();

        public OfTheEngine Apply(object @event) => this;
    }

    private sealed record SecondAccount : IAggregate<SecondAccount>
    {
        public static string Category => Account.Category;

        public static SecondAccount Initial { get; } = new();

        public SecondAccount Apply(object @event) => this;
    }

    private sealed record Measured(double Value);

    [EventType("unadded")]
    private sealed record Unadded;

    private sealed class Cyclic
    {
        public Cyclic Self => this;
    }

    private sealed class Lossy
    {
        public Lossy()
        {
        }

        public Lossy(int amount) => Amount = amount;

        public int Amount { get; }
    }

    private sealed record Forgetful : IAggregate<Forgetful>
    {
        public static string Category => "forgetful";

        public static Forgetful Initial { get; } = new();

        public Forgetful Apply(object @event) => null!;
    }
}
