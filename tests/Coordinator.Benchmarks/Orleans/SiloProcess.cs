using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Coordinator.Benchmarks.Orleans;

/// <summary>A silo in a process of its own. It is told by lines what to do and answers with one line each.</summary>
internal sealed class SiloProcess : IAsyncDisposable
{
    private const string Ready = "ready";
    private readonly Process _process;

    private SiloProcess(Process process) => _process = process;

    public static async Task<SiloProcess> StartAsync(SiloPorts ports, string connectionString)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true };
        string[] arguments =
        [
            .. Environment.GetCommandLineArgs() is [var program, ..] && program.EndsWith(".dll", StringComparison.Ordinal) ? [program] : Array.Empty<string>(),
            "silo", "--port", Text(ports.Port), "--gateway", Text(ports.Gateway), "--primary", Text(ports.Primary), "--connection", connectionString,
        ];
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        var silo = new SiloProcess(Process.Start(start)!);
        await silo.HearAsync(Ready);
        return silo;
    }

    /// <summary>What the process does.</summary>
    public static async Task<bool> ServeAsync(Arguments arguments)
    {
        var ports = new SiloPorts(arguments.Number("port", 0), arguments.Number("gateway", 0), arguments.Number("primary", 0));
        var silo = await BenchmarkSilo.StartAsync(ports, coordinator => coordinator.UsePostgreSql(arguments.Text("connection", string.Empty)));
        await using var _ = silo;
        Console.WriteLine(Ready);
        while (await Console.In.ReadLineAsync() is { } line)
        {
            var task = JsonSerializer.Deserialize<SiloTask>(line)!;
            Console.WriteLine(JsonSerializer.Serialize(await task.Load.RunAsync(silo, task.WarmUp, task.Measured)));
        }

        return true;
    }

    public async Task<Window> RunAsync(SiloLoad load, TimeSpan warmUp, TimeSpan measured)
    {
        await _process.StandardInput.WriteLineAsync(JsonSerializer.Serialize(new SiloTask(load, warmUp, measured)));
        await _process.StandardInput.FlushAsync();
        return JsonSerializer.Deserialize<Window>(await HearAsync(null))!;
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private async Task<string> HearAsync(string? expected) => await _process.StandardOutput.ReadLineAsync() is { } line && (expected is null || line == expected)
        ? line
        : throw new InvalidOperationException("The silo's process has ended.");

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private sealed record SiloTask(SiloLoad Load, TimeSpan WarmUp, TimeSpan Measured);
}
