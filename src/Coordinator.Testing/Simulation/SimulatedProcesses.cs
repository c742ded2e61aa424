using Coordinator.Hosting;
using Coordinator.Log;

namespace Coordinator.Testing.Simulation;

/// <summary>What a simulated process knows of the others on its machine: which have ended.</summary>
internal sealed class SimulatedProcesses(SimulationLoop loop, SimulatedProcess own, string machine) : IHostProcesses
{
    /// <inheritdoc/>
    public HostProcess Own { get; } = new(machine, "boot", "pids", own.Number, own.Number);

    /// <inheritdoc/>
    public bool IsGone(HostProcess process)
    {
        ArgumentNullException.ThrowIfNull(process);
        return machine.Length > 0 && process.Machine == machine && loop.ProcessOf(process.Pid).IsCrashed;
    }
}
