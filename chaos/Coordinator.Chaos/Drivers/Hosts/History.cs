using System.Collections.Concurrent;
using System.Diagnostics;

namespace Coordinator.Chaos.Drivers.Hosts;

/// <summary>One transaction as the clients know it.</summary>
internal sealed class ToldTransaction(string id, TimeSpan begunAt)
{
    private readonly TaskCompletionSource _known = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _outcome;

    public string Id => id;

    public TimeSpan BegunAt => begunAt;

    /// <summary>When its outcome became known.</summary>
    public TimeSpan KnownAt { get; private set; }

    /// <summary>Its client was told Unknown, or nothing, and had to ask.</summary>
    public bool WasAsked { get; set; }

    /// <summary>
    /// It writes nothing, so its commit leaves no record: whoever has forgotten it, or never knew it, presumes that it was aborted. That is
    /// documented, and of nothing else may two answers differ.
    /// </summary>
    public bool IsReadOnly { get; set; }

    /// <summary>Completes when the outcome is known.</summary>
    public Task Known => _known.Task;

    /// <summary>Null while it is not known.</summary>
    public bool? Committed => Volatile.Read(ref _outcome) switch { 0 => null, 1 => true, _ => false };

    /// <summary>False if the opposite was told before.</summary>
    public bool TryTell(bool committed)
    {
        var told = committed ? 1 : 2;
        var before = Interlocked.CompareExchange(ref _outcome, told, 0);
        if (before == 0)
        {
            KnownAt = History.Now;
            _known.TrySetResult();
        }

        return before == 0 || before == told;
    }
}

/// <summary>Everything the hosts told their clients. What was told must never be contradicted, by nobody.</summary>
internal sealed class History
{
    private static readonly Stopwatch s_clock = Stopwatch.StartNew();

    private readonly ConcurrentDictionary<string, ToldTransaction> _transactions = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, ToldTransaction> _open = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> _violations = new();
    private Watch? _watch;
    private (int OpenMin, TaskCompletionSource Reached)? _busy;
    private int _toldByWoken;

    private sealed record Watch(TimeSpan After, VictimHost? NotBy, TaskCompletionSource<TimeSpan> Served);

    /// <summary>Since the driver started.</summary>
    public static TimeSpan Now => s_clock.Elapsed;

    public IReadOnlyCollection<string> Violations => _violations;

    /// <summary>All transactions that were announced.</summary>
    public IReadOnlyList<ToldTransaction> All => [.. _transactions.Values];

    /// <summary>Those whose outcome nobody knows yet.</summary>
    public IReadOnlyList<ToldTransaction> Open => [.. _open.Values];

    /// <summary>Outcomes that hosts told, after they had been displaced in their sleep, of what they had begun before.</summary>
    public int ToldByWokenCount => _toldByWoken;

    public void Violated(string what) => _violations.Enqueue(what);

    public ToldTransaction Begin(string id)
    {
        var transaction = new ToldTransaction(id, Now);
        if (!_transactions.TryAdd(id, transaction))
        {
            Violated($"two transactions were begun as {id}");
            return _transactions[id];
        }

        _open[id] = transaction;
        lock (_open)
        {
            if (_busy is { } busy && _open.Count >= busy.OpenMin)
            {
                busy.Reached.TrySetResult();
            }
        }

        return transaction;
    }

    /// <summary>A host has told the outcome of a transaction, on its own account or because it was asked.</summary>
    public void Tell(string id, bool committed, VictimHost by, bool asked)
    {
        if (!_transactions.TryGetValue(id, out var transaction))
        {
            Violated($"{by} told of transaction {id}, which was never announced");
            return;
        }

        if (!transaction.TryTell(committed) && !transaction.IsReadOnly)
        {
            Violated($"{by} told that {id} is {(committed ? "committed" : "aborted")}, and the opposite was told before (I6)");
        }

        _open.TryRemove(id, out _);
        if (!asked && transaction.BegunAt < by.WokenAt)
        {
            Interlocked.Increment(ref _toldByWoken);
        }

        if (committed && !asked && Volatile.Read(ref _watch) is { } watch && transaction.BegunAt > watch.After && by != watch.NotBy)
        {
            watch.Served.TrySetResult(Now);
        }
    }

    /// <summary>Completes with the time at which a transaction has committed that was begun after the given time, at any host but the given one.</summary>
    public Task<TimeSpan> ServedAsync(TimeSpan after, VictimHost? notBy)
    {
        var watch = new Watch(after, notBy, new TaskCompletionSource<TimeSpan>(TaskCreationOptions.RunContinuationsAsynchronously));
        Volatile.Write(ref _watch, watch);
        return watch.Served.Task;
    }

    /// <summary>Completes as soon as so many transactions are open.</summary>
    public Task BusyAsync(int openMin)
    {
        var reached = new TaskCompletionSource(); // at once, where the next transaction begins: later it may be over
        lock (_open)
        {
            _busy = (openMin, reached);
        }

        return reached.Task;
    }
}
