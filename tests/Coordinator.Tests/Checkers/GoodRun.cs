using System.Collections.Immutable;
using Coordinator.Testing.Checkers;
using Coordinator.Testing.Histories;
using Coordinator.Testing.Simulation;

namespace Coordinator.Tests.Checkers;

/// <summary>All that is known of a run.</summary>
internal sealed record RunEvidence(
    BankEvidence Bank,
    AgreementEvidence Agreement,
    EventsEvidence Events,
    RetryEvidence Retries,
    InDoubtEvidence InDoubt,
    LockEvidence Locks,
    ProgressEvidence Progress)
{
    public CheckReport[] Check() =>
    [
        BankSumChecker.Check(Bank), AgreementChecker.Check(Agreement), EventsChecker.Check(Events), RetryChecker.Check(Retries),
        InDoubtChecker.Check(InDoubt), LockChecker.Check(Locks), ProgressChecker.Check(Progress),
    ];
}

/// <summary>
/// A random run of a store that does everything right, with all that the checkers must bear with: aborts, outcomes told late, never or
/// often, reads by who did not commit, retries, consumers that begin again behind their checkpoint.
/// </summary>
internal sealed class GoodRun
{
    private const int Transactions = 60, Deposit = 100;
    private static readonly string[] s_accounts = ["account/1", "account/2", "account/3", "account/4"];
    private static readonly string[] s_feeds = ["feed/1", "feed/2", "feed/3"];

    private readonly SeededRandom _random;
    private readonly Dictionary<string, long> _balances = s_accounts.ToDictionary(account => account, _ => (long)Deposit, StringComparer.Ordinal);
    private readonly Dictionary<string, long> _versions = new(StringComparer.Ordinal);
    private readonly List<BalanceRead> _reads = [];
    private readonly List<AnnouncedTransaction> _announced = [];
    private readonly List<ToldOutcome> _told = [];
    private readonly List<LoggedDecision> _decisions = [];
    private readonly List<LoggedRow> _rows = [];
    private readonly List<PublishedEvent> _published = [];
    private readonly List<PlacedEvent> _logged = [];
    private readonly List<KeyedAttempt> _attempts = [];
    private readonly List<KeyedEffect> _effects = [];
    private int _now;

    private GoodRun(ulong seed) => _random = new SeededRandom(seed);

    private TimeSpan Now => TimeSpan.FromMilliseconds(++_now);

    public static RunEvidence Of(ulong seed)
    {
        var run = new GoodRun(seed);
        for (var number = 1; number <= Transactions; number++)
        {
            if (number % 3 == 0)
            {
                run.Read(number);
            }
            else if (number % 5 == 0)
            {
                run.Retry($"key{number}", number);
            }
            else
            {
                run.Write($"t{number}", run.DrawOutcome(), run._random.Chance(0.8));
            }
        }

        return run.Evidence();
    }

    private RecordedOutcome DrawOutcome() => _random.Chance(0.8) ? RecordedOutcome.Committed : RecordedOutcome.Aborted;

    private void Read(int number)
    {
        var id = $"t{number}";
        _announced.Add(new AnnouncedTransaction(id) { IsReadOnly = true });
        var outcome = number % 30 == 0 ? RecordedOutcome.Unknown : number % 21 == 0 ? RecordedOutcome.Aborted : RecordedOutcome.Committed;
        Tell(id, outcome);
        if (outcome is RecordedOutcome.Committed && _random.Chance(0.3))
        {
            Tell(id, RecordedOutcome.Aborted); // nobody knows it any more
        }

        var lie = outcome is RecordedOutcome.Committed ? 0 : _random.Below(3);
        var some = s_accounts.Take(number % 12 == 0 ? 2 : s_accounts.Length);
        _reads.Add(new BalanceRead(id, outcome, [.. some.Select(account => new AccountBalance(account, _balances[account] + lie))]));
    }

    /// <summary>A transfer, perhaps with events.</summary>
    private void Write(string id, RecordedOutcome outcome, bool isTold, string? key = null)
    {
        var from = s_accounts[_random.Below(s_accounts.Length)];
        var to = s_accounts.First(account => account != from);
        var feed = s_feeds[_random.Below(s_feeds.Length)];
        var events = _random.Below(4);
        string[] writes = events > 0 ? [from, to, feed] : [from, to];
        _announced.Add(new AnnouncedTransaction(id, _random.Chance(0.9) ? [.. writes] : default));
        var known = isTold ? outcome : RecordedOutcome.Unknown;
        _published.AddRange(Enumerable.Range(1, events).Select(number => new PublishedEvent($"{id}/{number}", feed, id, known)));
        if (outcome is RecordedOutcome.Committed)
        {
            var amount = Math.Min(_balances[from], _random.Below(50));
            _balances[from] -= amount;
            _balances[to] += amount;
            _decisions.Add(new LoggedDecision(id, IsCommit: true, "shard/0", Next("shard/0"), [.. writes]) { RowCount = 2 + events });
            AddRows(id, [from, to], key);
            foreach (var one in _published.TakeLast(events))
            {
                var version = Next(feed);
                _rows.Add(new LoggedRow(id, feed, version));
                _logged.Add(new PlacedEvent(feed, version, one.Id));
            }

            _versions[feed] = _versions.GetValueOrDefault(feed) + _random.Below(2); // not every row is an event
        }
        else if (_random.Chance(0.3))
        {
            _decisions.Add(new LoggedDecision(id, IsCommit: false, "shard/0", Next("shard/0")));
        }

        Tell(id, known);
    }

    private void AddRows(string id, string[] streams, string? key)
    {
        foreach (var stream in streams)
        {
            var version = Next(stream);
            _rows.Add(new LoggedRow(id, stream, version));
            if (key is not null)
            {
                _effects.Add(new KeyedEffect(key, id, stream, version));
            }
        }
    }

    private void Tell(string id, RecordedOutcome outcome)
    {
        for (var times = 1 + _random.Below(3); times > 0; times--)
        {
            _told.Add(new ToldOutcome(id, _random.Chance(0.2) ? RecordedOutcome.Unknown : outcome, $"host {_random.Below(3)}", Now));
        }
    }

    /// <summary>Tried until it is known to be committed, and once more.</summary>
    private void Retry(string key, int number)
    {
        string? doneBy = null;
        for (var (attempt, isKnown) = (1, false); !isKnown || attempt == 2; attempt++)
        {
            var began = Now;
            var id = $"t{number}.{attempt}";
            var outcome = RecordedOutcome.Committed;
            if (doneBy is null)
            {
                outcome = DrawOutcome();
                doneBy = outcome is RecordedOutcome.Committed ? id : null;
                Write(id, outcome, isTold: true, key);
            }

            var isTold = attempt > 3 || _random.Chance(0.7);
            isKnown = isTold && doneBy is not null;
            _attempts.Add(new KeyedAttempt(key, isTold ? doneBy ?? id : null, isTold ? outcome : RecordedOutcome.Unknown, began, Now) { Answer = isKnown ? "done" : null });
        }
    }

    private long Next(string stream) => _versions[stream] = _versions.GetValueOrDefault(stream) + 1;

    private RunEvidence Evidence() => new(
        new BankEvidence(s_accounts, s_accounts.Length * Deposit, _reads, [.. _balances.Select(one => new AccountBalance(one.Key, one.Value))]),
        new AgreementEvidence(_announced, _told, _decisions, _rows),
        new EventsEvidence(_published, _logged, [.. Lives("first"), .. Lives("second")]),
        new RetryEvidence(_attempts, _effects),
        new InDoubtEvidence([new UnfinishedAt("host 1", []), new UnfinishedAt("the log", [])]),
        new LockEvidence(s_accounts, [new LocksAt("host 1", [])], [.. s_accounts.Select(account => new LockProbe(account, "probe " + account, RecordedOutcome.Committed, TimeSpan.FromSeconds(1)))]),
        new ProgressEvidence(Transactions, 45, 5, 30, [.. Enumerable.Range(1, 30).Select(one => new FaultRecovery("kill", TimeSpan.FromMilliseconds(one * 100)))])
        {
            KillsMin = 25,
            TransactionsMin = Transactions,
        });

    /// <summary>Reads all, in several lives: each begins behind a checkpoint that is at or before the end of the one before.</summary>
    private List<ConsumerRun> Lives(string consumer)
    {
        var lives = new List<ConsumerRun>();
        for (var (start, end) = (0, 0); end < _logged.Count; start = Math.Max(0, end - _random.Below(4)))
        {
            end = lives.Count == 4 ? _logged.Count : Math.Min(_logged.Count, start + 1 + _random.Below(_logged.Count / 2));
            var checkpoint = _logged.Take(start).GroupBy(one => one.Stream).ToImmutableDictionary(stream => stream.Key, stream => stream.Max(one => one.Version), StringComparer.Ordinal);
            lives.Add(new ConsumerRun(consumer, checkpoint, _logged[start..end]));
        }

        return lives;
    }
}
