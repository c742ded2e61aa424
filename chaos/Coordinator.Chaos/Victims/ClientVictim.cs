using System.Globalization;

namespace Coordinator.Chaos.Victims;

/// <summary>
/// A client that is a process of its own and may be killed at any time: it writes down what it is about to ask for, and once it lives again it asks for that first, under
/// the same idempotency key, until it knows. The driver is its network: it carries the lines to whichever host serves.
/// </summary>
/// <remarks>It writes <c>try KEY FROM TO AMOUNT .</c> and is told <c>KEY committed</c>, <c>KEY aborted</c> or <c>KEY unknown</c>; or <c>stop</c>.</remarks>
internal sealed class ClientVictim(string name, string journal, string set, int accountCount, Random random)
{
    private const int TriesMax = 5, AskAgainEvery = 8;
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(20);

    private int _keys;

    /// <param name="arguments">Its name, the file of its journal, the set of accounts and how many it has, and a seed.</param>
    public static async Task<int> RunAsync(string[] arguments)
    {
        var (name, journal, set) = (arguments[0], arguments[1], arguments[2]);
        var (count, seed) = (int.Parse(arguments[3], CultureInfo.InvariantCulture), int.Parse(arguments[4], CultureInfo.InvariantCulture));
        return await new ClientVictim(name, journal, set, count, new Random(seed)).RunAsync();
    }

    private async Task<int> RunAsync()
    {
        var open = ReadJournal();
        while (true)
        {
            var attempt = open ?? Draw();
            open = null;
            if (!await TryAsync(attempt))
            {
                return 0;
            }

            await Task.Delay(s_pause);
        }
    }

    /// <summary>What it was about when it died; null if it had been told of everything.</summary>
    private string? ReadJournal()
    {
        string? open = null;
        foreach (var line in File.Exists(journal) ? File.ReadLines(journal) : [])
        {
            var isTry = line.StartsWith("try ", StringComparison.Ordinal) && line.EndsWith(" .", StringComparison.Ordinal);
            open = isTry ? line["try ".Length..^" .".Length] : line == "over" ? null : open;
            _keys += isTry ? 1 : 0;
        }

        return open;
    }

    private string Draw()
    {
        var (from, to) = (random.Next(accountCount), random.Next(accountCount - 1));
        return string.Create(CultureInfo.InvariantCulture, $"{name}.{++_keys}.{random.Next():x} {set}.{from + 1} {set}.{(to >= from ? to + 1 : to) + 1} {random.Next(1, 20)}");
    }

    /// <summary>Tries until it is told of a commit, or has tried often enough. False if it is to stop.</summary>
    private async Task<bool> TryAsync(string attempt)
    {
        await WriteAsync($"try {attempt} .");
        for (var (number, isOver) = (1, false); !isOver && number <= TriesMax; number++)
        {
            Console.WriteLine($"try {attempt} .");
            var told = await Console.In.ReadLineAsync();
            if (told is null or "stop")
            {
                return false;
            }

            isOver = told.EndsWith(" committed", StringComparison.Ordinal) && random.Next(AskAgainEvery) > 0; // now and then it asks once more, and must be told the same
        }

        await WriteAsync("over");
        return true;
    }

    private Task WriteAsync(string line) => File.AppendAllTextAsync(journal, line + "\n");
}
