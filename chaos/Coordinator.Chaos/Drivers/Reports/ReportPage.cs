using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Coordinator.Chaos.Drivers.Reports;

/// <summary>Writes the page of a run, and its picture beside it.</summary>
internal static class ReportPage
{
    /// <param name="report">A run that was printed, and so judged.</param>
    /// <param name="file">The page; the picture is put beside it.</param>
    public static async Task WriteAsync(RunReport report, string file)
    {
        var picture = $"{Path.GetFileNameWithoutExtension(file)}-{report.Scenario}.svg";
        await File.WriteAllTextAsync(Path.Combine(Path.GetDirectoryName(Path.GetFullPath(file))!, picture), Timeline.Draw(report.History.CommittedBySecond, report.Done));
        await File.WriteAllTextAsync(file, PageOf(report, picture));
    }

    private static string PageOf(RunReport report, string picture)
    {
        var page = new StringBuilder();
        page.Append(Text(
            $"""
            # A chaos run

            Written by the run itself. Processes of a real fleet were killed, stopped, cut off and starved under load, by a plan that the seed draws; what their clients saw was judged against the
            log, round by round. What is done and judged: [chaos/README.md](../chaos/README.md).

            To repeat it:

                {report.Command}

            | | |
            |---|---|
            | scenario, seed | {report.Scenario}, {report.Seed} |
            | machine | {Environment.ProcessorCount} cores, {GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 30} GiB, {RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription} |
            | time, rounds | {report.Took.TotalSeconds:F0} s, {report.Rounds} |
            | verdict | **{report.Verdict}**, {report.ViolationCount} violations |
            | kills | {report.Kills}: {report.HostKills} hosts, {report.ClientKills} clients |
            | faults | {report.Done.Count}, of {report.Done.Select(one => one.Fault).Distinct(StringComparer.Ordinal).Count()} kinds |
            | transactions | {report.Transactions}: {report.Committed} committed, {report.Transactions - report.Committed - report.Unknown} aborted |
            | unknown at first, to the end | {Share(report.Asked, report.Transactions)}, {report.Unknown} |
            | in doubt at the end | {report.InDoubtAtEnd} |
            | all that was open known again | p50 {report.RecoverySeconds(0.5)} s, p99 {report.RecoverySeconds(0.99)} s |
            | a new transaction committed again | p50 {report.ServedSeconds(0.5)} s, p99 {report.ServedSeconds(0.99)} s |
            | claims of the log, handed over | {report.Claims}, {report.HandOvers} |
            | planted faults that the judges had to find, and found | {report.Planted} |

            ![Commits a second, with the faults marked]({picture})

            Recovery is counted from the blow, or, where nobody could do anything for a while (server down, disk full, all hosts dead), from when somebody could. The percentiles leave out blows to hosts that only stand by.

            ## Faults

            | fault | times | all known after, p50 | max | serving after, max |
            |---|---|---|---|---|

            """));
        foreach (var kind in report.Recoveries.GroupBy(one => one.Blow.Kind, StringComparer.Ordinal).OrderBy(kind => kind.Key, StringComparer.Ordinal))
        {
            var known = kind.Select(one => one.DecidedOnceUp).Order().ToArray();
            page.AppendLine(Text($"| {kind.Key} | {known.Length} | {Seconds(known[(known.Length - 1) / 2])} | {Seconds(known[^1])} | {Seconds(kind.Max(one => one.ServedOnceUp))} |"));
        }

        page.Append("\n## Checkers\n\n| checker | spoke | verdict | violations |\n|---|---|---|---|\n");
        foreach (var check in report.Checks)
        {
            page.AppendLine(Text($"| {check.Name} | {check.Reports} | {check.Verdict} | {check.Witnesses} |"));
        }

        page.AppendLine(Text($"| the log's own rows | {report.Rounds} | {(report.History.Violations.Count == 0 ? "Valid" : "Invalid")} | {report.History.Violations.Count} |"));
        page.Append("\n## Not done on this machine\n\n");
        page.AppendLine(report.Skipped.Count == 0 ? "Nothing was left out." : string.Join('\n', report.Skipped.Select(one => "- " + one)));
        return page.ToString();
    }

    private static string Share(int part, int all) => all == 0 ? "0 %" : Text($"{100.0 * part / all:F1} %");

    private static string Seconds(TimeSpan time) => time == TimeSpan.MaxValue ? "never" : Text($"{time.TotalSeconds:F2} s");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
