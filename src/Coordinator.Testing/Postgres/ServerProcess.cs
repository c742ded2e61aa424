using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Coordinator.Testing.Postgres;

/// <summary>The processes of one run of a server.</summary>
internal sealed class ServerProcess
{
    /// <summary>SIGSTOP.</summary>
    public const int Stopped = 19;

    /// <summary>SIGCONT.</summary>
    public const int Continued = 18;

    private const int Interrupt = 2;
    private const int Quit = 3;
    private const int Kill = 9;
    private const int LinesMax = 200;

    private readonly Process _process;
    private readonly Queue<string> _lines = new();
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Reads its log from now on.</summary>
    public ServerProcess(Process process)
    {
        _process = process;
        process.EnableRaisingEvents = true;
        process.Exited += (_, _) => _ready.TrySetException(new InvalidOperationException($"The server ended: {Log}"));
        process.ErrorDataReceived += (_, arguments) => Take(arguments.Data);
        process.OutputDataReceived += (_, arguments) => Take(arguments.Data);
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
    }

    /// <summary>Completes when it takes connections.</summary>
    public Task Ready => _ready.Task;

    /// <summary>The newest lines of its log.</summary>
    public string Log
    {
        get
        {
            lock (_lines)
            {
                return string.Join('\n', _lines);
            }
        }
    }

    /// <summary>Sends a signal to a process; harmless if it is gone.</summary>
    public static void Send(int processId, int signal) => _ = SendSignal(processId, signal);

    /// <summary>Ends the server and waits until none of its processes is left.</summary>
    public async Task StopAsync(PostgreSqlStop how)
    {
        var all = Family();
        if (how is PostgreSqlStop.Kill)
        {
            all.ForEach(static one => Send(one, Kill));
        }
        else
        {
            Send(_process.Id, how is PostgreSqlStop.Fast ? Interrupt : Quit);
        }

        await _process.WaitForExitAsync().ConfigureAwait(false);
        _process.Dispose();

        // Children of a killed server are nobody's any more: there is no event to wait for, and the next start would refuse.
        while (all.Exists(Lives))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System).ConfigureAwait(false);
        }
    }

    /// <summary>Kills what is left when the process that runs the tests ends.</summary>
    public void KillAll() => Family().ForEach(static one => Send(one, Kill));

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SendSignal(int processId, int signal);

    private static bool Lives(int processId) => StateOf(processId) is { State: not 'Z' };

    /// <summary>State and parent of a process, as Linux has it; null if it is gone.</summary>
    private static (char State, int Parent)? StateOf(int processId)
    {
        try
        {
            // The name in parentheses may hold anything.
            var stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/stat"));
            var rest = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return (rest[0][0], int.Parse(rest[1], CultureInfo.InvariantCulture));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The server and its children.</summary>
    private List<int> Family()
    {
        var family = new List<int> { _process.Id };
        foreach (var folder in Directory.Exists("/proc") ? Directory.EnumerateDirectories("/proc") : [])
        {
            if (int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var id) && StateOf(id)?.Parent == _process.Id)
            {
                family.Add(id);
            }
        }

        return family;
    }

    private void Take(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_lines)
        {
            _lines.Enqueue(line);
            if (_lines.Count > LinesMax)
            {
                _lines.Dequeue();
            }
        }

        if (line.Contains("ready to accept", StringComparison.Ordinal))
        {
            _ready.TrySetResult();
        }
    }
}
