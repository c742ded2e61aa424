using Coordinator.Testing.Checkers;
using Coordinator.Testing.Histories;
using Coordinator.Testing.Simulation;

namespace Coordinator.Tests.Checkers;

/// <summary>Each makes evidence of a good run false at one random place; null if the run has no such place.</summary>
internal static partial class PlantedFaults
{
    /// <summary>By name: what is planted, and words that a witness must hold.</summary>
    public static IReadOnlyDictionary<string, (Func<RunEvidence, SeededRandom, CheckReport?> Check, string Witness)> All { get; } =
        new Dictionary<string, (Func<RunEvidence, SeededRandom, CheckReport?>, string)>(
            [.. OfBank(), .. OfTold(), .. OfLog(), .. OfEvents(), .. OfConsumers(), .. OfRetries(), .. OfTheEnd()], StringComparer.Ordinal);

    private static KeyValuePair<string, (Func<RunEvidence, SeededRandom, CheckReport?>, string)> Bank(string fault, string witness, Func<BankEvidence, SeededRandom, BankEvidence?> plant) =>
        new("bank: " + fault, ((run, random) => plant(run.Bank, random) is { } planted ? BankSumChecker.Check(planted) : null, witness));

    private static KeyValuePair<string, (Func<RunEvidence, SeededRandom, CheckReport?>, string)> Agreement(string fault, string witness, Func<AgreementEvidence, SeededRandom, AgreementEvidence?> plant) =>
        new("agreement: " + fault, ((run, random) => plant(run.Agreement, random) is { } planted ? AgreementChecker.Check(planted) : null, witness));

    private static KeyValuePair<string, (Func<RunEvidence, SeededRandom, CheckReport?>, string)> Events(string fault, string witness, Func<EventsEvidence, SeededRandom, EventsEvidence?> plant) =>
        new("events: " + fault, ((run, random) => plant(run.Events, random) is { } planted ? EventsChecker.Check(planted) : null, witness));

    private static KeyValuePair<string, (Func<RunEvidence, SeededRandom, CheckReport?>, string)> Retry(string fault, string witness, Func<RetryEvidence, SeededRandom, RetryEvidence?> plant) =>
        new("retries: " + fault, ((run, random) => plant(run.Retries, random) is { } planted ? RetryChecker.Check(planted) : null, witness));

    private static KeyValuePair<string, (Func<RunEvidence, SeededRandom, CheckReport?>, string)> End(string fault, string witness, Func<RunEvidence, CheckReport> check) =>
        new("end: " + fault, ((run, _) => check(run), witness));

    /// <summary>Those bank faults that a read or the end may show.</summary>
    private static IEnumerable<KeyValuePair<string, (Func<RunEvidence, SeededRandom, CheckReport?>, string)>> OfBank() =>
    [
        Bank("a read sees money that is not there", "instead of 400", (bank, random) => bank with { Reads = ChangeRead(bank, random, all => all.SetItem(0, all[0] with { Balance = all[0].Balance + 1 })) }),
        Bank("a read sees half of a transfer", "instead of 400", (bank, random) => bank with { Reads = ChangeRead(bank, random, all => all.SetItem(3, all[3] with { Balance = all[3].Balance - 1 })) }),
        Bank("a read sees an overdrawn account", "is below 0", (bank, random) => bank with
        {
            Reads = ChangeRead(bank, random, all => all.SetItem(0, all[0] with { Balance = -1 }).SetItem(1, all[1] with { Balance = all[0].Balance + all[1].Balance + 1 })),
        }),
        Bank("a read sees an account that there is not", "which there is not", (bank, random) => bank with { Reads = ChangeRead(bank, random, all => all.Add(new AccountBalance("account/9", 0))) }),
        Bank("a read sees two balances of one account", "and then", (bank, random) => bank with { Reads = ChangeRead(bank, random, all => all.Add(all[2] with { Balance = all[2].Balance + 1 })) }),
        Bank("the end lacks money", "the end saw 399", (bank, random) => bank with { Final = Change(bank.Final!, random, _ => true, one => one with { Balance = one.Balance - 1 }) }),
        Bank("the end lacks an account", "the end does not show account/1", (bank, _) => bank with { Final = [.. bank.Final!.Where(one => one.Account != "account/1")] }),
    ];

    private static IEnumerable<KeyValuePair<string, (Func<RunEvidence, SeededRandom, CheckReport?>, string)>> OfTold() =>
    [
        Agreement("told both ways", ", and host 9 told", (all, random) => Pick(all.Told, random, told => told.Outcome is not RecordedOutcome.Unknown && !IsReadOnly(all, told.Transaction)) is { } one
            ? all with { Told = [.. all.Told, one with { Outcome = Opposite(one.Outcome), By = "host 9" }] }
            : null),
        Agreement("told committed, and not in the log", "the log has no decision to commit it", (all, random) => PickDecided(all, random, isTold: true) is { } one
            ? all with { Decisions = Without(all.Decisions, one), Rows = [.. all.Rows.Where(row => row.Transaction != one.Transaction)] }
            : null),
        Agreement("told aborted, and in the log", "and it is committed in the log", (all, random) => PickDecided(all, random, isTold: true) is { } one
            ? all with { Told = [.. all.Told.Select(told => told.Transaction == one.Transaction ? told with { Outcome = RecordedOutcome.Aborted } : told)] }
            : null),
        Agreement("told of what was never announced", "it was never announced", (all, _) => all with { Told = [.. all.Told, new ToldOutcome("t999", RecordedOutcome.Aborted, "host 1", default)] }),
        Agreement("one id for two transactions", "two transactions were begun as", (all, random) => Pick(all.Announced, random) is { } one ? all with { Announced = [.. all.Announced, one] } : null),
        Agreement("in the log, and never announced", "and was never announced", (all, random) => PickDecided(all, random, isTold: false) is { } one
            ? all with { Announced = [.. all.Announced.Where(announced => announced.Transaction != one.Transaction)] }
            : null),
    ];

    private static IEnumerable<KeyValuePair<string, (Func<RunEvidence, SeededRandom, CheckReport?>, string)>> OfLog() =>
    [
        Agreement("committed at some and not at others", "is torn", (all, random) => all with { Rows = WithoutStream(all, Pick(all.Rows, random)!) }),
        Agreement("left out of the decision as well", "it was to write to", (all, random) => Pick(all.Rows, random, row => all.Announced.Any(one => one.Transaction == row.Transaction && !one.Writes.IsDefault)) is { } row
            ? all with
            {
                Rows = WithoutStream(all, row),
                Decisions = [.. all.Decisions.Select(one => one.Transaction == row.Transaction ? one with { Writes = one.Writes.Remove(row.Stream), RowCount = WithoutStream(all, row).Count(other => other.Transaction == row.Transaction) } : one)],
            }
            : null),
        Agreement("written where it had no work", "is torn", (all, random) => all with { Rows = [.. all.Rows, new LoggedRow(Pick(all.Rows, random)!.Transaction, "feed/9", 1)] }),
        Agreement("one row of several in a stream is lost", "and 3 are in the log", (all, random) => Pick(all.Rows, random, row => IsOfFour(all, row) && row.Stream.StartsWith("feed/", StringComparison.Ordinal)) is { } row
            ? all with { Rows = Without(all.Rows, row) }
            : null),
        Agreement("one row of a stream is there twice", "and 3 are in the log", (all, random) => Pick(all.Rows, random, row => all.Rows.Count(other => other.Transaction == row.Transaction) == 2) is { } row
            ? all with { Rows = [.. all.Rows, row with { Version = 999 }] }
            : null),
        Agreement("work without a decision", "which the log has no decision to commit", (all, random) => PickDecided(all, random, isTold: false) is { } one ? all with { Decisions = Without(all.Decisions, one) } : null),
        Agreement("work of who was aborted", "which the log has no decision to commit", (all, random) => Pick(all.Announced, random, one => all.Decisions.All(decision => decision.Transaction != one.Transaction)) is { } one
            ? all with { Rows = [.. all.Rows, new LoggedRow(one.Transaction, "feed/9", 1)] }
            : null),
        Agreement("decided twice", "is decided twice", (all, random) => PickDecided(all, random, isTold: false) is { } one ? all with { Decisions = [.. all.Decisions, one with { Version = 999 }] } : null),
        Agreement("decided both ways", "is decided both ways", (all, random) => PickDecided(all, random, isTold: false) is { } one
            ? all with { Decisions = [one with { IsCommit = false, Version = 999 }, .. all.Decisions] }
            : null),
        Agreement("two rows at one place", "has two rows", (all, random) => all with { Rows = [.. all.Rows, Pick(all.Rows, random)!] }),
    ];

    private static IEnumerable<KeyValuePair<string, (Func<RunEvidence, SeededRandom, CheckReport?>, string)>> OfTheEnd() =>
    [
        End("a transaction is in doubt", "holds t1 in the end: undecided", run => InDoubtChecker.Check(run.InDoubt with { Holders = [.. run.InDoubt.Holders, new UnfinishedAt("host 2", [new UnfinishedTransaction("t1", "undecided")])] })),
        End("a lock is left", "host 2 keeps account/1 in the end for t1", run => LockChecker.Check(run.Locks with { Hosts = [.. run.Locks.Hosts, new LocksAt("host 2", [new HeldLock("account/1", "t1")])] })),
        End("a key can't be written", "was Aborted after", run => LockChecker.Check(ChangeProbe(run.Locks, probe => probe with { Outcome = RecordedOutcome.Aborted }))),
        End("a probe never ends", "was Unknown after", run => LockChecker.Check(ChangeProbe(run.Locks, probe => probe with { Outcome = RecordedOutcome.Unknown }))),
        End("a key is free late", "instead of 5.000 s", run => LockChecker.Check(ChangeProbe(run.Locks, probe => probe with { Took = TimeSpan.FromSeconds(6) }))),
        End("recovery is slow", "from a long kill", run => ProgressChecker.Check(run.Progress with { Recoveries = [.. run.Progress.Recoveries, new FaultRecovery("a long kill", TimeSpan.FromSeconds(6))] })),
        End("a history is not serializable", "ghost event", _ => SerializabilityChecker.Check(HistoryChecker.Check(HistoryText.Parse("alice committed 1 2: append x 1, read x [1 7]")))),
    ];

    private static LockEvidence ChangeProbe(LockEvidence locks, Func<LockProbe, LockProbe> change) => locks with { Probes = [.. locks.Probes.Skip(1), change(locks.Probes.First())] };

    private static bool IsReadOnly(AgreementEvidence all, string transaction) => all.Announced.Single(one => one.Transaction == transaction).IsReadOnly;

    private static RecordedOutcome Opposite(RecordedOutcome outcome) => outcome is RecordedOutcome.Committed ? RecordedOutcome.Aborted : RecordedOutcome.Committed;

    private static LoggedDecision? PickDecided(AgreementEvidence all, SeededRandom random, bool isTold) => Pick(
        all.Decisions, random, one => one.IsCommit && isTold == all.Told.Any(told => told.Transaction == one.Transaction && told.Outcome is RecordedOutcome.Committed));

    /// <summary>Two accounts, and two events in one feed.</summary>
    private static bool IsOfFour(AgreementEvidence all, LoggedRow row) => all.Rows.Count(other => other.Transaction == row.Transaction) == 4;

    private static LoggedRow[] WithoutStream(AgreementEvidence all, LoggedRow row) => [.. all.Rows.Where(one => one.Transaction != row.Transaction || one.Stream != row.Stream)];
}
