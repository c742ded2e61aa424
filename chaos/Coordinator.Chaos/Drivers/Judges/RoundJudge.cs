using Coordinator.Chaos.Drivers.Fleets;
using Coordinator.Chaos.Drivers.Workloads;
using Coordinator.Testing.Checkers;

namespace Coordinator.Chaos.Drivers.Judges;

/// <summary>What is judged of every round, whatever the workloads.</summary>
internal static class RoundJudge
{
    private const string Idle = "idle";
    private static readonly TimeSpan s_answerPatience = TimeSpan.FromSeconds(5);

    /// <summary>What was told, against the log.</summary>
    public static CheckReport Agreement(HistoryWindow window, LogWindow log) => AgreementChecker.Check(new AgreementEvidence(
        [.. window.Transactions.Select(one => new AnnouncedTransaction(one.Id, one.Operation?.Writes ?? default) { IsReadOnly = one.Operation?.IsReadOnly is true })],
        window.Told,
        log.Decisions,
        log.Rows));

    /// <summary>What nobody may hold when everything is over: hosts, the log, clients.</summary>
    public static async Task<CheckReport> InDoubtAsync(Fleet fleet, HistoryWindow window, LogWindow log)
    {
        var holders = new List<UnfinishedAt>
        {
            new("the clients", [.. window.Transactions.Where(one => one.Committed is null).Select(one => new UnfinishedTransaction(one.Id, "its outcome is told to nobody"))]),
            new("the log", [.. log.InDoubt.Select(row => new UnfinishedTransaction(row, "no outcome behind it"))]),
        };
        foreach (var host in fleet.Hosts)
        {
            var answer = await host.Send("indoubt").AnswerWithinAsync(s_answerPatience);
            holders.Add(new UnfinishedAt(host.Name, answer is null ? default : answer == "0" ? [] : [new UnfinishedTransaction(answer, "in flight, in the log's hands or in doubt")]));
        }

        return InDoubtChecker.Check(new InDoubtEvidence(holders));
    }

    /// <summary>That nothing is locked any more, and every key can be written to.</summary>
    public static async Task<CheckReport> LocksAsync(Fleet fleet, IReadOnlyList<Workload> workloads, TimeSpan quietPatience)
    {
        string[] keys = [.. workloads.SelectMany(workload => workload.Keys).Distinct(StringComparer.Ordinal)]; // before the probes make more of them
        var probes = await Task.WhenAll(workloads.Select(workload => workload.ProbeAsync()));
        await QuietAsync(fleet, quietPatience); // a probe that took too long for its client may still be at work
        var locks = new List<LocksAt>();
        foreach (var host in fleet.Hosts)
        {
            var answer = await host.Send("locks").AnswerWithinAsync(s_answerPatience);
            locks.Add(new LocksAt(host.Name, answer is null ? default : answer == Idle ? [] : [.. answer.Split(' ')[1..].DefaultIfEmpty("?").Select(stream => new HeldLock(stream, string.Empty))]));
        }

        return LockChecker.Check(new LockEvidence(keys, locks, [.. probes.SelectMany(some => some)]));
    }

    /// <summary>Waits until no host has anything in hand: phase two goes on behind the answers.</summary>
    public static async Task QuietAsync(Fleet fleet, TimeSpan patience)
    {
        for (var deadline = History.Now + patience; History.Now < deadline; await Task.Delay(50))
        {
            var answers = await Task.WhenAll(fleet.Hosts.Select(async host => (await host.Send("indoubt").AnswerWithinAsync(s_answerPatience), await host.Send("locks").AnswerWithinAsync(s_answerPatience))));
            if (answers.All(answer => answer is ("0", Idle)))
            {
                return;
            }
        }
    }
}
