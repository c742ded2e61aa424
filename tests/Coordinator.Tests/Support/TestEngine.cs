using Coordinator.Aggregates;
using Coordinator.Diagnostics;
using Coordinator.Hosting;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Shards;
using Coordinator.Testing.Simulation;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Coordinator.Tests;

/// <summary>Keeps what would call for an operator: violations of the protocol and a broken committer.</summary>
internal sealed class TestLogger : ILogger
{
    private static readonly int[] AlarmIds = [1002, 1101, 1106, 1107, 1108, 1201];

    public List<string> Alarms { get; } = [];

    public List<(int Id, LogLevel Level, string Text)> Said { get; } = [];

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        Said.Add((eventId.Id, logLevel, formatter(state, exception) + exception?.Message));
        if (AlarmIds.Contains(eventId.Id))
        {
            Alarms.Add(formatter(state, exception) + exception);
        }
    }
}

/// <summary>An engine on a log in memory, its time and order in the test's hands.</summary>
internal sealed class TestEngine : IAsyncDisposable
{
    private readonly TestLogger _logger;

    private TestEngine(TransactionEngine engine, InMemoryLogStore rows, TestStore store, TestLogger logger)
    {
        _logger = logger;
        Engine = engine;
        Rows = rows;
        Store = store;
    }

    public TransactionEngine Engine { get; }

    public InMemoryLogStore Rows { get; }

    public TestStore Store { get; }

    public ITransactions Transactions => Engine;

    public IAggregates Aggregates => Engine;

    public static EventTypes EventTypes() => new EventTypes().Add<Deposited>().Add<Withdrawn>().Add<Settings>().Add<Noted>();

    /// <summary>An engine that has not started. Work is run once, unless the test asks for more.</summary>
    public static TestEngine Create(
        SimulationLoop loop,
        InMemoryLogStore? rows = null,
        Func<ILogStore, ILogStore>? faults = null,
        Func<ITransport, ITransport>? transport = null,
        Action<CoordinatorOptions>? configure = null,
        ulong seed = 1,
        EventTypes? events = null,
        bool reruns = false,
        Action<SnapshotTypes>? snapshots = null,
        bool telemetry = false,
        IHostLink? link = null,
        int shards = 1)
    {
        rows ??= new InMemoryLogStore(loop.Time);
        events ??= EventTypes();
        var store = new TestStore(faults?.Invoke(rows) ?? rows);
        var logger = new TestLogger();
        var options = new CoordinatorOptions { TakeOverAtStart = true };
        configure?.Invoke(options);
        var seams = new EngineSeams(store, loop.Time, new SeededRandom(seed), loop, transport, "here", UnknownProcesses.Instance)
        {
            Telemetry = telemetry ? new EngineTelemetry(null, loop.Time, logger) : null,
            Link = link,
            ShardCount = shards,
        };
        var snapshotTypes = new SnapshotTypes(events);
        snapshots?.Invoke(snapshotTypes);
        var engine = new TransactionEngine(seams, options, events, new AggregateTypes(events, snapshotTypes), logger, reruns ? null : static _ => { });
        return new TestEngine(engine, rows, store, logger);
    }

    /// <summary>An engine that owns the log.</summary>
    public static async Task<TestEngine> StartAsync(
        SimulationLoop loop,
        InMemoryLogStore? rows = null,
        Func<ILogStore, ILogStore>? faults = null,
        Func<ITransport, ITransport>? transport = null,
        Action<CoordinatorOptions>? configure = null,
        ulong seed = 1,
        EventTypes? events = null,
        bool reruns = false,
        Action<SnapshotTypes>? snapshots = null,
        bool telemetry = false)
    {
        var engine = Create(loop, rows, faults, transport, configure, seed, events, reruns, snapshots, telemetry);
        await engine.Engine.StartAsync(CancellationToken.None);
        return engine;
    }

    /// <summary>Every row of a stream, verified.</summary>
    public async Task<IReadOnlyList<LogRow>> RowsOfAsync(string stream) =>
        await Rows.ReadAsync(new StreamName(stream), 1, int.MaxValue - 1, CancellationToken.None);

    /// <summary>How many rows of a kind the shard holds; reading it verifies its chain.</summary>
    public async Task<int> CountAsync(RowKind kind) => (await RowsOfAsync("shard/0")).Count(row => row.Kind == kind);

    /// <summary>Another host's row at the end of a stream, of which this engine knows nothing.</summary>
    public async Task WriteBehindItsBackAsync(string stream)
    {
        var name = new StreamName(stream);
        var last = (await RowsOfAsync(stream))[^1];
        var row = new LogRow
        {
            Stream = name,
            Version = last.Version + 1,
            Kind = RowKind.Event,
            AppendId = new(99, 1),
            Position = last.Position,
            Previous = last.Position,
            Type = stream == "notes" ? "noted" : "account.deposited",
            TypeVersion = 1,
            Payload = stream == "notes" ? "{\"text\":\"2\"}"u8.ToArray() : "{\"amount\":7}"u8.ToArray(),
        };
        row.Checksum = RowChecksum.Of(row, 0);
        var answer = await Rows.AppendAsync(new RowGroup([row], [new(name, last.Version, 0, default, false)]));
        Assert.Equal(GroupAnswerKind.Landed, answer.Kind);
    }

    /// <summary>What the log itself says of a transaction.</summary>
    public async Task<bool> IsCommittedInLogAsync(TransactionId id) =>
        await Rows.FindDecisionAsync(id, CancellationToken.None) is { Kind: RowKind.CommitDecided };

    /// <summary>Nobody works, holds or waits any more.</summary>
    public void AssertQuiet()
    {
        Assert.True(Engine.Participants.IsIdle, "a lock is held or awaited, or a transaction is still at work at a participant");
        Assert.Equal(0, Engine.InFlightCount);
    }

    /// <summary>What the engine logged under an id.</summary>
    public IReadOnlyList<(LogLevel Level, string Text)> Said(int id) => [.. _logger.Said.Where(said => said.Id == id).Select(said => (said.Level, said.Text))];

    /// <summary>All that the engine logged.</summary>
    public IReadOnlyList<(int Id, LogLevel Level, string Text)> SaidAll => _logger.Said;

    /// <summary>No machine got an input that no correct peer sends, and the committer is whole.</summary>
    public void AssertNoViolation() => Assert.Empty(_logger.Alarms);

    public ValueTask DisposeAsync() => Engine.DisposeAsync();
}
