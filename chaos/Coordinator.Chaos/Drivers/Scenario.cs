using System.Data.Common;
using Coordinator.Chaos.Drivers.Faults;
using Coordinator.Chaos.Drivers.Fleets;

namespace Coordinator.Chaos.Drivers;

/// <summary>A fleet on a log, and what can be done to both. The workloads and the judges are the same for all.</summary>
internal abstract class Scenario(string name) : IAsyncDisposable
{
    public string Name => name;

    /// <summary>The hosts, once it has started.</summary>
    public abstract Fleet Fleet { get; }

    /// <summary>Every fault that can be done here, once it has started.</summary>
    public abstract IReadOnlyList<Fault> Faults { get; }

    /// <summary>How long a fault takes, about, until the hosts are ready for the next one: 3.5 s unless they come back more slowly.</summary>
    public virtual double SecondsPerFault => 3.5;

    /// <summary>What can't be done on this machine, and why.</summary>
    public virtual IReadOnlyList<string> Skipped => [];

    /// <summary>Sets up the log; the hosts are started by the run.</summary>
    public abstract Task StartAsync(Wounds wounds);

    /// <summary>A connection that reads the log, past the product.</summary>
    public abstract Task<DbConnection> ConnectAsync();

    /// <summary>A connection to a copy of the log that may be changed. Its disposal lets go of the copy.</summary>
    public abstract Task<DbConnection> ConnectToCopyAsync();

    /// <summary>What must still be seen while the hosts live and no client works.</summary>
    public virtual Task BeforeCloseAsync() => Task.CompletedTask;

    /// <summary>What must be seen in the log when the hosts are gone.</summary>
    /// <param name="stoppedCount">How many owners were stopped cleanly.</param>
    /// <param name="handOverCount">How often the log shows a claim right behind a row that hands over.</param>
    public virtual Task AfterCloseAsync(int stoppedCount, int handOverCount) => Task.CompletedTask;

    public abstract ValueTask DisposeAsync();
}
