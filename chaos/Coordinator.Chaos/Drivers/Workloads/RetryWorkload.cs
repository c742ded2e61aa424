using System.Collections.Concurrent;
using Coordinator.Chaos.Drivers.Clients;
using Coordinator.Chaos.Drivers.Fleets;
using Coordinator.Chaos.Victims.Work;
using Coordinator.Testing.Checkers;

namespace Coordinator.Chaos.Drivers.Workloads;

/// <summary>Keyed transfers by clients that are processes of their own, are killed, and try again under the same key.</summary>
internal sealed class RetryWorkload(Arena arena) : Workload(arena)
{
    private readonly ConcurrentQueue<KeyedAttempt> _attempts = [];
    private readonly ClientProcess[] _processes = new ClientProcess[2];

    /// <summary>Under a key. Which streams it writes to is not said: the key's own among them has a hash for a name.</summary>
    private sealed record KeyedTransfer(string Key) : Operation;

    public override int ClientCount => _processes.Length;

    public override IEnumerable<string> Keys => []; // the accounts are the bank's

    /// <summary>Kills of clients.</summary>
    public int KillCount => _processes.Sum(process => process?.KillCount ?? 0);

    public override Task OpenAsync()
    {
        for (var number = 0; number < _processes.Length; number++)
        {
            _processes[number] = new ClientProcess($"{Arena.Set}c{number}", Arena, TryAsync);
        }

        return Task.CompletedTask;
    }

    /// <summary>Kills one of the clients, which is started again at once.</summary>
    public void Kill(Random random) => _processes[random.Next(_processes.Length)].Kill();

    public override async Task OperateAsync(int client, Random random) => await _processes[client].OperateAsync();

    public override async Task FinishAsync()
    {
        foreach (var process in _processes)
        {
            await process.StopAsync();
        }
    }

    public override Task<IReadOnlyList<LockProbe>> ProbeAsync() => Task.FromResult<IReadOnlyList<LockProbe>>([]);

    public override IEnumerable<CheckReport> Judge(RoundEvidence evidence)
    {
        var effects = evidence.Log.Events.Where(one => one.Type == MoneyMoved.Name && one.Content.GetProperty("key").GetString() is not null)
            .Select(one => new KeyedEffect(one.Content.GetProperty("key").GetString()!, one.Transaction, one.Stream, one.Version));
        yield return RetryChecker.Check(new RetryEvidence([.. _attempts], [.. effects]));
    }

    /// <summary>Carries one attempt to a host, and gives the word for what the client is told.</summary>
    private async Task<string> TryAsync(string key, string transfer)
    {
        var began = History.Now;
        var told = await Arena.Link.AskAsync("transfer", $"{transfer} {key}", new KeyedTransfer(key), waits: false);
        bool? committed = told.Done is not null ? true : told.Begun?.Committed is false ? false : null;
        _attempts.Enqueue(new KeyedAttempt(key, told.Done?.Split(' ')[0] ?? told.Begun?.Id, Recorded.Of(committed), began, History.Now));
        return committed switch { true => "committed", false => "aborted", null => "unknown" };
    }
}
