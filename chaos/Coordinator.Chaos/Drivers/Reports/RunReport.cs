using System.Globalization;
using System.Text.Json;
using Coordinator.Chaos.Drivers.Faults;
using Coordinator.Testing.Checkers;
using Coordinator.Testing.Histories;

namespace Coordinator.Chaos.Drivers.Reports;

/// <summary>What came of a run, and whether that is good: valid, invalid, or unknown, which never passes.</summary>
internal sealed class RunReport(string scenario, int seed, int seconds, History history, Wounds wounds)
{
    // With less than that a run shows little. The seed's plan has more kills than that; transactions are few so that a busy machine does not make it fail.
    private const int WitnessesShown = 20, KillsMinIn180 = 25, TransactionsMinEachSecond = 10;

    private readonly Dictionary<string, CheckSummary> _checks = new(StringComparer.Ordinal);
    private int _clientKills;
    private int _refusals;

    public string Scenario => scenario;

    public int Seed => seed;

    /// <summary>How the run is repeated.</summary>
    public string Command => string.Create(CultureInfo.InvariantCulture, $"dotnet run -c Release --project chaos/Coordinator.Chaos -- --scenario {scenario} --seconds {seconds} --seed {seed}");

    /// <summary>Faults that the run was to have.</summary>
    public IReadOnlyList<string> Planned { get; set; } = [];

    /// <summary>What can't be done on this machine.</summary>
    public IReadOnlyList<string> Skipped { get; set; } = [];

    /// <summary>Faults that were done, from when to when.</summary>
    public List<(string Fault, TimeSpan From, TimeSpan To)> Done { get; } = [];

    /// <summary>Faults that the judges had to find.</summary>
    public int Planted { get; set; }

    public int HostKills { get; set; }

    public int Processes { get; set; }

    /// <summary>Hosts that ended though nobody had killed or stopped them.</summary>
    public int Ended { get; set; }

    public int Claims { get; set; }

    public int HandOvers { get; set; }

    public TimeSpan Took { get; set; }

    public int Rounds { get; private set; }

    public int Transactions { get; private set; }

    public int Committed { get; private set; }

    /// <summary>Whose client was told Unknown, or nothing, at first.</summary>
    public int Asked { get; private set; }

    /// <summary>Unknown to the end.</summary>
    public int Unknown { get; private set; }

    public int InDoubtAtEnd { get; private set; }

    public int Kills => HostKills + _clientKills;

    public int ClientKills => _clientKills;

    public int Refusals => _refusals;

    public IReadOnlyCollection<CheckSummary> Checks => _checks.Values;

    public IReadOnlyList<Recovery> Recoveries => wounds.Recoveries;

    public History History => history;

    public HistoryVerdict Verdict { get; private set; } = HistoryVerdict.Unknown;

    public bool IsValid => Verdict is HistoryVerdict.Valid;

    public int ViolationCount => history.Violations.Count + _checks.Values.Sum(check => check.Witnesses);

    public int CountOf(string fault) => Done.Count(one => one.Fault == fault);

    /// <summary>Adds a round that was judged.</summary>
    public void Add(Round round, IReadOnlyList<CheckReport> reports, HistoryWindow window)
    {
        Rounds++;
        _clientKills += round.ClientKillCount;
        _refusals += round.RefusalCount;
        Planted += round.Planted;
        Transactions += window.Transactions.Count;
        Committed += window.Transactions.Count(one => one.Committed is true);
        Asked += window.Transactions.Count(one => one.WasAsked);
        Unknown += window.Transactions.Count(one => one.Committed is null);
        InDoubtAtEnd = reports.Where(report => report.Checker == InDoubtChecker.Name).Sum(report => report.WitnessCount);
        foreach (var report in reports)
        {
            Add(report, $"round {Rounds}");
        }
    }

    /// <summary>Ends the run: judges it as a whole, and prints it all.</summary>
    public void Print()
    {
        var kinds = Done.Select(one => one.Fault).ToHashSet(StringComparer.Ordinal);
        Add(ProgressChecker.Check(new ProgressEvidence(Transactions, Committed, Asked, Kills, [.. Measures.Select(one => new FaultRecovery(one.Blow.Kind, one.DecidedOnceUp))])
        {
            KillsMin = seconds * KillsMinIn180 / 180,
            TransactionsMin = seconds * TransactionsMinEachSecond,
            MissingFaults = [.. Planned.Where(fault => !kinds.Contains(fault))],
        }), "the run");
        var run = RunVerdict.Of(_checks.Values.Select(check => check.Report), Round.Checkers);
        foreach (var missing in run.Missing)
        {
            _checks.Add(missing, new CheckSummary(missing) { Verdict = HistoryVerdict.Unknown, Lines = { "did not speak" } });
        }

        Verdict = history.Violations.Count > 0 ? HistoryVerdict.Invalid
            : run.Verdict is HistoryVerdict.Valid && Recoveries.All(one => one.Blow.Open.Count == 0) ? HistoryVerdict.Unknown // nothing was open at any blow
            : run.Verdict;
        PrintFaults();
        foreach (var line in history.Violations.Take(WitnessesShown).Select(one => "VIOLATION " + one).Concat(_checks.Values.SelectMany(check => check.Lines)).Concat(Skipped.Select(one => "SKIPPED " + one)))
        {
            Console.WriteLine("  " + line);
        }
    }

    /// <summary>Of how long it took until everything that was open at a blow was known to its client, counted from when anybody could do anything.</summary>
    public double RecoverySeconds(double share) => Share(static one => one.DecidedOnceUp, share);

    /// <summary>Of how long it took until a transaction that was begun after the blow had committed, counted alike.</summary>
    public double ServedSeconds(double share) => Share(static one => one.ServedOnceUp, share);

    /// <summary>Blows to a standby would only make the others look small.</summary>
    private IEnumerable<Recovery> Measures => Recoveries.Where(static one => !one.Blow.SparesOwner);

    private double Share(Func<Recovery, TimeSpan> time, double share) =>
        Measures.Any() ? Math.Round(ProgressChecker.Percentile(Measures.Select(time), share).TotalSeconds, 3) : 0;

    private void Add(CheckReport report, string when)
    {
        if (!_checks.TryGetValue(report.Checker, out var summary))
        {
            _checks.Add(report.Checker, summary = new CheckSummary(report.Checker));
        }

        summary.Add(report, when);
    }

    private void PrintFaults()
    {
        foreach (var kind in Recoveries.GroupBy(recovery => recovery.Blow.Kind).OrderBy(kind => kind.Key, StringComparer.Ordinal))
        {
            Console.WriteLine($"  {kind.Count()} x {kind.Key}: served again after at most {Text(kind.Max(one => one.ServedOnceUp))}, all known after {Text(kind.Max(one => one.DecidedOnceUp))}");
        }

        foreach (var check in _checks.Values)
        {
            Console.WriteLine($"  {check.Name}: {check.Verdict}");
        }
    }

    /// <summary>The run in one line of JSON.</summary>
    public string Summary() => JsonSerializer.Serialize(new
    {
        scenario,
        seed,
        seconds = (int)Took.TotalSeconds,
        kills = Kills,
        clientKills = _clientKills,
        faults = Done.Count,
        processes = Processes,
        endedByThemselves = Ended,
        claims = Claims,
        handOvers = HandOvers,
        rounds = Rounds,
        transactions = Transactions,
        committed = Committed,
        aborted = Transactions - Committed - Unknown,
        unknown = Unknown,
        unknownAtFirst = Asked,
        refused = _refusals,
        openAtBlows = Recoveries.Sum(one => one.Blow.Open.Count),
        toldByWoken = history.ToldByWokenCount,
        plantedAndFound = Planted,
        violations = ViolationCount,
        inDoubtAtEnd = InDoubtAtEnd,
        servedP99Seconds = ServedSeconds(0.99),
        recoveryP50Seconds = RecoverySeconds(0.5),
        recoveryP99Seconds = RecoverySeconds(0.99),
        verdict = Verdict switch { HistoryVerdict.Valid => "valid", HistoryVerdict.Invalid => "invalid", _ => "unknown" },
    });

    private static string Text(TimeSpan time) => time == TimeSpan.MaxValue ? "never" : $"{time.TotalSeconds:F2} s";
}

/// <summary>What one checker said of all rounds.</summary>
internal sealed class CheckSummary(string name)
{
    private const int LinesMax = 20;

    public string Name => name;

    public HistoryVerdict Verdict { get; set; } = HistoryVerdict.Valid;

    public int Witnesses { get; private set; }

    /// <summary>How often it spoke.</summary>
    public int Reports { get; private set; }

    /// <summary>All that it said, as far as the run's verdict goes.</summary>
    public CheckReport Report => new(name, Verdict, [], []) { WitnessCount = Witnesses };

    /// <summary>The first of what it found or doubted.</summary>
    public List<string> Lines { get; } = [];

    public void Add(CheckReport report, string when)
    {
        Reports++;
        Witnesses += report.WitnessCount;
        Verdict = report.Verdict is HistoryVerdict.Invalid || Verdict is HistoryVerdict.Invalid ? HistoryVerdict.Invalid
            : report.Verdict is HistoryVerdict.Unknown ? HistoryVerdict.Unknown
            : Verdict;
        var lines = report.Witnesses.Select(one => $"VIOLATION {name}, {when}: {one}").Concat(report.Doubts.Select(one => $"DOUBT {name}, {when}: {one}"));
        Lines.AddRange(lines.Take(LinesMax - Lines.Count));
    }
}
