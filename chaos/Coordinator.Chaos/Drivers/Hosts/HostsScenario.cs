using System.Collections.Concurrent;

namespace Coordinator.Chaos.Drivers.Hosts;

/// <summary>
/// A PostgreSQL log that several hosts share: owners, standbys and the server are killed, cut off, frozen and stopped under load, in an
/// order that the seed draws; what the clients were told is held against the log.
/// </summary>
internal sealed class HostsScenario(HostsWorkload workload, int seed, int killsMin)
{
    private const int BlowsBetweenAudits = 12;
    private static readonly TimeSpan s_lastPatience = TimeSpan.FromSeconds(20);

    private readonly Random _random = new(seed);
    private readonly History _history = new();
    private readonly ConcurrentQueue<string> _log = new();

    public async Task<bool> RunAsync()
    {
        Console.WriteLine($"{workload.Name}: seed {seed}; to repeat: dotnet run -c Release --project chaos/Coordinator.Chaos -- --scenario {workload.Name} --seed {seed} --kills {killsMin}");
        await using var server = await LogServer.StartAsync();
        if (!server.MayBeKilled)
        {
            Console.WriteLine("!! COORDINATOR_TEST_POSTGRES names a server that others use too: it is not killed, stopped or restarted.");
        }

        var report = new HostsReport(workload.Name, seed);
        var fleet = new Fleet(server.Log, _history, Note);
        try
        {
            await RunAsync(server, fleet, report);
        }
        catch (Exception error)
        {
            _history.Violated($"the run broke off: {error.Message}"); // whatever else was found is still to be reported
            Note(error.ToString());
        }
        finally
        {
            fleet.KillAll();
        }

        if (report.Print(_history, killsMin))
        {
            return true;
        }

        var file = Path.Combine(Path.GetTempPath(), $"coordinator-hosts-{seed}-{Environment.ProcessId}.log");
        await File.WriteAllLinesAsync(file, _log);
        Console.WriteLine($"  what the hosts logged: {file}");
        return false;
    }

    private void Note(string line) => _log.Enqueue($"{History.Now.TotalSeconds,8:F3} {line}");

    private async Task RunAsync(LogServer server, Fleet fleet, HostsReport report)
    {
        fleet.Start();
        using var clients = workload.ClientsOf(fleet, _history);
        await clients.OpenAsync();
        clients.Start();
        await _history.ServedAsync(History.Now + TimeSpan.FromSeconds(1), notBy: null).WaitAsync(s_lastPatience);
        report.Planted = await workload.TryJudgesAsync(server, _history);

        await StrikeAsync(new Nemesis(fleet, server, _history, _random, Note), server, report);

        await clients.StopAsync(s_lastPatience);
        report.Refusals = clients.RefusalCount;
        await workload.JudgeAsync(clients, _history, report);
        await fleet.CloseAsync();
        report.Processes = fleet.StartedCount;
        report.Audit = await AuditAsync(server, "at the end", isLast: true);
        if (report.Audit.HandOverCount < report.Recoveries.Count(recovery => recovery.Blow.Kind == Nemesis.Stopped))
        {
            _history.Violated("an owner that was stopped cleanly did not hand over");
        }

        await using var connection = await server.ConnectAsync();
        report.LongestHandOver = await HostsAudit.LongestHandOverAsync(connection);
        if (report.LongestHandOver >= Nemesis.Silence)
        {
            _history.Violated($"a standby took {report.LongestHandOver.TotalSeconds:F2} s to claim what had been handed over");
        }
    }

    private async Task StrikeAsync(Nemesis nemesis, LogServer server, HostsReport report)
    {
        report.Kinds = [.. nemesis.Kinds.Where(kind => workload.Kinds?.Contains(kind) is not false)];
        var plan = new Queue<string>(Plan(report.Kinds).OrderBy(_ => _random.Next()));
        while (plan.TryDequeue(out var kind))
        {
            if (kind.StartsWith(Nemesis.Frozen, StringComparison.Ordinal) && await nemesis.NeedsNewOwnerAsync())
            {
                report.Recoveries.Add(await nemesis.StrikeAsync(Nemesis.Owner));
            }

            report.Recoveries.Add(await nemesis.StrikeAsync(kind));
            if (report.Recoveries.Count % BlowsBetweenAudits == 0)
            {
                await AuditAsync(server, $"after {report.Recoveries.Count} blows", isLast: false);
            }
        }
    }

    /// <summary>Each kind as often as every other, and at least so many kills.</summary>
    private IEnumerable<string> Plan(IReadOnlyList<string> kinds) =>
        Enumerable.Repeat(kinds, ((killsMin - 1) / kinds.Count) + 1).SelectMany(all => all);

    private async Task<ShopAudit> AuditAsync(LogServer server, string when, bool isLast)
    {
        var told = HostsAudit.ToldOf(_history);
        var announced = isLast ? _history.All.Select(one => one.Id).ToHashSet(StringComparer.Ordinal) : null;
        await using var connection = await server.ConnectAsync();
        var (audit, violations) = await HostsAudit.JudgeAsync(connection, told, announced);
        foreach (var violation in violations.Take(20))
        {
            _history.Violated($"{when}: {violation}");
        }

        return audit;
    }
}
