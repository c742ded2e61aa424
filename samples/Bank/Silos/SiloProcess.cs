using System.Diagnostics;
using System.Globalization;

namespace Bank.Silos;

/// <summary>A silo in a process of its own, started by the one that the user has started.</summary>
public sealed class SiloProcess : IDisposable
{
    private const string Ready = "ready";
    private readonly Process _process;

    private SiloProcess(Process process) => _process = process;

    /// <summary>Starts one and waits until it takes work.</summary>
    public static async Task<SiloProcess> StartAsync(string connectionString, int port)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true };
        foreach (var argument in (string[])[typeof(SiloProcess).Assembly.Location, "silo", "--postgres", connectionString, "--port", port.ToString(CultureInfo.InvariantCulture)])
        {
            start.ArgumentList.Add(argument);
        }

        var silo = new SiloProcess(Process.Start(start)!);
        return await silo._process.StandardOutput.ReadLineAsync() == Ready
            ? silo
            : throw new InvalidOperationException("A silo did not start; what it says stands above.");
    }

    /// <summary>What such a process does: it is a silo until the one that started it ends, or tells it to.</summary>
    public static async Task ServeAsync(BankArguments arguments)
    {
        using var silo = BankSilo.Build(arguments.ConnectionString, arguments.Port);
        await silo.StartAsync();
        Console.WriteLine(Ready);
        await Console.In.ReadToEndAsync();
        await silo.StopAsync();
    }

    /// <summary>kill -9: the process has no say in it.</summary>
    public void Kill() => _process.Kill();

    /// <summary>Stops it in good order, if it lives.</summary>
    public async Task StopAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync();
    }

    public void Dispose() => _process.Dispose();
}
