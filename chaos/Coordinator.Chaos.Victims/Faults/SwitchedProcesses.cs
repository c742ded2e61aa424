using Coordinator.Hosting;
using Coordinator.Log;

namespace Coordinator.Chaos.Victims.Faults;

/// <summary>What is known of this machine's processes, or, while only silence counts, nothing: as on another machine.</summary>
internal sealed class SwitchedProcesses : IHostProcesses
{
    public volatile bool OnlySilence;

    public HostProcess Own => LinuxProcesses.Instance.Own;

    public bool IsGone(HostProcess process) => !OnlySilence && LinuxProcesses.Instance.IsGone(process);
}
