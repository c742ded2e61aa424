using System.Text.Json;
using Coordinator.Chaos.Victims;

namespace Coordinator.Chaos.Drivers;

/// <summary>
/// The Shop on SQLite, killed by SIGKILL at every named point of the commit path and at random, and hit by I/O errors; after
/// each death the log is judged from outside, then the Shop is started again, until the file is settled.
/// </summary>
internal sealed class ShopScenario(int seed, int killsMin)
{
    private const int KillsOneLog = 6;

    // Which of each the native SQLite was built to use differs.
    private const string Syncs = "fsync,fdatasync", Writes = "write,pwrite64";

    private readonly Random _random = new(seed);
    private readonly List<string> _violations = [];
    private readonly Dictionary<string, int> _killsByPoint = new(StringComparer.Ordinal);
    private readonly HashSet<string> _acknowledged = new(StringComparer.Ordinal);
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("coordinator-chaos-");
    private int _folderNumber;
    private int _ioFaults;
    private int _syncsWatched;
    private long _transactions;
    private int _inDoubtAtEnd;

    private string TraceFile => Path.Combine(_folder.FullName, "trace");

    private string DataFolder => Path.Combine(_folder.FullName, $"log{_folderNumber}");

    public async Task<bool> RunAsync()
    {
        Console.WriteLine($"shop: seed {seed}; to repeat: dotnet run -c Release --project chaos/Coordinator.Chaos -- --scenario shop --seed {seed} --kills {killsMin}");
        try
        {
            var plan = new Queue<string>(CrashPoint.Names.Concat(CrashPoint.Names).Concat(SystemCallKills()).Concat(Enumerable.Repeat("random", 6)).OrderBy(_ => _random.Next()));
            while (plan.Count > 0 || _killsByPoint.Values.Sum() < killsMin)
            {
                for (var i = 0; i < KillsOneLog && (plan.Count > 0 || _killsByPoint.Values.Sum() < killsMin); i++)
                {
                    await KillAsync(plan.TryDequeue(out var point) ? point : "random");
                }

                await FinishAsync("after its kills");
            }

            await InjectAsync("EIO at the commit sync", Syncs, "error=EIO:when=12+9");
            var full = _random.Next(60, 400);
            await InjectAsync("no space left", Writes, $"error=ENOSPC:when={full}..{full + 8}");
            await WatchSyncsAsync();
        }
        finally
        {
            _folder.Delete(recursive: true);
        }

        return Report();
    }

    private static IEnumerable<string> SystemCallKills() => HasStrace
        ? ["sync of the log", "write of the log", "sync of the log", "write of the log"] // L01, L05: dead inside the store's own writes
        : [];

    private static bool HasStrace { get; } =
        Environment.GetEnvironmentVariable("PATH")?.Split(':').Any(folder => File.Exists(Path.Combine(folder, "strace"))) ?? false;

    private async Task KillAsync(string point)
    {
        var end = point switch
        {
            "random" => await ChildProcess.RunAsync("dotnet", Shop(), killAfterLines: _random.Next(1, 700)),
            "sync of the log" => await ChildProcess.RunAsync("strace", Strace(Syncs, $"signal=SIGKILL:when={_random.Next(2, 30)}")),
            "write of the log" => await ChildProcess.RunAsync("strace", Strace(Writes, $"signal=SIGKILL:when={_random.Next(2, 200)}")),
            _ => await ChildProcess.RunAsync("dotnet", [Self, "victim", $"{point}:{Occurrence(point)}", .. ShopArguments]),
        };
        Listen(end);
        if (end.WasKilled)
        {
            _killsByPoint[point] = _killsByPoint.GetValueOrDefault(point) + 1;
        }
        else if (end.ExitCode != 0)
        {
            _violations.Add($"the shop ended with {end.ExitCode} instead of being killed at {point}: {end.Errors}");
        }

        Audit($"after a kill at {point}");
    }

    private int Occurrence(string point) => point.StartsWith("claim", StringComparison.Ordinal) ? 1
        : point.StartsWith("append", StringComparison.Ordinal) ? _random.Next(1, 25)
        : _random.Next(1, 900);

    private async Task InjectAsync(string what, string call, string injection)
    {
        if (!HasStrace)
        {
            Console.WriteLine($"!! strace is missing: '{what}' is not run.");
            return;
        }

        var end = await ChildProcess.RunAsync("strace", Strace(call, injection));
        Listen(end);
        var injected = File.ReadLines(TraceFile).Count(line => line.Contains("(INJECTED)", StringComparison.Ordinal));
        _ioFaults += injected;
        if (injected == 0)
        {
            _violations.Add($"{what}: no fault was injected, so nothing was shown");
        }

        if (end.ExitCode != 0)
        {
            _violations.Add($"{what}: the shop ended with {end.ExitCode}: {string.Join(' ', end.Lines.TakeLast(3))} {end.Errors}");
        }

        Audit("after " + what);
        await FinishAsync("after " + what);
    }

    /// <summary>
    /// One order at a time: when the Shop says that it is settled, everything written to the log before must have been synced.
    /// A SIGKILL can't show this, for the kernel keeps what was written.
    /// </summary>
    private async Task WatchSyncsAsync()
    {
        if (!HasStrace)
        {
            Console.WriteLine("!! strace is missing: whether an order is synced before it is acknowledged is not watched.");
            return;
        }

        var few = Path.Combine(_folder.FullName, "few.csv");
        await File.WriteAllLinesAsync(few, File.ReadLines(Path.Combine(AppContext.BaseDirectory, "orders.csv")).Take(200));
        var end = await ChildProcess.RunAsync(
            "strace", ["-f", "-qq", "-y", "-o", TraceFile, "-e", $"trace={Writes},{Syncs}", "dotnet", .. Shop(), few, "--concurrency", "1"]);
        Listen(end);
        if (end.ExitCode != 0)
        {
            _violations.Add($"watched, the shop ended with {end.ExitCode}: {end.Errors}");
        }

        _syncsWatched = SyncWatch.Count(File.ReadLines(TraceFile), _violations);
        if (_syncsWatched < 100)
        {
            _violations.Add($"only {_syncsWatched} acknowledgements were seen beside their syncs");
        }

        if (!SyncWatch.FindsAcknowledgementsBeforeSyncs(File.ReadLines(TraceFile)))
        {
            _violations.Add("acknowledgements that were moved before their syncs were not found");
        }

        await FinishAsync("after watching its syncs");
    }

    /// <summary>Starts the Shop without any fault: it must settle the whole file.</summary>
    private async Task FinishAsync(string when)
    {
        var end = await ChildProcess.RunAsync("dotnet", Shop());
        Listen(end);
        if (end.ExitCode != 0)
        {
            _violations.Add($"{when}, the shop did not finish its file: {string.Join(' ', end.Lines.TakeLast(6))} {end.Errors}");
        }

        var audit = Audit("at the end " + when);
        _transactions += audit.DecidedCount;
        _inDoubtAtEnd += audit.InDoubtCount;
        _acknowledged.Clear();
        _folderNumber++;
    }

    /// <summary>What the Shop said is settled must be settled, whatever happens to the process afterwards (I6).</summary>
    private void Listen(ChildEnd end)
    {
        foreach (var line in end.Lines)
        {
            var words = line.Split(' ');
            if (words is ["order", var order, "line", _, "Placed" or "SoldOut" or "ShortBalance"])
            {
                _acknowledged.Add(order.TrimEnd(','));
            }
        }
    }

    private ShopAudit Audit(string when)
    {
        if (!File.Exists(Path.Combine(DataFolder, "shop.db")))
        {
            return new ShopAudit();
        }

        var (audit, violations) = ShopAudit.Of(DataFolder);
        _violations.AddRange(violations.Select(violation => $"{when}: {violation}"));
        _violations.AddRange(_acknowledged.Except(audit.Settled, StringComparer.Ordinal).Select(order => $"{when}: order {order} was acknowledged and is lost"));
        return audit;
    }

    private string[] ShopArguments => ["run", "--list", "--data", DataFolder];

    private static string Self => Path.Combine(AppContext.BaseDirectory, "Coordinator.Chaos.dll");

    private IEnumerable<string> Shop() => [Path.Combine(AppContext.BaseDirectory, "Shop.dll"), .. ShopArguments];

    /// <summary>The Shop under strace, with a fault in what it does to the write-ahead log and nowhere else.</summary>
    private IEnumerable<string> Strace(string calls, string injection) =>
    [
        "-f", "-qq", "-o", TraceFile, "-P", Path.Combine(DataFolder, "shop.db-wal"),
        "-e", "trace=" + calls, "-e", $"inject={calls}:{injection}", "dotnet", .. Shop(),
    ];

    private bool Report()
    {
        foreach (var (point, kills) in _killsByPoint.OrderBy(one => one.Key, StringComparer.Ordinal))
        {
            Console.WriteLine($"  killed {kills} x at {point}");
        }

        foreach (var violation in _violations.Take(20))
        {
            Console.WriteLine("  VIOLATION " + violation);
        }

        var killCount = _killsByPoint.Values.Sum();
        var missed = CrashPoint.Names.Where(name => !_killsByPoint.ContainsKey(name)).ToArray();
        var good = _violations.Count == 0 && _inDoubtAtEnd == 0 && killCount >= killsMin && missed.Length == 0;
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            scenario = "shop",
            seed,
            kills = killCount,
            ioFaults = _ioFaults,
            syncsWatched = _syncsWatched,
            transactions = _transactions,
            violations = _violations.Count,
            inDoubtAtEnd = _inDoubtAtEnd,
            pointsMissed = missed,
            verdict = good ? "valid" : "invalid",
        }));
        return good;
    }
}
