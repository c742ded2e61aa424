using System.Transactions;
using Coordinator.Protocol;
using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests;

/// <summary>Bad input is refused by name, says what to do, and leaves the log as it was.</summary>
public sealed class BadInputTests
{
    public static TheoryData<string> Names => ["", " ", "with blank", "tab\t", "ä", "nul\0", "r\rn\n", "\u200frtl", "😀", new string('x', 201)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_name_that_is_no_stream_name_is_refused(string name) => RefusedAsync<ArgumentException>(
        null,
        transaction => transaction.PublishAsync(name, new Noted("x")).AsTask(),
        transaction => transaction.ReadStateAsync<Settings>(name).AsTask(),
        transaction => transaction.UpdateStateAsync<Settings>(name).AsTask());

    [Theory]
    [InlineData("")]
    [InlineData("with blank")]
    [InlineData("ä")]
    public void An_id_that_makes_no_stream_name_is_refused(string id) => RefusedAsync<ArgumentException>(
        null, transaction => transaction.DepositAsync(id, 1), transaction => transaction.BalanceAsync(id));

    [Fact]
    public void Null_is_refused() => RefusedAsync<ArgumentNullException>(
        null,
        transaction => transaction.DepositAsync(null!, 1),
        transaction => transaction.PublishAsync(null!, new Noted("x")).AsTask(),
        transaction => transaction.PublishAsync("notes", null!).AsTask(),
        async transaction => (await transaction.UpdateAsync<Account>("a")).Raise(null!));

    [Theory]
    [InlineData("meta", "belongs to the engine")]
    [InlineData("shard/0", "belongs to the engine")]
    [InlineData("key/x", "belongs to the engine")]
    [InlineData("account/a", "belongs to the aggregate Account")]
    public void Streams_of_the_engine_and_of_aggregates_are_refused(string stream, string why) => RefusedAsync<ArgumentException>(
        why,
        transaction => transaction.PublishAsync(stream, new Noted("x")).AsTask(),
        transaction => transaction.UpdateStateAsync<Settings>(stream).AsTask());

    [Fact]
    public void An_event_without_a_declared_name_is_refused() => RefusedAsync<ArgumentException>(
        "[EventType(", transaction => transaction.PublishAsync("notes", new BadInputTests()).AsTask());

    [Fact]
    public void Events_beyond_the_limit_are_refused_by_the_option_s_name() => RefusedAsync<TransactionRefusedException>(
        nameof(CoordinatorOptions.RedoBytesMax), transaction => transaction.PublishAsync("notes", new Noted(new string('x', 2_000_000))).AsTask());

    [Fact]
    public void One_participant_too_many_is_refused_by_the_option_s_name() => RefusedAsync<TransactionRefusedException>(
        nameof(CoordinatorOptions.ParticipantsMax),
        async transaction =>
        {
            for (var i = 0; i < 65; i++)
            {
                await transaction.DepositAsync($"a{i}", 1);
            }
        });

    [Fact]
    public void One_transaction_too_many_in_flight_is_refused_by_the_option_s_name() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, configure: options => options.InFlightMax = 2);
        await using var one = engine.Transactions.Begin();
        await using (engine.Transactions.Begin())
        {
            var refused = Assert.Throws<TransactionRefusedException>(() => engine.Transactions.Begin());
            Assert.Contains(nameof(CoordinatorOptions.InFlightMax), refused.Message, StringComparison.Ordinal);
        }

        await using var two = engine.Transactions.Begin();
    });

    [Fact]
    public void A_scope_of_System_Transactions_is_refused() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        using var scope = new TransactionScope();

        Assert.Contains("System.Transactions", Assert.Throws<InvalidOperationException>(() => engine.Transactions.Begin()).Message, StringComparison.Ordinal);
    });

    [Fact]
    public void An_empty_id_is_refused() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await Assert.ThrowsAsync<ArgumentException>(async () => await engine.Transactions.OutcomeOfAsync(default(TransactionId)));
        await Assert.ThrowsAsync<ArgumentNullException>(() => engine.Transactions.RunAsync(null!));
        Assert.Throws<ArgumentOutOfRangeException>(() => engine.Engine.ReadStreamAsync("notes", 0));
        Assert.Throws<ArgumentException>(() => engine.Engine.ReadStreamAsync("no name"));
    });

    [Fact]
    public void An_engine_that_has_not_started_says_so() => SimulationLoop.Run(async loop =>
    {
        await using var engine = TestEngine.Create(loop);
        var refused = Assert.Throws<TransactionRefusedException>(() => engine.Transactions.Begin());
        Assert.Contains("StartAsync", refused.Message, StringComparison.Ordinal);
        var id = new TransactionId(new LogIdentity(1, 1), 0, 1, 1, 1);
        await Assert.ThrowsAsync<TransactionRefusedException>(async () => await engine.Transactions.OutcomeOfAsync(id));
    });

    private static void RefusedAsync<TError>(string? why, params Func<ITransaction, Task>[] calls)
        where TError : Exception => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await engine.Transactions.BalanceAsync("known");
        foreach (var call in calls)
        {
            var error = await Assert.ThrowsAnyAsync<TError>(() => engine.Transactions.RunAsync(call));
            Assert.Contains(why ?? string.Empty, error.Message, StringComparison.Ordinal);
        }

        Assert.Empty(engine.Store.Sent);
        engine.AssertQuiet();
    });
}
