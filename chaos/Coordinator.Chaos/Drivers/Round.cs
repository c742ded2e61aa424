using System.Data.Common;
using Coordinator.Chaos.Drivers.Clients;
using Coordinator.Chaos.Drivers.Fleets;
using Coordinator.Chaos.Drivers.Judges;
using Coordinator.Chaos.Drivers.Workloads;
using Coordinator.Testing.Checkers;

namespace Coordinator.Chaos.Drivers;

/// <summary>
/// A part of a run: all workloads at once while the nemesis strikes, then a time without faults in which everything must come to its end, then the judges. What a round is about has names
/// of its own, so that nothing of it need be kept.
/// </summary>
internal sealed class Round : IDisposable
{
    private static readonly TimeSpan s_lastPatience = TimeSpan.FromSeconds(20), s_quietPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_answerPatience = TimeSpan.FromSeconds(40); // past the 30 s after which any transaction is ended by its deadline
    private static readonly TimeSpan s_calm = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(10);

    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _giveUp = new();
    private readonly Arena _arena;
    private readonly RetryWorkload _retries;
    private readonly ListsWorkload _lists;
    private readonly Workload[] _workloads;
    private Task[] _clients = [];

    public Round(int number, int seed, string folder, Fleet fleet, History history, Action<string> note)
    {
        _arena = new Arena($"r{number}", seed, folder, fleet, history, new ClientLink(fleet, _giveUp.Token), note);
        _retries = new RetryWorkload(_arena);
        _lists = new ListsWorkload(_arena);
        _workloads = [new BankWorkload(_arena), _lists, new FeedsWorkload(_arena), _retries];
    }

    /// <summary>Checkers without which a round shows nothing.</summary>
    public static IReadOnlyList<string> Checkers { get; } =
    [
        AgreementChecker.Name, BankSumChecker.Name, SerializabilityChecker.Name, EventsChecker.Name, RetryChecker.Name, InDoubtChecker.Name, LockChecker.Name,
    ];

    /// <summary>Client processes that were killed.</summary>
    public int ClientKillCount => _retries.KillCount;

    /// <summary>Faults that the checker of histories had to find.</summary>
    public int Planted => _lists.Planted;

    /// <summary>How often a host refused to begin.</summary>
    public int RefusalCount => _arena.Link.RefusalCount;

    public void KillClient(Random random) => _retries.Kill(random);

    /// <summary>Makes what is worked on, and sets all clients to work.</summary>
    public async Task StartAsync()
    {
        foreach (var workload in _workloads)
        {
            await workload.OpenAsync();
        }

        _clients =
        [
            .. _workloads.SelectMany((workload, at) => Enumerable.Range(0, workload.ClientCount)
                .Select(client => Task.Run(() => WorkAsync(workload, client, new Random((_arena.Seed * 100) + (at * 10) + client))))),
        ];
        await _arena.History.ServedAsync(History.Now, notBy: null).WaitAsync(s_lastPatience);
    }

    /// <summary>
    /// Lets the clients work for a while without faults, for what the last kill has wiped away nobody can find locked or in doubt; then begins no more, and waits until everything is over; what is not within the time stays so, for the judges.
    /// </summary>
    public async Task HealAsync()
    {
        await Task.Delay(s_calm);
        await _stop.CancelAsync();
        _giveUp.CancelAfter(s_lastPatience);
        await Task.WhenAll(_clients);
        await _arena.Link.QuietAsync();
        await _arena.Fleet.ReadyAsync();
        await _arena.Fleet.AnsweredAsync(s_answerPatience);
        await RoundJudge.QuietAsync(_arena.Fleet, s_quietPatience);
    }

    /// <summary>What the checkers say, and what was told.</summary>
    /// <param name="connectAsync">To the log.</param>
    /// <param name="audit">Of the log, as it was before the round.</param>
    public async Task<(IReadOnlyList<CheckReport> Reports, HistoryWindow Window)> JudgeAsync(Func<Task<DbConnection>> connectAsync, LogAudit audit)
    {
        var locks = await RoundJudge.LocksAsync(_arena.Fleet, _workloads, s_quietPatience);
        foreach (var workload in _workloads)
        {
            await workload.FinishAsync();
        }

        await _arena.Link.QuietAsync();
        await RoundJudge.QuietAsync(_arena.Fleet, s_quietPatience);
        var window = _arena.History.Cut();
        await using var connection = await connectAsync();
        var log = await audit.ReadAsync(connection);
        foreach (var fault in log.Faults)
        {
            _arena.History.Violated(fault);
        }

        audit.Forget(stream => stream.StartsWith("key/", StringComparison.Ordinal) || stream.Contains($"/{_arena.Set}.", StringComparison.Ordinal));
        var evidence = new RoundEvidence(window, log);
        CheckReport[] common = [RoundJudge.Agreement(window, log), await RoundJudge.InDoubtAsync(_arena.Fleet, window, log), locks];
        return ([.. common, .. _workloads.SelectMany(workload => workload.Judge(evidence))], window);
    }

    public void Dispose()
    {
        _stop.Dispose();
        _giveUp.Dispose();
    }

    private async Task WorkAsync(Workload workload, int client, Random random)
    {
        while (!_stop.IsCancellationRequested)
        {
            await workload.OperateAsync(client, random);
            await Task.Delay(s_pause); // so that a round stays small enough to be judged as a whole
        }
    }
}
