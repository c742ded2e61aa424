using System.Runtime.InteropServices;

namespace Coordinator.Chaos.Victims.Faults;

/// <summary>Signals of Linux.</summary>
internal static partial class Signals
{
    public const int Kill = 9;

    public const int Continue = 18;

    public const int Stop = 19;

    /// <summary>Sends a signal to a process: the caller makes sure whose it is.</summary>
    public static void Send(int process, int signal) => _ = SendSignal(process, signal);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int SendSignal(int process, int signal);
}
