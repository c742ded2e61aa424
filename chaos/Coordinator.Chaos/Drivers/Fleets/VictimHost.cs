using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Coordinator.Chaos.Victims.Faults;

namespace Coordinator.Chaos.Drivers.Fleets;

/// <summary>One host process: lines to it, answers from it, and its death.</summary>
internal sealed class VictimHost
{
    private const int IdLength = 53;

    // Alarms that no fault of ours excuses: a broken promise of the committer and of a shard, a violation of the protocol by a coordinator and by a participant, a row or a checkpoint that can't be
    // read, and a log behind its snapshots.
    private static readonly string[] s_brokenPromises = [.. ((int[])[1002, 1101, 1105, 1106, 1107, 1108, 1201, 1401]).Select(static id => string.Create(CultureInfo.InvariantCulture, $": Coordinator[{id}]"))];

    private static int s_requests;

    private readonly Process _process;
    private readonly History _history;
    private readonly Action<string> _log;
    private readonly string _startTime;
    private readonly ConcurrentDictionary<int, Request> _requests = new();
    private readonly Lock _writing = new();
    private readonly TaskCompletionSource<int> _gone = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private VictimHost(string name, Process process, History history, Action<string> log)
    {
        Name = name;
        ProcessId = process.Id;
        _process = process;
        _history = history;
        _log = log;
        _startTime = StatOf(ProcessId)?[StartTimeField] ?? string.Empty;
        process.ErrorDataReceived += (_, line) =>
        {
            if (line.Data is { } text) // null at its end
            {
                log($"{name} {text}");
                if (s_brokenPromises.Any(alarm => text.Contains(alarm, StringComparison.Ordinal)))
                {
                    history.Violated($"{name} logs {text.Trim()}");
                }
            }
        };
        process.BeginErrorReadLine();
        _ = ListenAsync();
    }

    // Of /proc/PID/stat, counted behind the name.
    private const int StateField = 0, ParentField = 1, StartTimeField = 19;

    public string Name { get; }

    /// <summary>The exit code, once the process is gone.</summary>
    public Task<int> Gone => _gone.Task;

    /// <summary>When it was seen to be gone.</summary>
    public TimeSpan GoneAt { get; private set; }

    /// <summary>What nobody knew the outcome of when it was seen to be gone.</summary>
    public IReadOnlyList<ToldTransaction> OpenWhenGone { get; private set; } = [];

    /// <summary>When it woke after it had been displaced in its sleep: others give it more time from then on. Null if it never was.</summary>
    public TimeSpan? WokenAt { get; set; }

    /// <summary>True while the process is stopped in its tracks.</summary>
    public bool IsFrozen => StatOf(ProcessId)?[StateField] == "T";

    /// <summary>Its process id.</summary>
    public int ProcessId { get; }

    /// <summary>Starts one.</summary>
    /// <param name="name">What it is called in reports.</param>
    /// <param name="start">The program, with what it needs in its environment.</param>
    /// <param name="history">Is told of everything that the host says.</param>
    /// <param name="log">Takes what it writes as errors.</param>
    public static VictimHost Start(string name, ProcessStartInfo start, History history, Action<string> log)
    {
        start.UseShellExecute = false;
        start.RedirectStandardInput = start.RedirectStandardOutput = start.RedirectStandardError = true;
        start.Environment["DOTNET_gcServer"] = "0"; // several processes share this machine
        start.Environment["DOTNET_TieredPGO"] = "0";
        return new VictimHost(name, Process.Start(start) ?? throw new InvalidOperationException($"{start.FileName} does not start"), history, log);
    }

    public override string ToString() => Name;

    /// <summary>Sends a line. If the host is gone the answer is null.</summary>
    public Request Send(string verb, string rest = "", Operation? operation = null, ToldTransaction? subject = null)
    {
        var request = new Request(Interlocked.Increment(ref s_requests), operation, subject);
        _requests[request.Number] = request;
        if (!TryWrite(string.Create(CultureInfo.InvariantCulture, $"{verb} {request.Number} {rest}")) || _gone.Task.IsCompleted)
        {
            request.Complete(null);
        }

        return request;
    }

    /// <summary>It was asked to stop.</summary>
    public bool IsStopped { get; private set; }

    /// <summary>Asks it to stop as a host is stopped.</summary>
    public void Stop()
    {
        IsStopped = true;
        TryWrite("stop");
    }

    /// <summary>Sends a signal, if the process is still the one that was started here.</summary>
    public void Signal(int signal)
    {
        if (StatOf(ProcessId) is { } stat && stat[StartTimeField] == _startTime && stat[ParentField] == Environment.ProcessId.ToString(CultureInfo.InvariantCulture))
        {
            Signals.Send(ProcessId, signal);
        }
    }

    /// <summary>Completes when the process stands still.</summary>
    public async Task FrozenAsync(CancellationToken cancellation)
    {
        while (!IsFrozen)
        {
            await Task.Delay(5, cancellation); // the kernel tells nobody but the parent's SIGCHLD, which the runtime keeps
        }
    }

    /// <summary>The requests that it has not answered.</summary>
    public Task AllAnsweredAsync() => Task.WhenAll(_requests.Values.Select(request => request.Answer));

    /// <summary>False if it is gone. A frozen host's pipe holds far more than is sent to it.</summary>
    private bool TryWrite(string line)
    {
        try
        {
            lock (_writing)
            {
                _process.StandardInput.WriteLine(line);
                _process.StandardInput.Flush();
            }

            return true;
        }
        catch (Exception error) when (error is IOException or InvalidOperationException)
        {
            _log($"{Name} does not take '{line}': {error.Message}");
            return false;
        }
    }

    private async Task ListenAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            Take(line);
        }

        await _process.WaitForExitAsync();
        GoneAt = History.Now;
        OpenWhenGone = _history.Open;
        var code = _process.ExitCode;
        _process.Dispose(); // a long run starts thousands
        _gone.TrySetResult(code);
        foreach (var request in _requests.Values)
        {
            request.Complete(null);
        }
    }

    private void Take(string line)
    {
        var words = line.Split(' ');
        switch (words)
        {
            case [.., not "."]:
                break; // cut off by its death
            case ["begun", var number, { Length: IdLength } id, "."]:
                var begun = Find(number);
                var transaction = _history.Begin(id, begun?.Operation);
                begun?.Transaction = transaction;

                break;
            case ["told", { Length: IdLength } id, "committed" or "aborted", "."]:
                _history.Tell(id, words[2] == "committed", this, asked: false);
                break;
            case ["told", { Length: IdLength }, "unknown", "."]:
                break; // the client sees that nothing was told
            case ["end", var number, ..]:
                End(number, string.Join(' ', words[2..^1]));
                break;
            default:
                _history.Violated($"{Name} said '{line}'");
                break;
        }
    }

    private void End(string number, string answer)
    {
        if (answer.StartsWith("broken", StringComparison.Ordinal))
        {
            _history.Violated($"{Name} is {answer}");
        }

        if (Find(number) is not { } request)
        {
            return;
        }

        _requests.TryRemove(request.Number, out _);
        if (request.Subject is { } subject && answer is ("committed" or "aborted"))
        {
            _history.Tell(subject.Id, answer == "committed", this, asked: true);
        }

        request.Transaction?.Answer = answer;

        request.Complete(answer);
    }

    private Request? Find(string number) =>
        int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var key) ? _requests.GetValueOrDefault(key) : null;

    private static string[]? StatOf(int process)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{process}/stat");
            return stat[(stat.LastIndexOf(')') + 2)..].Split(' '); // the name before it may hold anything
        }
        catch (IOException)
        {
            return null; // it is gone
        }
    }
}
