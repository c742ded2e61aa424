using System.Collections.Concurrent;
using System.Diagnostics;
using Coordinator.Chaos.Drivers.Fleets;
using Coordinator.Testing.Checkers;
using Coordinator.Testing.Histories;

namespace Coordinator.Chaos.Drivers;

/// <summary>What was begun and told in one window of a run, all of it over.</summary>
/// <param name="Transactions">All that were begun.</param>
/// <param name="Told">All that was told of them, of a host's own accord or because it was asked.</param>
internal sealed record HistoryWindow(IReadOnlyList<ToldTransaction> Transactions, IReadOnlyList<ToldOutcome> Told);

/// <summary>Everything the hosts told their clients, window by window: a run may last for hours, and what is judged is let go.</summary>
internal sealed class History
{
    private static readonly Stopwatch s_clock = Stopwatch.StartNew();

    private readonly ConcurrentDictionary<string, ToldTransaction> _open = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, (bool Committed, VictimHost By)> _unannounced = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> _violations = new();
    private readonly ConcurrentDictionary<int, int> _committedBySecond = new();
    private ConcurrentDictionary<string, ToldTransaction> _transactions = new(StringComparer.Ordinal);
    private ConcurrentDictionary<string, ToldTransaction> _before = new(StringComparer.Ordinal);
    private ConcurrentQueue<ToldOutcome> _told = new();
    private Watch? _watch;
    private (int OpenMin, TaskCompletionSource Reached)? _busy;
    private int _toldByWoken;

    private sealed record Watch(TimeSpan After, VictimHost? NotBy, TaskCompletionSource<TimeSpan> Served);

    /// <summary>Since the driver started.</summary>
    public static TimeSpan Now => s_clock.Elapsed;

    /// <summary>What is wrong beyond what the checkers find.</summary>
    public IReadOnlyCollection<string> Violations => _violations;

    /// <summary>Transactions whose outcome nobody knows yet.</summary>
    public IReadOnlyList<ToldTransaction> Open => [.. _open.Values];

    /// <summary>Commits by the second of the run in which they became known.</summary>
    public IReadOnlyDictionary<int, int> CommittedBySecond => _committedBySecond;

    /// <summary>Outcomes that hosts told, after they had been displaced in their sleep, of what they had begun before.</summary>
    public int ToldByWokenCount => _toldByWoken;

    public void Violated(string what) => _violations.Enqueue(what);

    public ToldTransaction Begin(string id, Operation? operation)
    {
        var transaction = new ToldTransaction(id, operation, Now);
        if (!_transactions.TryAdd(id, transaction))
        {
            Violated($"two transactions were begun as {id}");
            return _transactions[id];
        }

        _open[id] = transaction;
        if (_unannounced.TryRemove(id, out var told))
        {
            Tell(id, told.Committed, told.By, asked: true);
        }

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
        if (!_transactions.ContainsKey(id) && _before.TryGetValue(id, out var judged))
        {
            TellLate(judged, committed, by);
            return;
        }

        if (Find(id) is not { } transaction)
        {
            // Whoever announced it may have died, and its last lines may be read after those of the next owner, who was asked by key.
            _unannounced[id] = (committed, by);
            if (Find(id) is null || !_unannounced.TryRemove(id, out _))
            {
                return;
            }

            transaction = Find(id)!;
        }

        _told.Enqueue(new ToldOutcome(id, committed ? RecordedOutcome.Committed : RecordedOutcome.Aborted, asked ? $"{by}, asked," : by.Name, Now));
        transaction.Tell(committed);
        if (_open.TryRemove(id, out _) && committed)
        {
            _committedBySecond.AddOrUpdate((int)Now.TotalSeconds, 1, static (_, count) => count + 1);
        }

        if (!asked && transaction.BegunAt < by.WokenAt)
        {
            Interlocked.Increment(ref _toldByWoken);
        }

        if (committed && !asked && Volatile.Read(ref _watch) is { } watch && transaction.BegunAt > watch.After && by != watch.NotBy)
        {
            watch.Served.TrySetResult(Now);
        }
    }

    /// <summary>Ends a window: gives all that was begun and told in it. Call it when nobody begins anything.</summary>
    public HistoryWindow Cut()
    {
        foreach (var (id, told) in _unannounced)
        {
            Violated($"{told.By} told of transaction {id}, which was never announced");
        }

        _unannounced.Clear();
        var window = new HistoryWindow([.. _transactions.Values], [.. _told]);
        _before = _transactions; // a host that wakes late may still tell of it
        _transactions = new(StringComparer.Ordinal);
        _told = new();
        _open.Clear();
        return window;
    }

    /// <summary>Of a window that was judged already: its log is known no more, but what was told before was held against it.</summary>
    private void TellLate(ToldTransaction transaction, bool committed, VictimHost by)
    {
        transaction.Tell(committed);
        if (transaction.Committed != committed && transaction.Operation?.IsReadOnly is not true)
        {
            Violated($"{by} told, when its round was over, that {transaction.Id} is {(committed ? "committed" : "aborted")}, and the contrary had been told");
        }
    }

    private ToldTransaction? Find(string id) => _transactions.GetValueOrDefault(id) ?? _before.GetValueOrDefault(id);

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
