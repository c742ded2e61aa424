using Coordinator.Chaos.Drivers.Clients;
using Coordinator.Chaos.Drivers.Fleets;
using Coordinator.Chaos.Drivers.Judges;
using Coordinator.Testing.Checkers;

namespace Coordinator.Chaos.Drivers.Workloads;

/// <summary>Where the workloads of one round work.</summary>
/// <param name="Set">Begins the name of everything that they make: no other round has it.</param>
/// <param name="Seed">Of the round.</param>
/// <param name="Folder">For files.</param>
/// <param name="Fleet">The hosts.</param>
/// <param name="History">What is told.</param>
/// <param name="Link">To the hosts.</param>
/// <param name="Note">Takes what may be of use if something goes wrong.</param>
internal sealed record Arena(string Set, int Seed, string Folder, Fleet Fleet, History History, ClientLink Link, Action<string> Note);

/// <summary>What is known of a round when it is over.</summary>
/// <param name="Window">What the hosts told.</param>
/// <param name="Log">What the log holds of it.</param>
internal sealed record RoundEvidence(HistoryWindow Window, LogWindow Log)
{
    /// <summary>The transactions of one kind of operation, with it.</summary>
    public IEnumerable<(T Operation, ToldTransaction Transaction)> Of<T>()
        where T : Operation => Window.Transactions.Where(one => one.Operation is T).Select(one => ((T)one.Operation!, one));
}

/// <summary>
/// One thing that clients do in a round, the evidence of it, and who judges that. A round has one of each; all work at the same time on the same hosts.
/// </summary>
internal abstract class Workload(Arena arena)
{
    private static readonly TimeSpan s_probeMax = TimeSpan.FromSeconds(5);

    /// <summary>How many clients work at a time.</summary>
    public abstract int ClientCount { get; }

    /// <summary>The streams that its transactions lock.</summary>
    public abstract IEnumerable<string> Keys { get; }

    protected Arena Arena => arena;

    /// <summary>Makes what it needs, before anything goes wrong.</summary>
    public virtual Task OpenAsync() => Task.CompletedTask;

    /// <summary>One operation of one client.</summary>
    public abstract Task OperateAsync(int client, Random random);

    /// <summary>The clients have stopped, and nothing goes wrong any more: what must still be looked at.</summary>
    public virtual Task FinishAsync() => Task.CompletedTask;

    /// <summary>Sends a transaction to each key that may still be locked, and says what became of it.</summary>
    public abstract Task<IReadOnlyList<LockProbe>> ProbeAsync();

    /// <summary>Tries a transaction until it commits or its time is over: a client may have to find the host that serves first.</summary>
    /// <param name="tryAsync">Its id, if one was begun, and what became of it.</param>
    /// <param name="keys">What it writes to.</param>
    protected async Task<IEnumerable<LockProbe>> ProbeAsync(Func<Task<(string? Id, bool? Committed)>> tryAsync, params string[] keys)
    {
        var began = History.Now;
        string? id;
        bool? committed;
        do
        {
            var sent = History.Now;
            (id, committed) = await tryAsync();
            Arena.Note($"driver: probe of {string.Join(' ', keys)}: {id} is {Recorded.Of(committed)} after {(History.Now - sent).TotalSeconds:F3}");
        }
        while (committed is not true && History.Now - began < s_probeMax);

        var took = History.Now - began;
        return keys.Select(key => new LockProbe(key, id ?? string.Empty, Recorded.Of(committed), took));
    }

    /// <summary>What its checkers say.</summary>
    public abstract IEnumerable<CheckReport> Judge(RoundEvidence evidence);
}
