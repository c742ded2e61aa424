using System.Collections.Concurrent;
using Coordinator.Protocol;

namespace Coordinator.Chaos.Victims;

/// <summary>Takes the driver's lines and answers them, as README.md has it. Requests run side by side.</summary>
/// <param name="answerAsync">Answers a request: its verb, its number and what stands behind that.</param>
/// <param name="stopAsync">Stops the host as a host is stopped.</param>
internal sealed class VictimLines(Func<string, string, string, ValueTask<string>> answerAsync, Func<Task> stopAsync)
{
    /// <summary>Names the environment variable with the log, which may hold a password.</summary>
    public const string LogVariable = "COORDINATOR_CHAOS_LOG";

    private readonly ConcurrentDictionary<string, Task> _running = new(StringComparer.Ordinal);

    /// <summary>Says a line to the driver, in one write: it is there as a whole or not at all.</summary>
    public static void Say(string line) => Console.WriteLine(line + " .");

    /// <summary>Obeys until it is told to stop, and gives the exit code.</summary>
    public async Task<int> ObeyAsync()
    {
        while (await Console.In.ReadLineAsync() is { } line)
        {
            var words = line.Split(' ', 3);
            if (words[0] == "stop")
            {
                await stopAsync();
                await Task.WhenAll(_running.Values); // a host that has stopped has told everyone
                return 0;
            }

            _running[words[1]] = Task.Run(() => AnswerAsync(words[0], words[1], words.ElementAtOrDefault(2) ?? string.Empty));
        }

        return 3; // the driver is gone
    }

    private async Task AnswerAsync(string verb, string request, string rest)
    {
        string answer;
        try
        {
            answer = await answerAsync(verb, request, rest);
        }
        catch (TransactionRefusedException refused) when (refused.TransactionId.IsEmpty)
        {
            answer = "refused";
        }
        catch (Exception never) when (never is ArgumentException or InvariantViolationException or LogCorruptException or LogBehindSnapshotException or EventUnreadableException)
        {
            answer = $"broken: {never.GetType().Name}: {never.Message}"; // an id that was begun is called one that never was, or what no fault of ours excuses
        }
        catch (Exception error)
        {
            // What a client would see; what it means for the transaction was said as its outcome.
            answer = $"failed {error.GetType().Name}: {error.Message}";
        }

        Say($"end {request} {answer.ReplaceLineEndings(" ")}");
        _running.TryRemove(request, out _);
    }
}
