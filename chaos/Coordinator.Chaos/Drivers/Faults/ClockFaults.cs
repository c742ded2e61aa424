using Coordinator.Chaos.Drivers.Fleets;
using Coordinator.Chaos.Victims.Faults;

namespace Coordinator.Chaos.Drivers.Faults;

/// <summary>One host whose wall clock is wrong: an hour ahead, an hour behind, or jumping about (L16). Nothing is decided by it.</summary>
internal sealed class ClockFaults(OwnerFleet fleet, Wounds wounds)
{
    private readonly string _clock = Path.Combine(Path.GetTempPath(), $"coordinator-clock-{Environment.ProcessId}");
    private static readonly TimeSpan s_owning = TimeSpan.FromSeconds(1);

    /// <param name="skipped">Takes what can't be done here, and why.</param>
    public IEnumerable<Fault> All(List<string> skipped)
    {
        if (Library is not { } library)
        {
            skipped.Add("clock ahead, behind, jumping: libfaketime is not installed");
            yield break;
        }

        yield return new Fault("owner's clock an hour ahead", () => RunAsync("owner's clock an hour ahead", library, "+1h"));
        yield return new Fault("owner's clock an hour behind", () => RunAsync("owner's clock an hour behind", library, "-1h"));
        yield return new Fault("owner's clock jumps", () => RunAsync("owner's clock jumps", library, "+1h", "-1h", "+600s", "-5s"));
    }

    private static string? Library { get; } = new[] { "/usr/lib", "/usr/lib64", "/usr/local/lib" }.Where(Directory.Exists)
        .SelectMany(folder => Directory.EnumerateDirectories(folder).Append(folder)).Select(folder => Path.Combine(folder, "faketime", "libfaketimeMT.so.1")).FirstOrDefault(File.Exists);

    /// <summary>Every standby is started again with the wrong clock, so that one of them takes over when the owner is killed.</summary>
    private async Task RunAsync(string kind, string library, params string[] offsets)
    {
        await File.WriteAllTextAsync(_clock, offsets[0]);
        var (owner, _) = await fleet.SettledAsync();
        var others = fleet.Hosts.Where(host => host != owner).ToArray();
        var places = others.Select(fleet.PlaceOf).ToArray();
        foreach (var place in places)
        {
            fleet.Change(place, start =>
            {
                start.Environment["LD_PRELOAD"] = library;
                start.Environment["FAKETIME_TIMESTAMP_FILE"] = _clock;
                start.Environment["FAKETIME_CACHE_DURATION"] = "1";
                start.Environment["DONT_FAKE_MONOTONIC"] = "1"; // as a clock that an administrator has set: time goes on as it should
                start.Environment["FAKETIME_FORCE_MONOTONIC_FIX"] = "0"; // else the runtime's waits end at once
            });
        }

        try
        {
            await Task.WhenAll(others.Select(KillAsync));
            await fleet.SettledAsync();
        }
        finally
        {
            Array.ForEach(places, place => fleet.Change(place, null));
        }

        await wounds.MeasureAsync(wounds.Strike(kind, owner, Signals.Kill));
        foreach (var offset in offsets)
        {
            await File.WriteAllTextAsync(_clock, offset);
            await Task.Delay(s_owning);
        }

        foreach (var wrong in places.Select(place => fleet.Hosts[place]).ToArray())
        {
            await wounds.MeasureAsync(wounds.Strike(kind + ", who is killed", wrong, Signals.Kill));
        }
    }

    private static async Task KillAsync(VictimHost host)
    {
        host.Signal(Signals.Kill);
        await host.Gone.WaitAsync(Wounds.Patience);
    }
}
