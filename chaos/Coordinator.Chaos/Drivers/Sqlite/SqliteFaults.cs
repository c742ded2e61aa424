using Coordinator.Chaos.Drivers.Faults;
using Coordinator.Chaos.Drivers.Fleets;
using Coordinator.Chaos.Victims.Faults;

namespace Coordinator.Chaos.Drivers.Sqlite;

/// <summary>Faults of a log in a file: its disk fails or is full, its owner dies inside the store's own writes, or sleeps with the file's lock in hand.</summary>
internal sealed class SqliteFaults(OwnerFleet fleet, string file, Wounds wounds)
{
    // Past the vote deadline. Nobody can take over: the lock is the sleeper's.
    private static readonly TimeSpan s_frozen = TimeSpan.FromSeconds(2.5), s_ioPatience = TimeSpan.FromSeconds(3);

    /// <param name="skipped">Takes what can't be done here, and why.</param>
    public IEnumerable<Fault> All(List<string> skipped)
    {
        yield return new Fault("owner frozen", async () => await ThawLaterAsync(wounds.Strike("owner frozen", await fleet.OwnerAsync(), Signals.Stop))) { IsCore = true, HealAsync = fleet.ThawAsync };
        yield return new Fault("owner frozen before an append", () => FreezeAtAsync("owner frozen before an append", "append.before")) { HealAsync = fleet.ThawAsync };
        yield return new Fault("owner frozen behind an append", () => FreezeAtAsync("owner frozen behind an append", "append.after")) { HealAsync = fleet.ThawAsync };
        if (Strace.WhyNot is { } why)
        {
            skipped.Add($"EIO at the commit sync, no space left, owner killed in a sync or a write of the log, watch of syncs: {why}");
            yield break;
        }

        yield return new Fault("EIO at the commit sync", () => FailAsync("EIO at the commit sync", Strace.Syncs, "error=EIO:when=2+5")) { IsCore = true }; // R2, L03
        yield return new Fault("no space left", () => FailAsync("no space left", Strace.Writes, "error=ENOSPC:when=3..40")) { IsCore = true }; // L04
        yield return new Fault("owner killed in a sync of the log", () => KillInsideAsync("owner killed in a sync of the log", Strace.Syncs, 20)) { IsCore = true, Weight = 2 }; // L01
        yield return new Fault("owner killed in a write of the log", () => KillInsideAsync("owner killed in a write of the log", Strace.Writes, 100)) { IsCore = true, Weight = 2 }; // L05
    }

    /// <summary>strace's arguments: these calls, on the write-ahead log alone.</summary>
    private string[] Injection(string calls, string injection) => ["-P", file + "-wal", "-e", "trace=" + calls, "-e", $"inject={calls}:{injection}"];

    private async Task FreezeAtAsync(string kind, string point) =>
        await ThawLaterAsync(await wounds.FreezeAtAsync(kind, fleet.OwnerAsync, point, occurrenceMax: 30));

    private async Task ThawLaterAsync(Blow blow)
    {
        await Task.Delay(s_frozen); // nobody can tell when a sleep has been long enough
        blow.Victim!.Signal(Signals.Continue);
        await wounds.MeasureAsync(blow with { UpAgainAt = History.Now, Victim = null });
    }

    private async Task FailAsync(string kind, string calls, string injection)
    {
        var owner = await fleet.OwnerAsync();
        Blow blow;
        await using (var strace = await Strace.AttachAsync(owner.ProcessId, file + ".trace", Injection(calls, injection)))
        {
            blow = wounds.Now(kind);
            for (var end = History.Now + s_ioPatience; strace.InjectedCount() == 0 && History.Now < end;)
            {
                await Task.Delay(20); // strace tells of an injection only by a line in its file
            }

            await Task.Delay(wounds.Random.Next(200, 1000)); // how long the fault lasts is the fault's own measure
            if (strace.InjectedCount() == 0)
            {
                wounds.History.Violated($"{kind}: no fault was injected, so nothing was shown");
            }
        }

        await wounds.MeasureAsync(blow with { UpAgainAt = History.Now });
    }

    private async Task KillInsideAsync(string kind, string calls, int occurrenceMax)
    {
        var owner = await fleet.OwnerAsync();
        await using (await Strace.AttachAsync(owner.ProcessId, file + ".trace", Injection(calls, $"signal=SIGKILL:when={wounds.Random.Next(1, occurrenceMax)}")))
        {
            await owner.Gone.WaitAsync(Wounds.Patience);
        }

        await wounds.MeasureAsync(new Blow(kind, owner.GoneAt, owner.OpenWhenGone) { Victim = owner });
    }
}
