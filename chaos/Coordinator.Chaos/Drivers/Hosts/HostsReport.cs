using System.Text.Json;

namespace Coordinator.Chaos.Drivers.Hosts;

/// <summary>What came of a run, and whether that is good: valid, invalid, or unknown, which never passes.</summary>
internal sealed class HostsReport(string scenario, int seed)
{
    private const double CommittedShareMin = 0.5, UnknownShareMax = 0.2;

    /// <summary>Within which everything must be decided and known (V5).</summary>
    private static readonly TimeSpan s_decidedMax = TimeSpan.FromSeconds(5);

    public List<Recovery> Recoveries { get; } = [];

    /// <summary>Why the workload's own judge can say nothing.</summary>
    public List<string> OwnDoubts { get; } = [];

    public IReadOnlyList<string> Kinds { get; set; } = [];

    public ShopAudit? Audit { get; set; }

    /// <summary>Faults that the judge had to find.</summary>
    public int Planted { get; set; }

    public TimeSpan LongestHandOver { get; set; }

    public int Refusals { get; set; }

    public int Processes { get; set; }

    /// <summary>Prints it all; true if the verdict is valid.</summary>
    public bool Print(History history, int killsMin)
    {
        foreach (var kind in Recoveries.GroupBy(recovery => recovery.Blow.Kind).OrderBy(kind => kind.Key, StringComparer.Ordinal))
        {
            Console.WriteLine($"  {kind.Count()} x {kind.Key}: served again after at most {Text(kind.Max(one => one.Served))}, all known after {Text(kind.Max(one => one.Decided))}{IfServer(kind)}");
        }

        Percentiles("served again", recovery => recovery.Served);
        Percentiles("all that was open known", recovery => recovery.Decided);
        Percentiles("served again, server up", recovery => recovery.ServedOnceUp);
        Percentiles("all that was open known, server up", recovery => recovery.DecidedOnceUp);
        Console.WriteLine($"  claimed behind a row that hands over: after at most {Text(LongestHandOver)}");
        foreach (var violation in history.Violations.Take(20))
        {
            Console.WriteLine("  VIOLATION " + violation);
        }

        var doubts = Doubts(history, killsMin).ToArray();
        foreach (var doubt in doubts)
        {
            Console.WriteLine("  DOUBT " + doubt);
        }

        var verdict = history.Violations.Count > 0 || DecidedP99 > s_decidedMax ? "invalid" : doubts.Length > 0 ? "unknown" : "valid";
        PrintSummary(history, verdict);
        return verdict == "valid";
    }

    private TimeSpan DecidedP99 => Percentile(Recoveries.Select(recovery => recovery.DecidedOnceUp), 0.99);

    private int KillCount => Recoveries.Sum(recovery => recovery.Blow.KillCount);

    /// <summary>Why the run shows nothing, though nothing was found.</summary>
    private IEnumerable<string> Doubts(History history, int killsMin)
    {
        foreach (var doubt in OwnDoubts)
        {
            yield return doubt;
        }

        var all = history.All;
        if (Audit is null)
        {
            yield return "the log was not judged at the end";
        }

        if (all.Any(one => one.Committed is null))
        {
            yield return $"{all.Count(one => one.Committed is null)} transactions are unknown to the end";
        }

        if (all.Count(one => one.Committed is true) < all.Count * CommittedShareMin)
        {
            yield return $"only {all.Count(one => one.Committed is true)} of {all.Count} transactions committed";
        }

        if (all.Count(one => one.WasAsked) > all.Count * UnknownShareMax)
        {
            yield return $"{all.Count(one => one.WasAsked)} of {all.Count} transactions were unknown at first";
        }

        if (KillCount < killsMin)
        {
            yield return $"{KillCount} kills instead of {killsMin}";
        }

        foreach (var kind in Kinds.Where(kind => !Recoveries.Exists(recovery => recovery.Blow.Kind.StartsWith(kind, StringComparison.Ordinal))))
        {
            yield return $"nothing was done of the kind '{kind}'";
        }

        if (!Recoveries.Exists(recovery => recovery.Blow.Open.Count > 0))
        {
            yield return "nothing was open at any kill";
        }
    }

    private void PrintSummary(History history, string verdict)
    {
        var all = history.All;
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            scenario,
            seed,
            kills = KillCount,
            processes = Processes,
            claims = Audit?.ClaimCount,
            handOvers = Audit?.HandOverCount,
            transactions = all.Count,
            committed = all.Count(one => one.Committed is true),
            aborted = all.Count(one => one.Committed is false),
            unknownThenCommitted = all.Count(one => one.WasAsked && one.Committed is true),
            unknownThenAborted = all.Count(one => one.WasAsked && one.Committed is false),
            unknown = all.Count(one => one.Committed is null),
            refused = Refusals,
            openAtKills = Recoveries.Sum(recovery => recovery.Blow.Open.Count),
            toldByWoken = history.ToldByWokenCount,
            plantedAndFound = Planted,
            seconds = Math.Round(History.Now.TotalSeconds),
            violations = history.Violations.Count,
            inDoubtAtEnd = Audit?.InDoubtCount,
            verdict,
        }));
    }

    private void Percentiles(string what, Func<Recovery, TimeSpan> time)
    {
        var times = Recoveries.Select(time).ToArray();
        Console.WriteLine($"  {what}: p50 {Text(Percentile(times, 0.5))}, p99 {Text(Percentile(times, 0.99))}, max {Text(Percentile(times, 1))}");
    }

    private static string IfServer(IEnumerable<Recovery> kind)
    {
        var down = kind.Where(one => one.Blow.UpAgainAt is not null).ToArray();
        return down.Length == 0 ? string.Empty : $" ({Text(down.Max(one => one.ServedOnceUp))} and {Text(down.Max(one => one.DecidedOnceUp))} once the server was up)";
    }

    /// <summary>By nearest rank: with few samples the highest percentiles are the maximum.</summary>
    private static TimeSpan Percentile(IEnumerable<TimeSpan> times, double share)
    {
        var sorted = times.Order().ToArray();
        return sorted.Length == 0 ? TimeSpan.Zero : sorted[Math.Max(0, (int)Math.Ceiling(sorted.Length * share) - 1)];
    }

    private static string Text(TimeSpan time) => time == TimeSpan.MaxValue ? "never" : $"{time.TotalSeconds:F2} s";
}
