using Coordinator.Chaos.Drivers.Faults;
using Coordinator.Chaos.Drivers.Judges;
using Coordinator.Chaos.Drivers.Reports;

namespace Coordinator.Chaos.Drivers;

/// <summary>One run of a scenario: rounds of load and faults, each judged when it is over, until the time is over and each kind of fault in the plan was done.</summary>
internal sealed class Run : IAsyncDisposable
{
    private const int RoundSecondsMax = 60, RoundSecondsMin = 30;

    private readonly Scenario _scenario;
    private readonly int _seed;
    private readonly int _seconds;
    private readonly History _history = new();
    private readonly Random _random;
    private readonly Wounds _wounds;
    private readonly LogAudit _audit = new();
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("coordinator-chaos-");
    private readonly StreamWriter _log;
    private readonly RunReport _report;
    private int _rounds;
    private Fault? _striking;
    private TimeSpan? _began;

    public Run(Scenario scenario, int seed, int seconds)
    {
        (_scenario, _seed, _seconds) = (scenario, seed, seconds);
        _random = new Random(seed);
        _wounds = new Wounds(_history, _random, Note);
        _log = new StreamWriter(Path.Combine(_folder.FullName, "hosts.log"));
        _report = new RunReport(scenario.Name, seed, seconds, _history, _wounds);
    }

    /// <summary>Runs, and gives what came of it.</summary>
    public async Task<RunReport> RunAsync()
    {
        Console.WriteLine($"{_scenario.Name}: seed {_seed}; to repeat: {_report.Command}");
        try
        {
            await _scenario.StartAsync(_wounds);
            _report.Skipped = _scenario.Skipped;
            _scenario.Fleet.Start();
            await RunRoundsAsync();
            await _scenario.BeforeCloseAsync();
            await AuditEndAsync();
            await _scenario.Fleet.CloseAsync();
            await _scenario.AfterCloseAsync(_report.CountOf(OwnerFaults.Stopped), _audit.HandOverCount);
        }
        catch (Exception error)
        {
            _history.Violated($"the run broke off{(_striking is null ? string.Empty : $" at '{_striking.Name}'")}: {error.Message}"); // whatever else was found is still to be reported
            Note(error.ToString());
        }
        finally
        {
            if (_rounds > 0)
            {
                _report.HostKills = _scenario.Fleet.KillCount;
                _report.Processes = _scenario.Fleet.StartedCount;
                _report.Ended = _scenario.Fleet.EndedCount;
                _scenario.Fleet.KillAll();
            }

            _report.Took = History.Now - (_began ?? History.Now);
            (_report.Claims, _report.HandOvers) = (_audit.ClaimCount, _audit.HandOverCount);
        }

        return _report;
    }

    public async ValueTask DisposeAsync()
    {
        await _scenario.DisposeAsync();
        await _log.DisposeAsync();
        if (_report.IsValid)
        {
            _folder.Delete(recursive: true);
        }
        else
        {
            Console.WriteLine($"  what is left of it: {_folder.FullName}");
        }
    }

    private async Task RunRoundsAsync()
    {
        var plan = new Queue<Fault>(Plan.Draw(_scenario.Faults, _seconds, _scenario.SecondsPerFault, _random));
        _report.Planned = [.. plan.Select(fault => fault.Name).Distinct(StringComparer.Ordinal)];
        var nemesis = new Nemesis(_scenario.Fleet, _wounds);
        _began = History.Now;
        var length = TimeSpan.FromSeconds(Math.Clamp(_seconds / 3, RoundSecondsMin, RoundSecondsMax));
        var end = _began.Value + TimeSpan.FromSeconds(_seconds);
        while (Next(plan, end) is { } fault)
        {
            using var round = new Round(++_rounds, _seed + (_rounds * 1000), _folder.FullName, _scenario.Fleet, _history, Note);
            await round.StartAsync();
            for (var (roundEnd, next) = (History.Now + length, fault); next is not null; next = History.Now < roundEnd ? Next(plan, end) : null)
            {
                await StrikeAsync(nemesis, next, round);
            }

            await round.HealAsync();
            await JudgeAsync(round);
        }
    }

    /// <summary>What comes next: until the time is over whatever the plan has, and then what it has and was never done yet. Null if that is all.</summary>
    private Fault? Next(Queue<Fault> plan, TimeSpan end)
    {
        while (plan.TryDequeue(out var fault))
        {
            if (History.Now < end || _report.CountOf(fault.Name) == 0)
            {
                return fault;
            }
        }

        return History.Now < end ? _scenario.Faults[_random.Next(_scenario.Faults.Count)] : null;
    }

    private async Task StrikeAsync(Nemesis nemesis, Fault fault, Round round)
    {
        var began = History.Now;
        _striking = fault;
        await nemesis.StrikeAsync(fault, round);
        _striking = null;
        _report.Done.Add((fault.Name, began, History.Now));
        _report.HostKills = _scenario.Fleet.KillCount;
    }

    private async Task JudgeAsync(Round round)
    {
        var before = _audit.Fork();
        var began = History.Now;
        var (reports, window) = await round.JudgeAsync(_scenario.ConnectAsync, _audit);
        if (_rounds == 1)
        {
            await using var copy = await _scenario.ConnectToCopyAsync();
            var (planted, distrust) = await AuditTrial.RunAsync(copy, before, window);
            _report.Planted += planted;
            distrust.ToList().ForEach(_history.Violated);
        }

        _report.Add(round, reports, window);
        Note($"driver: round {_rounds} judged in {(History.Now - began).TotalSeconds:F1} s");
    }

    /// <summary>What was written since the last round, and that what was judged is still there: a row that is lost later was told of all the same.</summary>
    private async Task AuditEndAsync()
    {
        await using var connection = await _scenario.ConnectAsync();
        var rest = await _audit.ReadAsync(connection);
        rest.Faults.ToList().ForEach(_history.Violated);
        if (await _audit.RecountAsync(connection) is { } fault)
        {
            _history.Violated(fault);
        }
    }

    private void Note(string line)
    {
        lock (_log)
        {
            _log.WriteLine($"{History.Now.TotalSeconds,8:F3} {line}");
        }
    }
}
