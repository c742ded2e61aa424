using System.Collections.Concurrent;
using System.Diagnostics;
using System.Reflection;
using Coordinator.Diagnostics;
using Coordinator.Log;
using Coordinator.Testing.Simulation;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Coordinator.Tests;

/// <summary>T19 and T20: what is secret is in no log message, span or metric, and labels of metrics are closed lists.</summary>
public sealed class SecretTests
{
    private const string Secret = "canary-4711";

    // Part of a stream's name, which log messages may hold.
    private const string Id = "canary-id";

    [Fact]
    public void No_payload_key_or_word_of_users_code_is_logged_traced_or_measured() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(
            loop,
            telemetry: true,
            reruns: true,
            snapshots: types => types.Add("bank.account", 1, 1, new QuotingSerializer()));
        using var heard = new Listening(engine.Engine.Telemetry);
        await WorkAsync(loop, engine);
        await FailAsync(loop, engine);
        await loop.AdvanceAsync(TimeSpan.FromMinutes(2));
        heard.Look(TelemetryNames.InFlight);

        Assert.Superset(new HashSet<int> { 1003, 1005, 1006, 1301, 1403 }, engine.SaidAll.Select(said => said.Id).ToHashSet()); // or nothing is proved
        Assert.All(engine.SaidAll, said => Assert.DoesNotContain(Secret, said.Text, StringComparison.OrdinalIgnoreCase));
        Assert.All(heard.Spans.SelectMany(TextsOf), text => Assert.DoesNotContain("canary", text, StringComparison.OrdinalIgnoreCase));
        Assert.All(heard.All, AssertLabelsAreClosed);
        Assert.Equal(
            Declared().Except([TelemetryNames.TermCount, TelemetryNames.TakeOverCount, TelemetryNames.RefusedCount]).Select(name => name.Name).Order(),
            heard.All.Select(measured => measured.Instrument).Distinct().Order());
    });

    [Fact]
    public async Task No_connection_string_is_logged_where_the_log_can_not_be_opened()
    {
        var logger = new CapturingLoggers(1304);
        var services = new ServiceCollection();
        services.AddSingleton<ILoggerFactory>(logger);
        services.AddCoordinator(options => options.WaitForOwnership = false)
            .UsePostgreSql($"Host=127.0.0.1;Port=1;Database=shop;Username=shop;Password={Secret}");
        await using var provider = services.BuildServiceProvider();
        var hosted = Assert.Single(provider.GetServices<IHostedService>());
        await hosted.StartAsync(CancellationToken.None);
        await logger.Heard.OrFailAsync("failure to open the log was logged");
        await hosted.StopAsync(CancellationToken.None);

        Assert.NotEmpty(logger.Texts);
        Assert.All(logger.Texts, text => Assert.DoesNotContain(Secret, text, StringComparison.Ordinal));
    }

    /// <summary>Secrets in every input there is.</summary>
    private static async Task WorkAsync(SimulationLoop loop, TestEngine engine)
    {
        var key = new IdempotencyKey(Secret) { Tenant = Secret, Request = System.Text.Encoding.UTF8.GetBytes(Secret) };
        var keyed = new TransactionOptions { Key = key };
        for (var i = 0; i < 2; i++)
        {
            await engine.Transactions.RunAsync(WriteAsync, keyed);
        }

        await Assert.ThrowsAsync<IdempotencyMismatchException>(
            () => engine.Transactions.RunAsync(WriteAsync, new TransactionOptions { Key = new IdempotencyKey(Secret) { Tenant = Secret, Request = "x"u8.ToArray() } }));
        await engine.Transactions.RunAsync(transaction => transaction.AbortAsync(Secret).AsTask());
        await Assert.ThrowsAsync<FormatException>(() => engine.Transactions.RunAsync(_ => throw new FormatException(Secret)));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => engine.Transactions.RunAsync(
            async transaction => (await transaction.UpdateAsync<Account>("a")).Raise(new Noted(Secret)))); // its Apply throws, and quotes the event
        await loop.AdvanceAsync(TimeSpan.FromSeconds(1));

        static async Task WriteAsync(ITransaction transaction)
        {
            await transaction.DepositAsync(Id, 1);
            (await transaction.UpdateStateAsync<Settings>($"settings/{Id}")).Set(new Settings(Secret));
            await transaction.PublishAsync($"notes/{Id}", new Noted(Secret));
        }
    }

    /// <summary>Everything that a store may answer, and what a transaction may meet.</summary>
    private static async Task FailAsync(SimulationLoop loop, TestEngine engine)
    {
        foreach (var answer in new[] { GroupAnswerKind.Unclear, GroupAnswerKind.TryAgain, GroupAnswerKind.Refused })
        {
            var count = 0;
            engine.Store.Script = _ => count++ == 0 ? new GroupAnswer(answer, new IOException("disk")) : null;
            await engine.Transactions.RunAsync(transaction => transaction.PublishAsync("notes/1", new Noted(Secret)).AsTask());
        }

        engine.Store.Script = null;
        await engine.Transactions.DepositAsync("b", 1);
        await engine.WriteBehindItsBackAsync("account/b");
        await engine.Transactions.DepositAsync("b", 1); // conflicts, and is run again
        await using var older = engine.Transactions.Begin();
        var (runs, hold) = (0, new TaskCompletionSource());
        var younger = engine.Transactions.RunAsync(async transaction =>
        {
            await transaction.DepositAsync("c", 1);
            await (++runs == 1 ? hold.Task : Task.CompletedTask);
        });
        await loop.IdleAsync();
        await older.DepositAsync("c", 1); // wounds it
        hold.SetResult();
        await loop.IdleAsync();
        await older.CommitAsync();
        await younger;
    }

    private static IEnumerable<string> TextsOf(Activity span) =>
    [
        span.OperationName, span.DisplayName, span.StatusDescription ?? string.Empty, span.TraceStateString ?? string.Empty,
        .. span.TagObjects.Select(tag => $"{tag.Key}={tag.Value}"),
        .. span.Events.SelectMany(@event => @event.Tags.Select(tag => $"{tag.Value}").Append(@event.Name)),
        .. span.Links.SelectMany(link => link.Tags ?? []).Select(tag => $"{tag.Value}"),
        .. span.Baggage.Select(item => item.Value ?? string.Empty),
    ];

    private static void AssertLabelsAreClosed(Measured measured)
    {
        var declared = Declared().Single(name => name.Name == measured.Instrument);
        Assert.All(measured.Labels, label => Assert.Contains(
            label.Value as string,
            Assert.Single(declared.Labels, known => known.Name == label.Key).Values));
    }

    private static IEnumerable<InstrumentName> Declared() =>
        typeof(TelemetryNames).GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => field.GetValue(null)).OfType<InstrumentName>();

    /// <summary>A user's serializer whose exceptions quote what they are about.</summary>
    private sealed class QuotingSerializer : ISnapshotSerializer<Account>
    {
        public byte[] Serialize(Account state) => throw new FormatException(Secret);

        public Account Deserialize(ReadOnlySpan<byte> payload) => throw new FormatException(Secret);
    }

    private sealed class CapturingLoggers(int awaited) : ILoggerFactory, ILogger
    {
        private readonly TaskCompletionSource<bool> _heard = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public ConcurrentQueue<string> Texts { get; } = [];

        public Task<bool> Heard => _heard.Task;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            Texts.Enqueue(formatter(state, exception) + exception);
            if (eventId.Id == awaited)
            {
                _heard.TrySetResult(true);
            }
        }

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public void Dispose()
        {
        }
    }
}
