using System.Diagnostics;
using Coordinator.Chaos.Drivers.Fleets;
using Coordinator.Chaos.Drivers.Workloads;

namespace Coordinator.Chaos.Drivers.Clients;

/// <summary>A client in a process of its own; whenever it is gone it is started again, with its journal.</summary>
internal sealed class ClientProcess(string name, Arena arena, Func<string, string, Task<string>> tryAsync)
{
    private const string Killed = "client killed";

    private readonly Lock _gate = new();
    private Process? _process;
    private int _lives;
    private int _kills;

    /// <summary>How often it was killed.</summary>
    public int KillCount => _kills;

    /// <summary>Kills it in whatever it does.</summary>
    public void Kill()
    {
        lock (_gate)
        {
            if (_process is { HasExited: false } process)
            {
                process.Kill(); // SIGKILL
                _kills++;
                arena.Note($"driver: '{Killed}' {name}");
            }
        }
    }

    /// <summary>Carries its next request to a host and the answer back.</summary>
    public async Task OperateAsync()
    {
        var process = Alive();
        if (await process.StandardOutput.ReadLineAsync() is not { } line)
        {
            await process.WaitForExitAsync();
            Forget(process);
        }
        else if (line.Split(' ') is ["try", var key, .. var transfer, "."])
        {
            await AnswerAsync(process, await tryAsync(key, string.Join(' ', transfer)));
        }
    }

    /// <summary>Tells it to stop, once it asks for something again.</summary>
    public async Task StopAsync()
    {
        if (_process is not { } process)
        {
            return;
        }

        await AnswerAsync(process, "stop");
        await process.WaitForExitAsync();
        Forget(process);
    }

    private static async Task AnswerAsync(Process process, string word)
    {
        try
        {
            await process.StandardInput.WriteLineAsync(word == "stop" ? word : "told " + word);
            await process.StandardInput.FlushAsync();
        }
        catch (IOException)
        {
            // It was killed before it knew: its next life asks again.
        }
    }

    private Process Alive()
    {
        lock (_gate)
        {
            return _process ??= Start();
        }
    }

    private void Forget(Process process)
    {
        lock (_gate)
        {
            _process = null;
            process.Dispose();
        }
    }

    private Process Start()
    {
        string[] arguments = [Self.Assembly, "client", name, Path.Combine(arena.Folder, name + ".journal"), arena.Set, $"{BankWorkload.AccountCount}", $"{arena.Seed + _lives++}"];
        var start = new ProcessStartInfo("dotnet", arguments) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true };
        start.Environment["DOTNET_gcServer"] = "0";
        start.Environment["DOTNET_TieredPGO"] = "0";
        return Process.Start(start) ?? throw new InvalidOperationException("dotnet does not start");
    }
}
