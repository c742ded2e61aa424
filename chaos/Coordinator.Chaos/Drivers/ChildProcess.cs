using System.Diagnostics;

namespace Coordinator.Chaos.Drivers;

/// <summary>What a child process left behind.</summary>
/// <param name="ExitCode">137 after SIGKILL.</param>
/// <param name="Lines">What it printed before it ended.</param>
/// <param name="Errors">What it printed as errors.</param>
internal sealed record ChildEnd(int ExitCode, IReadOnlyList<string> Lines, string Errors)
{
    public bool WasKilled => ExitCode == 137;
}

/// <summary>Starts children, and kills only those it started: by the handle of the process, never by name.</summary>
internal static class ChildProcess
{
    private static readonly TimeSpan TimeMax = TimeSpan.FromSeconds(120);

    /// <summary>Runs a program to its end, or kills it once it has printed <paramref name="killAfterLines"/> lines.</summary>
    public static async Task<ChildEnd> RunAsync(string program, IEnumerable<string> arguments, int killAfterLines = int.MaxValue)
    {
        var start = new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} does not start");
        using var tooLong = new CancellationTokenSource(TimeMax);
        var errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        var lines = new List<string>();
        try
        {
            while (await process.StandardOutput.ReadLineAsync(tooLong.Token) is { } line)
            {
                lines.Add(line);
                if (lines.Count == killAfterLines)
                {
                    process.Kill(); // SIGKILL
                }
            }

            await process.WaitForExitAsync(tooLong.Token);
        }
        catch (OperationCanceledException error)
        {
            process.Kill();
            throw new TimeoutException($"{program} {string.Join(' ', start.ArgumentList)} did not end within {TimeMax}: {string.Join(Environment.NewLine, lines.TakeLast(5))}", error);
        }

        return new ChildEnd(process.ExitCode, lines, await errors);
    }
}
