using Coordinator.Chaos.Drivers.Faults;
using Coordinator.Chaos.Drivers.Fleets;
using Coordinator.Chaos.Victims.Faults;

namespace Coordinator.Chaos.Drivers.Orleans;

/// <summary>Faults of silos' processes: killed and stopped, at random and at named points, one, two or all of them (G01, G06, G11). Each coordinates and has grains.</summary>
internal sealed class SiloFaults(SiloFleet fleet, Wounds wounds)
{
    private const string Stopped = "silo stopped cleanly", Rolling = "rolling kills of silos", All3 = "all silos killed", Two = "two silos killed";

    // Of the points that every run gets to, one of each step that leaves something behind.
    private static readonly string[] s_core = ["append.after", "vote.after", "claim.after"];

    /// <summary>
    /// Each named point is a fault of its own, so that a plan can promise it. At those of enlisting and voting the silo that dies is one that takes part with a grain, at the others the one that
    /// coordinates.
    /// </summary>
    public IReadOnlyList<Fault> All =>
    [
        .. CrashPoint.Names.Where(static point => !IsClaim(point)).Select(AtPoint),
        .. CrashPoint.Names.Where(IsClaim).Select(InClaim),
        new("silo killed", KillAsync) { Weight = 6 },
        new("silo killed, only its silence counts", KillSilentlyAsync) { Weight = 2, HealAsync = () => fleet.OnlySilenceAsync(false) },
        new(Two, KillTwoAsync) { Weight = 2 },
        new(All3, KillAllAsync) { IsCore = true },
        new(Rolling, RollAsync) { Weight = 2 },
        new(Stopped, StopAsync) { Weight = 2 },
    ];

    private static bool IsClaim(string point) => point.StartsWith("claim", StringComparison.Ordinal);

    private static bool IsOfGrains(string point) => point.StartsWith("enlist", StringComparison.Ordinal) || point.StartsWith("vote", StringComparison.Ordinal);

    private Fault AtPoint(string point)
    {
        var name = $"{(IsOfGrains(point) ? "silo of a grain" : "coordinating silo")} killed at {point}";
        return new Fault(name, () => KillAtPointAsync(name, point)) { IsCore = s_core.Contains(point, StringComparer.Ordinal) };
    }

    private Fault InClaim(string point)
    {
        var name = $"silo killed, and who takes over at {point}";
        return new Fault(name, () => KillInClaimAsync(name, point)) { IsCore = s_core.Contains(point, StringComparer.Ordinal), Weight = 2 };
    }

    private Task<VictimHost> AnyAsync() => fleet.AnyAsync(wounds.Random);

    private VictimHost Draw(IReadOnlyList<VictimHost> members) => members[wounds.Random.Next(members.Count)];

    private async Task KillAsync() => await wounds.MeasureAsync(wounds.Strike("silo killed", await AnyAsync(), Signals.Kill));

    /// <summary>As on another machine: nobody can see that the process is gone.</summary>
    private async Task KillSilentlyAsync()
    {
        var victim = await AnyAsync();
        await fleet.OnlySilenceAsync(true);
        await wounds.MeasureAsync(wounds.Strike("silo killed, only its silence counts", victim, Signals.Kill));
    }

    private Task KillAtPointAsync(string kind, string point) => wounds.KillAtAsync(kind, AnyAsync, point, occurrenceMax: 40);

    /// <summary>Who takes a shard of the dead one dies of it, so that recovery itself is recovered from (C30).</summary>
    private async Task KillInClaimAsync(string kind, string point)
    {
        var members = await fleet.MembersAsync(3);
        var victim = Draw(members);
        var claimant = Draw([.. members.Where(member => member != victim)]);
        await Wounds.ArmAsync(claimant, point, 1, Signals.Kill);
        var blow = wounds.Strike(kind, victim, Signals.Kill);
        await claimant.Gone.WaitAsync(Wounds.Patience);
        await wounds.MeasureAsync(blow);
    }

    private async Task KillTwoAsync()
    {
        var members = await fleet.MembersAsync(3);
        var left = Draw(members);
        var victims = members.Where(member => member != left).ToArray();
        var blow = wounds.Now(Two, victims[0]);
        Array.ForEach(victims, static victim => victim.Signal(Signals.Kill));
        await wounds.MeasureAsync(blow);
    }

    /// <summary>Nobody is left who knows anything but the log (G06). A silo that is no member yet can't say anything, and that takes as long as Orleans takes.</summary>
    private async Task KillAllAsync()
    {
        var hosts = fleet.Hosts.ToArray();
        var blow = wounds.Now(All3);
        Array.ForEach(hosts, static host => host.Signal(Signals.Kill));
        await Task.WhenAll(hosts.Select(static host => host.Gone)).WaitAsync(Wounds.Patience);
        await fleet.MembersAsync(1);
        await wounds.MeasureAsync(blow with { UpAgainAt = History.Now });
    }

    /// <summary>Every silo, one after the other, each before the last one need have come back (G11).</summary>
    private async Task RollAsync()
    {
        foreach (var host in fleet.Hosts.ToArray())
        {
            await fleet.MembersAsync(2);
            await wounds.MeasureAsync(wounds.Strike(Rolling, host, Signals.Kill));
        }
    }

    /// <summary>It hands over what it coordinates: nothing waits for its silence.</summary>
    private async Task StopAsync() => await wounds.StopAsync(Stopped, await AnyAsync());
}
