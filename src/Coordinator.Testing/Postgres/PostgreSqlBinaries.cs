using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace Coordinator.Testing.Postgres;

/// <summary>The programs of a PostgreSQL that is installed on this machine.</summary>
internal static class PostgreSqlBinaries
{
    private static readonly Lazy<string?> Found = new(Find);

    /// <summary>What is missing and which package has it, or null if all is there.</summary>
    public static string? Missing => Found.Value is null
        ? "PostgreSQL is not installed: no initdb in /usr/lib/postgresql/*/bin or on the PATH. Install it (apt-get install postgresql), or name a server in COORDINATOR_TEST_POSTGRES."
        : null;

    /// <summary>Full path of a program.</summary>
    public static string PathOf(string program) => Path.Combine(Found.Value ?? throw new InvalidOperationException(Missing), program);

    /// <summary>
    /// How to start a program: as the user postgres if this process is root's, because the server refuses to run as root.
    /// </summary>
    public static ProcessStartInfo Command(string program, params ReadOnlySpan<string> arguments)
    {
        var root = Environment.IsPrivilegedProcess && OperatingSystem.IsLinux();
        var start = new ProcessStartInfo(root ? "setpriv" : program)
        {
            UseShellExecute = false,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            WorkingDirectory = Path.GetTempPath(),
        };
        foreach (var argument in root ? (string[])["--reuid=postgres", "--regid=postgres", "--init-groups", "--", program] : [])
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["LC_ALL"] = "C"; // the server's messages are read
        return start;
    }

    /// <summary>Runs a program to its end.</summary>
    /// <exception cref="InvalidOperationException">It failed; the message has what it said.</exception>
    public static async Task RunAsync(ProcessStartInfo start)
    {
        using var process = Start(start);
        var said = process.StandardOutput.ReadToEndAsync();
        var complained = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().ConfigureAwait(false);
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{start.FileName} {string.Join(' ', start.ArgumentList)} failed: {await said.ConfigureAwait(false)}{await complained.ConfigureAwait(false)}");
        }
    }

    /// <summary>Starts a program.</summary>
    /// <exception cref="InvalidOperationException">It can't be started.</exception>
    public static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception error)
        {
            throw new InvalidOperationException($"{start.FileName} can't be started: {error.Message}", error);
        }
    }

    private static string? Find()
    {
        const string distribution = "/usr/lib/postgresql";
        var folders = Directory.Exists(distribution)
            ? Directory.GetDirectories(distribution)
                .OrderByDescending(folder => int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var version) ? version : 0)
                .Select(folder => Path.Combine(folder, "bin"))
            : [];
        var path = (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        return folders.Concat(path).FirstOrDefault(folder => File.Exists(Path.Combine(folder, "initdb")));
    }
}
