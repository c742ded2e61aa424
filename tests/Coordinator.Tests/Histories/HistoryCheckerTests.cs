using System.Collections.Immutable;
using Coordinator.Testing.Histories;
using Xunit;

namespace Coordinator.Tests.Histories;

/// <summary>What is valid, what shows nothing, and what is left open.</summary>
public sealed class HistoryCheckerTests
{
    [Theory]
    [InlineData("a committed 1 2: append x 1; b committed 3 4: append x 2, read x [1 2]; a committed 5 6: read x [1 2]")]
    [InlineData("a committed 1 9: append x 1, append y 1; b committed 1 9: read x [1], read y [1]; c committed 1 9: read x [], read y []")]
    [InlineData("a committed 1 9: append x 1; b committed 2 3: read x []; c committed 4 5: read x [1]")] // a took effect between them
    [InlineData("a committed: read x [], append y 1; b committed: read y [1], append x 1; c committed: read x [1], read y [1]")]
    [InlineData("a aborted: append x 1; b committed: read x []")]
    [InlineData("a committed: append x 1, append x 2, read x [1 2]; b committed: read x [], append y 1, read y [1]")]
    [InlineData("a committed: append x 1; b committed: read x, append x 2; c committed: read x [1 2]")] // what b read is not known
    [InlineData("a committed 1 2: append x 1; b committed 2 3: read x []; c committed 4 5: read x [1]")] // at one instant: no order
    public void A_history_that_an_order_explains_is_valid(string history)
    {
        var report = HistoryChecker.Check(Of(history));

        Assert.True(report.Verdict is HistoryVerdict.Valid, report.ToString());
    }

    [Theory]
    [InlineData("a unknown 1 2: append x 1; b committed 3 4: read x []")] // it did nothing
    [InlineData("a unknown 1 2: append x 1; b committed 3 4: read x [1]")] // it did
    [InlineData("a unknown 1 2: append x 1; b committed 3 4: read x []; c committed 5 6: read x [1]")] // it did, late
    [InlineData("a unknown 1 2: append x 1; a committed 3 4: read x []; a committed 5 6: read x [1]")] // and its own client went on
    [InlineData("a unknown 1 2: append x 1; b unknown 3 4: read x [1], append y 1; c committed 5 6: read y []")]
    [InlineData("a begin 1: append x 1; b committed 3 4: read x []; c committed 5 6: read x [1]")] // its client died
    public void An_unknown_outcome_may_be_either(string history)
    {
        var report = HistoryChecker.Check(Of(history), new HistoryCheckOptions { UnknownShareMax = 1, CommittedShareMin = 0 });

        Assert.True(report.Verdict is HistoryVerdict.Valid, report.ToString());
    }

    [Theory]
    [InlineData(AnomalyKind.GSingle, "a unknown: append x 1, append y 1; b committed: read x [1], read y []; c committed: read y [1]")]
    [InlineData(AnomalyKind.G1c, "a unknown: append x 1, read y [1]; b committed: append y 1, read x [1]")]
    [InlineData(AnomalyKind.RealTimeViolation, "a unknown 1 2: append x 1; b committed 3 4: read x [1]; c committed 5 6: read x []; d committed 7 8: read x [1]")]
    [InlineData(AnomalyKind.GSingle, "a unknown: append x 1, append z 1; b unknown: read x [1], append y 1; c committed: read y [1], read z []")] // seen through another
    public void An_unknown_outcome_that_somebody_saw_is_a_commit(AnomalyKind kind, string history)
    {
        var report = HistoryChecker.Check(Of(history), new HistoryCheckOptions { UnknownShareMax = 1, CommittedShareMin = 0 });

        Assert.True(report.Has(kind), report.ToString());
    }

    [Fact]
    public void An_empty_history_shows_nothing() => Assert.Equal(HistoryVerdict.Unknown, HistoryChecker.Check([]).Verdict);

    [Theory]
    [InlineData(4, 1, 0, HistoryVerdict.Valid)] // 20 %
    [InlineData(3, 1, 0, HistoryVerdict.Unknown)]
    [InlineData(1, 0, 1, HistoryVerdict.Valid)] // 50 %
    [InlineData(1, 0, 2, HistoryVerdict.Unknown)]
    public void A_history_of_which_too_little_is_known_shows_nothing(int committed, int unknown, int aborted, HistoryVerdict verdict)
    {
        IEnumerable<RecordedOutcome> outcomes =
        [
            .. Enumerable.Repeat(RecordedOutcome.Committed, committed),
            .. Enumerable.Repeat(RecordedOutcome.Unknown, unknown),
            .. Enumerable.Repeat(RecordedOutcome.Aborted, aborted),
        ];
        var history = outcomes.Select((outcome, number) => new RecordedTransaction($"c{number}", outcome, [new MicroOperation.Append("x", number)])).ToList();

        var report = HistoryChecker.Check(history);

        Assert.Equal(verdict, report.Verdict);
        Assert.Equal(verdict is HistoryVerdict.Valid, report.Doubts.IsEmpty);
    }

    [Fact]
    public void What_is_found_in_a_history_of_which_little_is_known_is_found_all_the_same() =>
        Assert.Equal(HistoryVerdict.Invalid, HistoryChecker.Check(Of("a committed: read x [1]; b unknown: append y 1")).Verdict);

    [Theory]
    [InlineData("a committed: append x 1; b committed: append x 1", "1 is written to x by T1 and by T2: nobody can say whose it is")]
    [InlineData("a committed: append x 1; b committed: write x 2", "x is a list and a register")]
    public void A_history_that_breaks_its_own_rules_shows_nothing(string history, string why)
    {
        var report = HistoryChecker.Check(Of(history));

        Assert.Equal(HistoryVerdict.Unknown, report.Verdict);
        Assert.Equal([why], report.Doubts);
    }

    [Fact]
    public void What_the_store_does_not_promise_need_not_be_asked()
    {
        var stale = Of("a committed 1 2: append x 1; a committed 3 4: read x []; b committed 5 6: read x [1]");

        Assert.True(HistoryChecker.Check(stale).Has(AnomalyKind.ProcessViolation));
        Assert.True(HistoryChecker.Check(stale, new HistoryCheckOptions { ProcessOrder = false }).Has(AnomalyKind.RealTimeViolation));
        Assert.Equal(HistoryVerdict.Valid, HistoryChecker.Check(stale, new HistoryCheckOptions { ProcessOrder = false, RealTime = false }).Verdict);
    }

    /// <summary>The large cycle is first in the history, and joined to the small one.</summary>
    [Fact]
    public void The_witness_is_the_smallest_cycle()
    {
        var report = HistoryChecker.Check(Of(
            "a committed: read p [], append q 1; b committed: read q [], append r 1; c committed: read r [], append s 1, append t 1; "
            + "d committed: read s [], read t [], append p 1; e committed: read t [], append u 1; f committed: read u [], append t 2"));

        var found = Assert.Single(report.Anomalies);
        Assert.Equal(AnomalyKind.G2Item, found.Kind);
        Assert.Equal(["e", "f"], found.Transactions.Select(transaction => transaction.Process).Order());
    }

    /// <summary>Each waits for the one before, and the first for the last: no stack of calls would hold that.</summary>
    [Fact]
    public void A_cycle_as_long_as_the_history_is_found()
    {
        const int length = 50_000;
        var ring = Enumerable.Range(0, length).Select(number => new RecordedTransaction(
            $"c{number}",
            RecordedOutcome.Committed,
            [new MicroOperation.ReadList($"k{number}", [1]), new MicroOperation.Append($"k{(number + 1) % length}", 1)])).ToList();

        var report = HistoryChecker.Check(ring);

        var found = Assert.Single(report.Anomalies);
        Assert.Equal(AnomalyKind.G1c, found.Kind);
        Assert.Equal(length, found.Transactions.Length);
    }

    private static ImmutableArray<RecordedTransaction> Of(string history) => HistoryText.Parse(history.Replace("; ", "\n", StringComparison.Ordinal));
}
