using Coordinator.Testing.Checkers;
using Coordinator.Testing.Histories;
using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests.Checkers;

/// <summary>All checkers on random runs, of fixed seeds: whether a test passes must not depend on the day.</summary>
public sealed class CheckersTests
{
    private const ulong Seeds = 100;

    public static TheoryData<string> Faults => [.. PlantedFaults.All.Keys];

    [Fact]
    public void A_good_run_is_valid()
    {
        for (var seed = 1UL; seed <= Seeds; seed++)
        {
            var reports = GoodRun.Of(seed).Check();

            Assert.True(RunVerdict.Of(reports).Verdict is HistoryVerdict.Valid, $"seed {seed}: {RunVerdict.Of(reports)}");
            Assert.Distinct(reports.Select(report => report.Checker));
        }
    }

    [Fact]
    public void A_good_run_is_valid_up_to_each_moment_of_it()
    {
        for (var seed = 1UL; seed <= Seeds; seed++)
        {
            var run = GoodRun.Of(seed);
            var halfway = EventsChecker.Check(run.Events with { Runs = [run.Events.Runs.First()], Published = [.. run.Events.Published.Take(run.Events.Published.Count / 2)], IsOver = false });
            var unannounced = AgreementChecker.Check(run.Agreement with { Told = [.. run.Agreement.Told.Take(20)], Announced = [.. run.Agreement.Announced.Take(20)], IsOver = false });
            var unread = BankSumChecker.Check(run.Bank with { Final = null, IsOver = false });

            Assert.All([halfway, unannounced, unread], report => Assert.True(report.Verdict is HistoryVerdict.Valid, $"seed {seed}: {report}"));
        }
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_run_that_is_false_in_one_place_is_invalid(string fault)
    {
        var (check, witness) = PlantedFaults.All[fault];
        var planted = 0UL;
        for (var seed = 1UL; seed <= Seeds; seed++)
        {
            if (check(GoodRun.Of(seed), new SeededRandom(seed)) is not { } report)
            {
                continue;
            }

            planted++;
            Assert.True(report.Verdict is HistoryVerdict.Invalid, $"seed {seed}: {fault}, and it was not found: {report}");
            Assert.True(report.Witnesses.Any(one => one.Contains(witness, StringComparison.Ordinal)), $"seed {seed}: no witness says '{witness}': {report}");
        }

        Assert.True(planted > Seeds / 2, $"vacuous: {planted} of {Seeds}");
    }

    [Fact]
    public void Ten_witnesses_are_kept_and_all_are_counted()
    {
        var report = InDoubtChecker.Check(new InDoubtEvidence([new UnfinishedAt("host 1", [.. Enumerable.Range(1, 25).Select(number => new UnfinishedTransaction($"t{number}", "undecided"))])]));

        Assert.Equal((10, 25), (report.Witnesses.Length, report.WitnessCount));
        Assert.EndsWith("and 15 more", report.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_witness_names_who_told_what_and_when()
    {
        var report = AgreementChecker.Check(new AgreementEvidence(
            [new AnnouncedTransaction("t1", ["a", "b"]), new AnnouncedTransaction("t2")],
            [new ToldOutcome("t1", RecordedOutcome.Committed, "host 1", TimeSpan.FromSeconds(1)), new ToldOutcome("t1", RecordedOutcome.Aborted, "host 2", TimeSpan.FromSeconds(2))],
            [new LoggedDecision("t1", IsCommit: true, "shard/0", 7, ["a", "b"])],
            [new LoggedRow("t1", "a", 3), new LoggedRow("t2", "c", 1)]));

        Assert.Equal(
            [
                "host 1 told at 1.000 s that t1 is committed, and host 2 told at 2.000 s that t1 is aborted",
                "c row 1 is of t2, which the log has no decision to commit",
                "t1 is torn: committed, shard/0 row 7; its decision names a, b, and it is in a",
            ],
            report.Witnesses);
    }

    [Fact]
    public void Half_a_million_transactions_are_judged_in_ten_seconds()
    {
        const int count = 500_000;
        var ids = Enumerable.Range(1, count).Select(number => $"{number:x48}").ToArray();
        var evidence = new AgreementEvidence(
            [.. ids.Select(id => new AnnouncedTransaction(id, ["a", "b"]))],
            [.. ids.Select(id => new ToldOutcome(id, RecordedOutcome.Committed, "host 1", default))],
            [.. ids.Select((id, at) => new LoggedDecision(id, IsCommit: true, "shard/0", at + 1, ["a", "b"]))],
            [.. ids.SelectMany((id, at) => new[] { new LoggedRow(id, "a", at + 1), new LoggedRow(id, "b", at + 1) })]);
        var watch = System.Diagnostics.Stopwatch.StartNew();

        var report = AgreementChecker.Check(evidence);

        Assert.True(report.Verdict is HistoryVerdict.Valid, report.ToString());
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(10));
    }
}
