using System.Transactions;
using Coordinator.Protocol;
using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests.BadInputs;

/// <summary>Begin and RunAsync: times, modes, keys, foreign transactions, hosts that can't.</summary>
public sealed class BeginInputTests
{
    private static readonly BadInputTable Table = new()
    {
        ["a time-out of nothing"] = Begin<ArgumentOutOfRangeException>("more than zero", new() { Timeout = TimeSpan.Zero }),
        ["a time-out below nothing"] = Begin<ArgumentOutOfRangeException>("more than zero", new() { Timeout = TimeSpan.FromTicks(-1) }),
        ["a time-out without end"] = Begin<ArgumentOutOfRangeException>("more than zero", new() { Timeout = Timeout.InfiniteTimeSpan }),
        ["a time-out beyond an hour"] = Begin<ArgumentOutOfRangeException>("at most", new() { Timeout = TimeSpan.FromHours(1) + TimeSpan.FromTicks(1) }),
        ["the longest time-out there is"] = Begin<ArgumentOutOfRangeException>("at most", new() { Timeout = TimeSpan.MaxValue }),
        ["a mode that is none"] = Begin<ArgumentOutOfRangeException>("no mode", new() { Mode = (ConcurrencyMode)7 }),
        ["a key without RunAsync"] = Begin<ArgumentException>("RunAsync", new() { Key = new("k") }),
        ["no work"] = BadInput.Call<ArgumentNullException>("work", engine => engine.Transactions.RunAsync(null!)),
        ["no options"] = BadInput.Call<ArgumentNullException>("options", engine => engine.Transactions.RunAsync(_ => Task.CompletedTask, (TransactionOptions)null!)),
        ["a key older than keys are remembered"] = Run<TransactionRefusedException>(nameof(CoordinatorOptions.IdempotencyWindow), new() { Key = new("k") { IssuedAt = DateTimeOffset.MinValue } }),
        ["a scope of System.Transactions around Begin"] = BadInput.Call<InvalidOperationException>("System.Transactions", engine =>
        {
            using var scope = new TransactionScope();
            engine.Transactions.Begin();
        }),
        ["a scope of System.Transactions around RunAsync"] = BadInput.Call<InvalidOperationException>("Suppress", async engine =>
        {
            using var scope = new TransactionScope(TransactionScopeAsyncFlowOption.Enabled);
            await engine.Transactions.RunAsync(transaction => transaction.DepositAsync("known", 1));
        }),
    };

    public static TheoryData<string> Rows => Table.Names;

    [Theory]
    [MemberData(nameof(Rows))]
    public void A_beginning_that_makes_no_sense_is_refused(string row) => Table.Refuse(row);

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
    public void The_same_key_for_another_request_is_refused_and_does_nothing() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await RunAsync(1);
        var sent = engine.Store.Sent.Count;
        await Assert.ThrowsAsync<IdempotencyMismatchException>(() => RunAsync(2));
        Assert.Equal((1L, sent), (await engine.Transactions.BalanceAsync("a"), engine.Store.Sent.Count));

        Task RunAsync(byte request) => engine.Transactions.RunAsync(
            transaction => transaction.DepositAsync("a", 1), new TransactionOptions { Key = new("k") { Request = new[] { request } } });
    });

    [Fact]
    public void A_host_that_has_not_started_refuses_everything_and_says_so() => SimulationLoop.Run(async loop =>
    {
        await using var engine = TestEngine.Create(loop);
        var id = new TransactionId(new LogIdentity(1, 1), 0, 1, 1, 1);
        Func<Task>[] calls =
        [
            () => engine.Transactions.RunAsync(_ => Task.CompletedTask),
            () => engine.Transactions.OutcomeOfAsync(id).AsTask(),
            () => engine.Transactions.OutcomeOfAsync(new IdempotencyKey("k")).AsTask(),
            () => engine.Aggregates.ReadAsync<Account>("a").AsTask(),
        ];
        foreach (var call in calls)
        {
            Assert.Contains("StartAsync", (await Assert.ThrowsAsync<TransactionRefusedException>(call)).Message, StringComparison.Ordinal);
        }
    });

    [Fact]
    public void A_host_that_has_stopped_refuses_new_work() => SimulationLoop.Run(async loop =>
    {
        var engine = await TestEngine.StartAsync(loop);
        await engine.Engine.StopAsync(CancellationToken.None);
        Assert.Throws<TransactionRefusedException>(() => engine.Transactions.Begin());
        await Assert.ThrowsAsync<TransactionRefusedException>(() => engine.Aggregates.ReadAsync<Account>("a").AsTask());
        await engine.DisposeAsync();
    });

    private static BadInput Begin<TError>(string says, TransactionOptions options)
        where TError : Exception => BadInput.Call<TError>(says, engine => engine.Transactions.Begin(options));

    private static BadInput Run<TError>(string says, TransactionOptions options)
        where TError : Exception => BadInput.Call<TError>(says, engine => engine.Transactions.RunAsync(transaction => transaction.DepositAsync("known", 1), options));
}
