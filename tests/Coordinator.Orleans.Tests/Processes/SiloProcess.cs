using System.Diagnostics;
using System.Globalization;

namespace Coordinator.Orleans.Tests;

/// <summary>A silo in a process of its own.</summary>
internal sealed class SiloProcess : IAsyncDisposable
{
    /// <summary>The argument that makes this program a silo.</summary>
    public const string Command = "silo";

    private readonly Process _process;

    private SiloProcess(Process process, SiloPorts ports) => (_process, Ports) = (process, ports);

    public SiloPorts Ports { get; }

    /// <summary>Starts one and waits until it is a member.</summary>
    public static async Task<SiloProcess> StartAsync(SiloPorts ports, string connectionString, TimeSpan responseTimeout)
    {
        var start = new ProcessStartInfo(Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? Environment.ProcessPath! : "dotnet")
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        foreach (var argument in (string[])[typeof(SiloProcess).Assembly.Location, Command, connectionString, Text(ports.Silo), Text(ports.Gateway), Text(ports.Primary), Text((int)responseTimeout.TotalMilliseconds)])
        {
            start.ArgumentList.Add(argument);
        }

        var silo = new SiloProcess(Process.Start(start)!, ports);
        var said = await silo._process.StandardOutput.ReadLineAsync().OrFailAsync("silo that is ready");
        return said == SiloHost.Ready ? silo : throw new InvalidOperationException($"The silo did not start: {said}{await silo._process.StandardOutput.ReadToEndAsync()}");
    }

    /// <summary>Ends it as a power failure would (SIGKILL).</summary>
    public void Kill() => _process.Kill();

    /// <summary>Stops it in good order.</summary>
    public async Task StopAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync().OrFailAsync("end of the silo's process");
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
