using System.Diagnostics;
using System.Globalization;
using Coordinator.Log;

namespace Coordinator.Hosting;

/// <summary>Which process this is, and whether another one is known to have ended.</summary>
internal interface IHostProcesses
{
    /// <summary>This process.</summary>
    HostProcess Own { get; }

    /// <summary>True only if the process is known to be gone: it ran on this machine since its last boot, and nobody has its id and start time.</summary>
    bool IsGone(HostProcess process);
}

/// <summary>Nothing is known of any process: what lives is told by heartbeats alone.</summary>
internal sealed class UnknownProcesses : IHostProcesses
{
    public static UnknownProcesses Instance { get; } = new();

    public HostProcess Own { get; } = new(string.Empty, string.Empty, string.Empty, 0, 0);

    public bool IsGone(HostProcess process) => false;
}

/// <summary>As Linux tells it in /proc; on other systems nothing is known.</summary>
internal sealed class LinuxProcesses : IHostProcesses
{
    private const int StateField = 0, StartTimeField = 19; // of /proc/PID/stat, counted behind the name

    private LinuxProcesses()
    {
        var boot = ReadFile("/proc/sys/kernel/random/boot_id")?.Trim();
        var pidNamespace = new FileInfo("/proc/self/ns/pid").LinkTarget;
        Own = boot is null || pidNamespace is null || StartOf(Environment.ProcessId) is not { } startedAt
            ? UnknownProcesses.Instance.Own
            : new HostProcess(Environment.MachineName, boot, pidNamespace, Environment.ProcessId, startedAt);
    }

    public static LinuxProcesses Instance { get; } = new();

    public HostProcess Own { get; }

    public bool IsGone(HostProcess process)
    {
        ArgumentNullException.ThrowIfNull(process);
        return Own.Machine.Length > 0
            && process.Machine == Own.Machine
            && process.Boot == Own.Boot
            && process.PidNamespace == Own.PidNamespace
            && (StartOf(process.Pid) is { } startedAt ? startedAt != process.StartedAt : !IsRunning(process.Pid));
    }

    /// <summary>When the process that has this id started, in clock ticks since boot; null if it can't be seen, -1 for a corpse nobody has reaped.</summary>
    private static long? StartOf(int pid)
    {
        if (ReadFile(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/stat")) is not { } stat)
        {
            return null;
        }

        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' '); // the name before it may hold anything
        return fields[StateField] is "Z" or "X" ? -1 : long.Parse(fields[StartTimeField], CultureInfo.InvariantCulture);
    }

    private static string? ReadFile(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Asks the kernel: some systems hide other users' processes in /proc, and hidden is not gone.</summary>
    private static bool IsRunning(int pid)
    {
        try
        {
            using var process = Process.GetProcessById(pid);
            return true;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }
}
