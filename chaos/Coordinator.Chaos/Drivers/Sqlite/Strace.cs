using System.Diagnostics;

namespace Coordinator.Chaos.Drivers.Sqlite;

/// <summary>strace on a host that lives: what it does to the write-ahead log is watched, or goes wrong there and nowhere else.</summary>
internal sealed class Strace : IAsyncDisposable
{
    // Which of each the native SQLite was built to use differs.
    public const string Syncs = "fsync,fdatasync", Writes = "write,pwrite64";

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    private readonly Process _process;

    private Strace(Process process, string trace) => (_process, TraceFile) = (process, trace);

    /// <summary>Why it can't be had here; null if it can.</summary>
    public static string? WhyNot { get; } =
        Environment.GetEnvironmentVariable("PATH")?.Split(':').Any(folder => File.Exists(Path.Combine(folder, "strace"))) is not true ? "strace is not installed"
        : !Environment.IsPrivilegedProcess && File.Exists("/proc/sys/kernel/yama/ptrace_scope") && File.ReadAllText("/proc/sys/kernel/yama/ptrace_scope").Trim() != "0" ? "only root may attach strace here"
        : null;

    /// <summary>Where it writes what it sees.</summary>
    public string TraceFile { get; }

    /// <summary>Attaches to a process, all its threads, and returns when it has.</summary>
    public static async Task<Strace> AttachAsync(int processId, string trace, params string[] arguments)
    {
        var start = new ProcessStartInfo("strace", ["-f", "-p", $"{processId}", "-o", trace, .. arguments]) { UseShellExecute = false, RedirectStandardError = true };
        var process = Process.Start(start) ?? throw new InvalidOperationException("strace does not start");
        var line = await process.StandardError.ReadLineAsync().WaitAsync(s_patience);
        if (line?.Contains("attached", StringComparison.Ordinal) is not true)
        {
            throw new InvalidOperationException($"strace does not attach: {line}");
        }

        _ = process.StandardError.ReadToEndAsync(); // it speaks of every thread
        return new Strace(process, trace);
    }

    /// <summary>How many calls it has made go wrong.</summary>
    public int InjectedCount()
    {
        using var file = new StreamReader(new FileStream(TraceFile, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return file.ReadToEnd().Split('\n').Count(line => line.Contains("(INJECTED)", StringComparison.Ordinal));
    }

    /// <summary>Lets the process go on by itself.</summary>
    public async ValueTask DisposeAsync()
    {
        const int interrupt = 2;
        if (!_process.HasExited)
        {
            Victims.Faults.Signals.Send(_process.Id, interrupt); // it detaches, and the process lives
        }

        await _process.WaitForExitAsync().WaitAsync(s_patience);
        _process.Dispose();
    }
}
