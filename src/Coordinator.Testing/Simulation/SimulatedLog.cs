using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;

namespace Coordinator.Testing.Simulation;

/// <summary>
/// A database server with a log in it, shared by simulated processes: one set of rows, and for each process a view with
/// latency and faults. What a fault does, it does to the rows: answer and truth differ as they would there.
/// </summary>
internal sealed class SimulatedLog
{
    private readonly SimulationLoop _loop;
    private readonly List<Action> _standing = [];
    private TimeSpan _downUntil;
    private TimeSpan _fullUntil;
    private TimeSpan _pausedUntil;

    public SimulatedLog(SimulationLoop loop, SeededRandom random)
    {
        _loop = loop;
        Random = random;
        Rows = new InMemoryLogStore(loop.Time);
    }

    /// <summary>What the server holds. Set by a simulation that plays the loss of rows.</summary>
    public InMemoryLogStore Rows { get; set; }

    /// <summary>Of each stream: the snapshot before the last one.</summary>
    internal Dictionary<StreamName, Snapshot?> OlderSnapshots { get; } = [];

    /// <summary>What goes wrong now.</summary>
    public StoreFaults Faults { get; set; } = StoreFaults.None;

    /// <summary>How long a call takes each way, unless it is slow. Zero and zero: calls without a fault are answered at once.</summary>
    public (TimeSpan Min, TimeSpan Max) Latency { get; set; }

    /// <summary>Told of every write that landed, in the order of landing.</summary>
    public Action<SimulatedProcess, IReadOnlyList<LogRow>>? Landed { get; set; }

    /// <summary>Told of every write whose checks failed when it arrived, and whether it came late.</summary>
    public Action<SimulatedProcess, IReadOnlyList<LogRow>, bool>? RefusedByChecks { get; set; }

    /// <summary>Told of every removal of shard rows, just before it is carried out.</summary>
    public Action<SimulatedProcess, ushort, ForgetMark>? Removing { get; set; }

    /// <summary>Told of every decision that a process has looked up by id and found.</summary>
    public Action<SimulatedProcess, TransactionId>? DecisionFound { get; set; }

    /// <summary>Processes whose heartbeats are not taken. All else of them is.</summary>
    public HashSet<SimulatedProcess> Muted { get; } = [];

    /// <summary>Several processes append at a time, to shards of their own: groups of two may overlap.</summary>
    public bool HasManyWriters { get; init; }

    /// <summary>How many reads have failed.</summary>
    public int ReadsFailed { get; set; }

    /// <summary>Writes that may still arrive.</summary>
    public int OnTheWireCount { get; internal set; }

    internal SeededRandom Random { get; }

    internal bool IsDown => _loop.Time.Now < _downUntil;

    internal bool IsFull => _loop.Time.Now < _fullUntil;

    /// <summary>How long the server stands still from now on.</summary>
    internal TimeSpan Pause => _pausedUntil - _loop.Time.Now;

    internal bool IsInstant => Latency.Max == TimeSpan.Zero;

    internal LogRow RowAt(StreamName stream, long version) =>
        Completed(Rows.ReadAsync(stream, version, 1, UnreadableRows.Mark, CancellationToken.None))[0];

    /// <summary>The result of a call of the rows, which are in memory: it has completed when it returns.</summary>
    internal static T Completed<T>(ValueTask<T> call) => call.IsCompleted ? call.Result : throw new InvalidOperationException("Rows in memory answer at once.");

    /// <summary>The log as one process sees it.</summary>
    public ILogStore ViewOf(SimulatedProcess process) => new SimulatedLogView(_loop, this, process);

    /// <summary>The server is away: writes are unclear, reads fail.</summary>
    public void GoDown(TimeSpan time) => _downUntil = _loop.Time.Now + time;

    /// <summary>The disk is full: nothing is written, reads go on.</summary>
    public void FillUp(TimeSpan time) => _fullUntil = _loop.Time.Now + time;

    /// <summary>The server stands still: whatever arrives waits.</summary>
    public void StandStill(TimeSpan time) => _pausedUntil = _loop.Time.Now + time;

    /// <summary>What has arrived while the server stands still goes on when it does.</summary>
    internal void AfterPause(Action arrive)
    {
        _standing.Add(GoOn);
        _loop.After(Pause, GoOn);

        void GoOn()
        {
            if (_standing.Remove(GoOn)) // or it went on when all faults ended
            {
                arrive();
            }
        }
    }

    /// <summary>Nothing goes wrong any more; what is on the wire still arrives.</summary>
    public void Heal()
    {
        Faults = StoreFaults.None;
        Muted.Clear();
        _downUntil = _fullUntil = _pausedUntil = _loop.Time.Now;
        foreach (var goOn in _standing)
        {
            _loop.After(TimeSpan.Zero, goOn);
        }
    }
}
