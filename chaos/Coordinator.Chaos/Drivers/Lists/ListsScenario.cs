using System.Collections.Immutable;
using System.Text.Json;
using Coordinator.Chaos.Victims;
using Coordinator.Testing.Histories;
using Microsoft.Data.Sqlite;

namespace Coordinator.Chaos.Drivers.Lists;

/// <summary>
/// Clients of lists in a process on SQLite, which is killed at every named point of the commit path and at random, over and over on one
/// log. What all clients of all lives saw is one history, which the checker of histories judges.
/// </summary>
internal sealed class ListsScenario(int seed, int killsMin)
{
    private const int TransactionsMax = 4_000;

    private readonly Random _random = new(seed);
    private readonly List<string> _violations = [];
    private readonly Dictionary<string, int> _killsByPoint = new(StringComparer.Ordinal);
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("coordinator-chaos-");
    private int _lives;

    private string HistoryFile => Path.Combine(_folder.FullName, "history");

    public async Task<bool> RunAsync()
    {
        Console.WriteLine($"lists: seed {seed}; to repeat: dotnet run -c Release --project chaos/Coordinator.Chaos -- --scenario lists --seed {seed} --kills {killsMin}");
        var good = false;
        try
        {
            var plan = new Queue<string>(CrashPoint.Names.OrderBy(_ => _random.Next()));
            while (plan.Count > 0 || _killsByPoint.Values.Sum() < killsMin)
            {
                await KillAsync(plan.TryDequeue(out var point) ? point : "random");
            }

            await ReadAllAsync();
            good = Report(HistoryTrial.Judge(await HistoryAsync()));
        }
        finally
        {
            if (good)
            {
                _folder.Delete(recursive: true);
            }
            else
            {
                Console.WriteLine($"  what is left of it: {_folder.FullName}");
            }
        }

        return good;
    }

    private async Task KillAsync(string point)
    {
        var trap = point == "random" ? $"{CrashPoint.Names[0]}:{int.MaxValue}" : $"{point}:{Occurrence(point)}"; // by the driver: no point may be first
        var end = await ChildProcess.RunAsync(
            "dotnet",
            [Self, "lists", trap, _folder.FullName, HistoryFile, $"{_lives++}", $"{seed}", $"{TransactionsMax}"],
            killAfterLines: point == "random" ? _random.Next(1, 600) : int.MaxValue);
        if (end.WasKilled)
        {
            _killsByPoint[point] = _killsByPoint.GetValueOrDefault(point) + 1;
        }
        else
        {
            _violations.Add($"a life ended with {end.ExitCode} instead of being killed at {point}: {end.Errors}");
        }

        if (System.IO.File.Exists(Path.Combine(_folder.FullName, ListsVictim.File)))
        {
            var (_, violations) = ShopAudit.Of(_folder.FullName, ListsVictim.File);
            _violations.AddRange(violations.Select(violation => $"after a kill at {point}: {violation}"));
        }
    }

    private int Occurrence(string point) => point.StartsWith("claim", StringComparison.Ordinal) ? 1
        : point.StartsWith("append", StringComparison.Ordinal) ? _random.Next(1, 80)
        : _random.Next(1, 800);

    /// <summary>One more life, without a fault, in which a client reads every list.</summary>
    private async Task ReadAllAsync()
    {
        var keys = Read().SelectMany(transaction => transaction.Operations).Select(operation => operation.Key).Distinct().Order(StringComparer.Ordinal);
        var end = await ChildProcess.RunAsync("dotnet", [Self, "lists-read", _folder.FullName, HistoryFile, .. keys]);
        if (end.ExitCode != 0)
        {
            _violations.Add($"the last life ended with {end.ExitCode}: {end.Errors}");
        }
    }

    private async Task<ImmutableArray<RecordedTransaction>> HistoryAsync()
    {
        await using var connection = new SqliteConnection($"Data Source={Path.Combine(_folder.FullName, ListsVictim.File)};Pooling=False");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = ListsLog.Query;
        await using var rows = await command.ExecuteReaderAsync();
        return Read().Add(ListsLog.Read(rows));
    }

    private ImmutableArray<RecordedTransaction> Read()
    {
        using var lines = System.IO.File.OpenText(HistoryFile);
        return HistoryText.Parse(lines);
    }

    private static string Self => Path.Combine(AppContext.BaseDirectory, "Coordinator.Chaos.dll");

    private bool Report((HistoryReport Report, IReadOnlyList<string> Violations, int Planted) judged)
    {
        _violations.AddRange(judged.Violations);
        foreach (var (point, kills) in _killsByPoint.OrderBy(one => one.Key, StringComparer.Ordinal))
        {
            Console.WriteLine($"  killed {kills} x at {point}");
        }

        foreach (var line in _violations.Take(20).Select(violation => "VIOLATION " + violation).Concat(judged.Report.Doubts.Select(doubt => "DOUBT " + doubt)))
        {
            Console.WriteLine("  " + line);
        }

        var history = Read();
        var missed = CrashPoint.Names.Where(name => !_killsByPoint.ContainsKey(name)).ToArray();
        var verdict = _violations.Count > 0 ? "invalid" : judged.Report.Verdict is not HistoryVerdict.Valid || missed.Length > 0 ? "unknown" : "valid";
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            scenario = "lists",
            seed,
            kills = _killsByPoint.Values.Sum(),
            transactions = history.Length,
            committed = history.Count(one => one.Outcome is RecordedOutcome.Committed),
            aborted = history.Count(one => one.Outcome is RecordedOutcome.Aborted),
            unknown = history.Count(one => one.Outcome is RecordedOutcome.Unknown),
            unknownThenSeen = judged.Report.CommittedCount - 1 - history.Count(one => one.Outcome is RecordedOutcome.Committed),
            lists = history.SelectMany(one => one.Operations).Select(one => one.Key).Distinct(StringComparer.Ordinal).Count(),
            plantedAndFound = judged.Planted,
            pointsMissed = missed,
            violations = _violations.Count,
            verdict,
        }));
        return verdict == "valid";
    }
}
