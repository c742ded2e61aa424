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

    /// <summary>Every call that needs a host which has opened its log.</summary>
    private static readonly Dictionary<string, Func<TestEngine, Task>> Calls = new()
    {
        ["Begin"] = engine => engine.Transactions.Begin().DisposeAsync().AsTask(),
        ["RunAsync"] = engine => engine.Transactions.RunAsync(_ => Task.CompletedTask),
        ["RunAsync under a key"] = engine => engine.Transactions.RunAsync(_ => Task.CompletedTask, new TransactionOptions { Key = new("k") }),
        ["a read of an aggregate"] = engine => engine.Aggregates.ReadAsync<Account>("a").AsTask(),
        ["a read of a value"] = engine => engine.Aggregates.ReadStateAsync<Settings>("settings").AsTask(),
        ["a read as of a version"] = engine => engine.Aggregates.ReadAsOfAsync<Account>("a", 0).AsTask(),
        ["a read as of an instant"] = engine => engine.Aggregates.ReadAsOfAsync<Account>("a", DateTimeOffset.UnixEpoch).AsTask(),
        ["a history"] = engine => engine.Engine.ReadStreamAsync("account/a").GetAsyncEnumerator().MoveNextAsync().AsTask(),
    };

    /// <summary>What is known of outcomes is told as long as the host can.</summary>
    private static readonly Dictionary<string, Func<TestEngine, Task>> Questions = new()
    {
        ["the outcome of an id"] = engine => engine.Transactions.OutcomeOfAsync(new TransactionId(new LogIdentity(1, 1), 0, 1, 1, 1)).AsTask(),
        ["the outcome of a key"] = engine => engine.Transactions.OutcomeOfAsync(new IdempotencyKey("k")).AsTask(),
    };

    public static TheoryData<string> CallNames => [.. Calls.Keys];

    public static TheoryData<string> CallAndQuestionNames => [.. Calls.Keys, .. Questions.Keys];

    [Theory]
    [MemberData(nameof(CallAndQuestionNames))]
    public void A_host_that_has_not_started_refuses_everything_and_says_so(string call) => SimulationLoop.Run(async loop =>
    {
        await using var engine = TestEngine.Create(loop);
        var refused = await Assert.ThrowsAsync<TransactionRefusedException>(() => (Calls.GetValueOrDefault(call) ?? Questions[call])(engine));
        Assert.Contains("StartAsync", refused.Message, StringComparison.Ordinal);
    });

    [Theory]
    [MemberData(nameof(CallNames))]
    public void A_host_that_has_stopped_refuses_new_work_and_reads_and_says_so(string call) => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await engine.Engine.StopAsync(CancellationToken.None);
        var refused = await Assert.ThrowsAsync<TransactionRefusedException>(() => Calls[call](engine));
        Assert.Contains("is stopping", refused.Message, StringComparison.Ordinal);
    });

    [Fact]
    public void A_history_that_is_read_while_the_host_stops_ends_with_a_refusal() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop);
        await engine.Transactions.RunAsync(async transaction =>
        {
            for (var i = 0; i < 501; i++)
            {
                await transaction.PublishAsync("notes", new Noted("x"));
            }
        });
        var read = 0;
        await Assert.ThrowsAsync<TransactionRefusedException>(async () =>
        {
            await foreach (var _ in engine.Engine.ReadStreamAsync("notes"))
            {
                await (++read == 1 ? engine.Engine.StopAsync(CancellationToken.None) : Task.CompletedTask);
            }
        });
        Assert.Equal(500, read); // a page
    });

    private static BadInput Begin<TError>(string says, TransactionOptions options)
        where TError : Exception => BadInput.Call<TError>(says, engine => engine.Transactions.Begin(options));

    private static BadInput Run<TError>(string says, TransactionOptions options)
        where TError : Exception => BadInput.Call<TError>(says, engine => engine.Transactions.RunAsync(transaction => transaction.DepositAsync("known", 1), options));
}
