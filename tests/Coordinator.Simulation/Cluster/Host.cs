using Coordinator.Aggregates;
using Coordinator.Hosting;
using Coordinator.Testing.Simulation;
using Microsoft.Extensions.Logging;

namespace Coordinator.Simulation;

/// <summary>A place for a process of the cluster: starts it, and starts it again when it has died or ended.</summary>
internal sealed class Host(Cluster cluster, int slot)
{
    // What a host that has stopped says to the store last; that may be slow, or stand still.
    private static readonly TimeSpan LastCallsMax = TimeSpan.FromSeconds(25);
    private int _lives;

    /// <summary>The process that runs or ran last.</summary>
    public SimulatedProcess? Process { get; private set; }

    /// <summary>Its engine.</summary>
    public TransactionEngine? Engine { get; private set; }

    /// <summary>The process lives and is not on its way out.</summary>
    public bool IsUp => Process is { IsCrashed: false } && !IsStopping;

    /// <summary>A stop is under way.</summary>
    public bool IsStopping { get; private set; }

    /// <summary>What the engine said that would call for an operator: broken promises.</summary>
    public static IReadOnlySet<int> AlarmIds { get; } = new HashSet<int> { 1002, 1101, 1105, 1201, 1401, 1404 };

    public bool IsQuiet => Engine!.Role is HostRole.Owner or HostRole.Standby
        && Engine.InFlightCount == 0 && Engine.Participants.IsIdle && Engine.Committer.IsIdle;

    public void Start()
    {
        var process = cluster.Loop.Spawn($"h{slot}.{++_lives}", cluster.Random.Between(TimeSpan.Zero, TimeSpan.FromHours(1)));
        process.WallClockOffset = cluster.WallClockOf(slot);
        process.PointPassed = cluster.Nemesis.PassPoint;
        var events = new EventTypes().Add<Moved>().Add<Setting>().Add<Noted>();
        var store = cluster.Mutant.Over(cluster, process, cluster.Log.ViewOf(process));
        var link = cluster.Plan.IsCluster ? cluster.Network.LinkOf(process, cluster.Receive) : null;
        var seams = new EngineSeams(
            store,
            process,
            cluster.Random.Fork(),
            process,
            inner => cluster.Mutant.Over(cluster, process, cluster.Network.Of(process, inner, link?.Host ?? 0)),
            process.Name,
            new SimulatedProcesses(cluster.Loop, process, cluster.Plan.KnowsProcesses ? "machine" : string.Empty),
            Telemetry: cluster.Telemetry?.Invoke(process),
            Link: link,
            ShardCount: cluster.Plan.Shards);
        var snapshots = new SnapshotTypes(events);
        if (cluster.Plan.SnapshotEvery > 0)
        {
            snapshots.Add<Account>("account", 1, cluster.Plan.SnapshotEvery, null);
        }

        Process = process;
        IsStopping = false;
        var engine = Engine = new TransactionEngine(seams, cluster.Plan.Options, events, new AggregateTypes(events, snapshots), new HostLogger(cluster, process));
        process.Start(async () =>
        {
            try
            {
                await engine.StartAsync(CancellationToken.None);
            }
            catch (OperationCanceledException) when (IsStopping)
            {
                // Stopped by its operator while it stood by: that is what the start says.
            }
            catch (Exception error) when (error is LogStoreException or SimulatedStoreException or LogCorruptException)
            {
                cluster.Reach(SituationTable.StartFailed);
                Crash(cluster.Random.Between(TimeSpan.FromSeconds(0.1), TimeSpan.FromSeconds(2)));
            }
        });
        process.Start(() => SuperviseAsync(process, engine));
        cluster.Mutant.Started(cluster, this);
        cluster.Workload.StartWorkers(this);
    }

    /// <summary>Kills the process and starts another after a while.</summary>
    public void Crash(TimeSpan restartAfter)
    {
        if (Process!.IsCrashed)
        {
            return;
        }

        cluster.Loop.Trace.Note(Process, $"crashes");
        cluster.Watch.Crashed(this);
        Process.Crash();
        cluster.Loop.After(restartAfter, Start);
    }

    /// <summary>Stops the process as its operator would, and starts another after a while.</summary>
    public void Stop(TimeSpan restartAfter)
    {
        if (!IsUp)
        {
            return;
        }

        IsStopping = true;
        cluster.Reach(SituationTable.StoppedGracefully);
        var (process, engine) = (Process!, Engine!);
        process.Start(async () =>
        {
            var (began, stalls) = (cluster.Loop.Time.Now, process.StallCount);
            await engine.StopAsync(CancellationToken.None);
            if (!process.IsCrashed)
            {
                CheckStopped(engine, process.StallCount == stalls ? cluster.Loop.Time.Now - began : TimeSpan.Zero);
                process.Crash(); // it exits: whatever still ran in it ends
                cluster.Loop.After(restartAfter, Start);
            }
        });
    }

    /// <summary>
    /// A stop waits for what is in flight and then for the shards to be handed over, each for as long as it may and however many shards there are; and who waits
    /// for what no tick will end any more was told.
    /// </summary>
    private void CheckStopped(TransactionEngine engine, TimeSpan took)
    {
        var bound = (2 * engine.Options.StopTimeout) + LastCallsMax;
        if (took > bound)
        {
            cluster.Violations.Add(new Violation("V1-V3", $"{Process!.Name} took {took} to stop, and may take {bound}"));
        }

        foreach (var waiting in engine.Participants.AtWork.Where(static one => one.LockWait is not null || !one.IsAnswered))
        {
            cluster.Violations.Add(new Violation("V1-V3", $"{Process!.Name} has stopped, and {waiting.Transaction} waits at {waiting.Activation.Stream}"));
        }
    }

    /// <summary>
    /// Restarts a process whose engine has ended for good, as whoever watches its readiness would. Behind a start that failed, which is
    /// restarted already, only a bug ends one: the planted ones do.
    /// </summary>
    private async Task SuperviseAsync(SimulatedProcess process, TransactionEngine engine)
    {
        while (!engine.IsEnded)
        {
            await process.DelayAsync(TimeSpan.FromSeconds(1));
        }

        Crash(TimeSpan.FromSeconds(1));
    }

    /// <summary>Hands what the engine logs to the watch and to the checks.</summary>
    private sealed class HostLogger(Cluster cluster, SimulatedProcess process) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            cluster.Loop.Trace.Note(process, $"logs {eventId.Id}");
            cluster.Loop.Trace.Remark(process, () => formatter(state, exception));
            cluster.Watch.Logged(process, eventId.Id);
            if (AlarmIds.Contains(eventId.Id))
            {
                cluster.Violations.Add(new Violation("alarm", $"{process.Name} logs {eventId.Id}: {formatter(state, exception)} {exception?.Message}"));
            }
        }
    }
}
