using Coordinator.Testing.Checkers;
using Coordinator.Testing.Histories;
using Xunit;

namespace Coordinator.Tests.Checkers;

/// <summary>Nothing found in nothing is never a pass.</summary>
public sealed class LackOfEvidenceTests
{
    private static readonly RunEvidence s_run = GoodRun.Of(seed: 1);

    [Fact]
    public void Balances_show_nothing_unless_they_are_read_and_known_in_the_end()
    {
        IsUnknown("the balances at the end are not known", BankSumChecker.Check(s_run.Bank with { Final = null }));
        IsUnknown("no committed transaction read all accounts", BankSumChecker.Check(s_run.Bank with { Reads = [.. s_run.Bank.Reads.Where(read => read.Balances.Length < 4)] }));
        IsUnknown("have an unknown outcome", BankSumChecker.Check(s_run.Bank with { UnknownShareMax = 0.05 }));
        IsUnknown("there are no accounts", BankSumChecker.Check(new BankEvidence([], 0, [], [])));
    }

    [Fact]
    public void An_empty_log_and_a_silent_host_agree_about_nothing()
    {
        IsUnknown("the log has no decision to commit", AgreementChecker.Check(s_run.Agreement with { Decisions = [], Rows = [], Told = [] }));
        IsUnknown("nobody was told that anything committed", AgreementChecker.Check(s_run.Agreement with { Told = [] }));
    }

    [Fact]
    public void Events_that_nobody_publishes_or_sees_show_nothing()
    {
        IsUnknown("no event is known to be published", EventsChecker.Check(s_run.Events with { Published = [.. s_run.Events.Published.Select(one => one with { Outcome = RecordedOutcome.Unknown })] }));
        IsUnknown("no consumer saw anything", EventsChecker.Check(s_run.Events with { Runs = [] }));
        IsUnknown("nobody can say whose it is", EventsChecker.Check(s_run.Events with { Published = [.. s_run.Events.Published, s_run.Events.Published.First() with { Transaction = "t999", Outcome = RecordedOutcome.Unknown }] }));
    }

    [Fact]
    public void Keys_that_are_tried_once_or_of_which_nothing_is_known_show_nothing()
    {
        IsUnknown("no key was tried twice", RetryChecker.Check(s_run.Retries with { Attempts = [.. s_run.Retries.Attempts.OrderBy(one => one.Outcome).DistinctBy(attempt => attempt.Key)] }));
        IsUnknown("no attempt is known to be committed", RetryChecker.Check(s_run.Retries with { Attempts = [.. s_run.Retries.Attempts.Select(one => one with { Outcome = RecordedOutcome.Unknown })] }));
    }

    [Fact]
    public void Who_does_not_answer_is_not_free_of_doubt()
    {
        IsUnknown("host 2 did not say what it holds", InDoubtChecker.Check(new InDoubtEvidence([new UnfinishedAt("host 2", default)])));
        IsUnknown("nobody was asked", InDoubtChecker.Check(new InDoubtEvidence([])));
        IsUnknown("host 2 did not say what it keeps", LockChecker.Check(s_run.Locks with { Hosts = [new LocksAt("host 2", default)] }));
        IsUnknown("no host was asked what it keeps", LockChecker.Check(s_run.Locks with { Hosts = [] }));
        IsUnknown("account/1 was not probed", LockChecker.Check(s_run.Locks with { Probes = [.. s_run.Locks.Probes.Skip(1)] }));
        IsUnknown("there are no keys", LockChecker.Check(s_run.Locks with { Keys = [] }));
    }

    [Fact]
    public void A_history_of_which_too_little_is_known_is_unknown()
    {
        IsUnknown("the history is empty", SerializabilityChecker.Check(HistoryChecker.Check([])));
        IsUnknown("nothing is known of the history", SerializabilityChecker.Check(new HistoryReport(HistoryVerdict.Unknown, [], [])));
        Assert.Equal(HistoryVerdict.Valid, SerializabilityChecker.Check(HistoryChecker.Check(HistoryText.Parse("alice committed 1 2: append x 1, read x [1]"))).Verdict);
    }

    [Fact]
    public void A_run_in_which_too_little_happened_is_unknown()
    {
        var progress = s_run.Progress;
        IsUnknown("of 60 transactions 13 had an unknown outcome", ProgressChecker.Check(progress with { UnknownCount = 13 }));
        IsUnknown("of 60 transactions only 29 committed", ProgressChecker.Check(progress with { CommittedCount = 29 }));
        IsUnknown("24 kills instead of 25", ProgressChecker.Check(progress with { KillCount = 24 }));
        IsUnknown("60 transactions instead of 61", ProgressChecker.Check(progress with { TransactionsMin = 61 }));
        IsUnknown("0 transactions instead of 1", ProgressChecker.Check(new ProgressEvidence(0, 0, 0, 0, [])));
        IsUnknown("no recovery was measured", ProgressChecker.Check(progress with { Recoveries = [] }));
        IsUnknown("there was no fault of the kind 'disk full'", ProgressChecker.Check(progress with { MissingFaults = ["disk full"] }));
        Assert.Equal(HistoryVerdict.Valid, ProgressChecker.Check(progress with { UnknownCount = 12, CommittedCount = 30 }).Verdict);
    }

    [Fact]
    public void A_run_is_as_good_as_the_worst_of_its_reports()
    {
        var (valid, doubtful) = (Report("a", HistoryVerdict.Valid), Report("b", HistoryVerdict.Unknown));
        var invalid = Report("c", HistoryVerdict.Invalid) with { WitnessCount = 3 };

        Assert.Equal(HistoryVerdict.Unknown, RunVerdict.Of([]).Verdict);
        Assert.Equal(HistoryVerdict.Valid, RunVerdict.Of([valid, valid], "a").Verdict);
        Assert.Equal(HistoryVerdict.Unknown, RunVerdict.Of([valid, doubtful]).Verdict);
        Assert.Equal((HistoryVerdict.Invalid, 3), RunVerdict.Of([valid, doubtful, invalid]) is var worst ? (worst.Verdict, worst.ViolationCount) : default);
        Assert.Equal((HistoryVerdict.Unknown, "b"), RunVerdict.Of([valid], "a", "b") is var mute ? (mute.Verdict, Assert.Single(mute.Missing)) : default);
    }

    [Theory]
    [InlineData(0.5, 50)]
    [InlineData(0.99, 99)]
    [InlineData(1, 100)]
    [InlineData(0.001, 1)]
    public void A_percentile_is_one_of_the_values(double share, int expected) =>
        Assert.Equal(TimeSpan.FromSeconds(expected), ProgressChecker.Percentile(Enumerable.Range(1, 100).Reverse().Select(one => TimeSpan.FromSeconds(one)), share));

    private static CheckReport Report(string checker, HistoryVerdict verdict) => new(checker, verdict, [], []);

    private static void IsUnknown(string doubt, CheckReport report)
    {
        Assert.True(report.Verdict is HistoryVerdict.Unknown, report.ToString());
        Assert.Contains(report.Doubts, one => one.Contains(doubt, StringComparison.Ordinal));
    }
}
