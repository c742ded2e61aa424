using System.Diagnostics;
using Coordinator.Testing.Histories;
using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests.Histories;

/// <summary>Random histories, of fixed seeds: whether a test passes must not depend on the day.</summary>
public sealed class GeneratedHistoryTests(ITestOutputHelper output)
{
    private const ulong Seeds = 100;
    private const int Transactions = 200;
    private static readonly TimeSpan s_speedMax = TimeSpan.FromSeconds(20);

    private static readonly HistoryCheckOptions s_options = new();

    public static TheoryData<string> WaysToBreak => [.. Breaks.All.Keys];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_was_executed_one_by_one_is_valid(bool tellsVersions)
    {
        for (var seed = 1UL; seed <= Seeds; seed++)
        {
            var report = HistoryChecker.Check(SerialExecutor.Run(seed, Transactions, tellsVersions), s_options);

            Assert.True(report.Verdict is HistoryVerdict.Valid, $"seed {seed}, versions {tellsVersions}: {report}");
        }
    }

    [Theory]
    [MemberData(nameof(WaysToBreak))]
    public void A_history_that_is_made_false_in_one_place_is_invalid(string way)
    {
        var broken = 0UL;
        for (var seed = 1UL; seed <= Seeds; seed++)
        {
            if (Breaks.All[way](SerialExecutor.Run(seed, Transactions), new SeededRandom(seed)) is not { } history)
            {
                continue;
            }

            broken++;
            var report = HistoryChecker.Check(history, s_options);
            Assert.True(report.Verdict is HistoryVerdict.Invalid, $"seed {seed}: {way}, and it was not found: {report}");
        }

        Assert.True(broken > Seeds * 3 / 4, $"vacuous: {broken} of {Seeds}");
    }

    [Fact]
    public void Snapshot_isolation_shows_write_skew_and_nothing_worse()
    {
        var skews = 0;
        for (var seed = 1UL; seed <= Seeds; seed++)
        {
            var report = HistoryChecker.Check(SnapshotExecutor.Run(seed, 60), s_options with { RealTime = false, ProcessOrder = false, CommittedShareMin = 0.2 });

            Assert.True(report.Anomalies.All(anomaly => anomaly.Kind is AnomalyKind.G2Item), $"seed {seed}: {report}");
            skews += report.Anomalies.Length;
        }

        Assert.True(skews > (int)Seeds / 2, $"only {skews} in {Seeds} histories");
    }

    [Fact]
    public void A_hundred_thousand_transactions_are_judged_in_twenty_seconds()
    {
        var history = SerialExecutor.Run(seed: 7, transactions: 100_000);
        var text = string.Join('\n', history.Select(HistoryText.Format));
        var watch = Stopwatch.StartNew();
        var read = HistoryText.Parse(text);
        var parsed = watch.Elapsed;
        var report = HistoryChecker.Check(read, s_options);
        var time = watch.Elapsed;

        var figures = $"{history.Count} transactions of {history.Sum(one => one.Operations.Length)} operations on {history.SelectMany(one => one.Operations).Select(one => one.Key).Distinct().Count()} keys: "
            + $"read from {text.Length / 1_000_000} MB of text in {parsed.TotalSeconds:F2} s, judged in {(time - parsed).TotalSeconds:F2} s";
        output.WriteLine(figures);
        Console.WriteLine(figures);
        Assert.True(report.Verdict is HistoryVerdict.Valid, report.ToString());
        Assert.InRange(time, TimeSpan.Zero, s_speedMax);
    }

    /// <summary>A read that is as stale as the history is long ties all of it into one knot.</summary>
    [Fact]
    public void A_hundred_thousand_transactions_with_an_old_read_in_them_are_judged_in_twenty_seconds()
    {
        var history = SerialExecutor.Run(seed: 8, transactions: 100_000);
        var writers = history.SelectMany(one => one.Operations.OfType<MicroOperation.Append>().Select(append => (append.Element, one))).ToDictionary();
        var (key, old) = history[^1].Operations.OfType<MicroOperation.ReadList>()
            .Select(read => (read.Key, Length: Enumerable.Range(1, read.Elements.Length - 1).First(at => writers[read.Elements[at - 1]] != writers[read.Elements[at]]), read.Elements))
            .Select(read => (read.Key, read.Elements[..read.Length])).First();
        history.Insert(history.Count - 1, new RecordedTransaction("stale", RecordedOutcome.Committed, [new MicroOperation.ReadList(key, old)])
        {
            BeganAt = history[^1].BeganAt - 2,
            EndedAt = history[^1].BeganAt - 1,
        });
        var watch = Stopwatch.StartNew();

        var report = HistoryChecker.Check(history, s_options);

        output.WriteLine($"judged in {watch.Elapsed.TotalSeconds:F2} s: {report}");
        Assert.Equal([AnomalyKind.RealTimeViolation], report.Anomalies.Select(anomaly => anomaly.Kind));
        Assert.Equal(2, report.Anomalies[0].Transactions.Length);
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, s_speedMax);
    }
}
