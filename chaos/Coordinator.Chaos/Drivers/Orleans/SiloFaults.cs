using Coordinator.Chaos.Drivers.Faults;
using Coordinator.Chaos.Drivers.Fleets;
using Coordinator.Chaos.Victims.Faults;

namespace Coordinator.Chaos.Drivers.Orleans;

/// <summary>Faults of silos' processes: killed and stopped, at random and at named points, one, two or all of them (G01, G06, G11). Each coordinates and has grains.</summary>
internal sealed class SiloFaults(SiloFleet fleet, Wounds wounds)
{
    private const string AtCoordinator = "coordinating silo killed at a point", AtParticipant = "silo of grains killed at a point", InClaim = "silo killed, then who claims";
    private const string Stopped = "silo stopped cleanly", Rolling = "rolling kills of silos", All3 = "all silos killed", Two = "two silos killed";

    // Whose messages they are: grains enlist and vote, whoever coordinates prepares, decides and tells.
    private readonly Queue<string> _coordinatorPoints = wounds.Endless(Points("prepare", "append", "decision"), first: "append");
    private readonly Queue<string> _participantPoints = wounds.Endless(Points("enlist", "vote"), first: "vote");
    private readonly Queue<string> _claimPoints = wounds.Endless(Points("claim"), first: "claim");

    public IReadOnlyList<Fault> All =>
    [
        new("silo killed", KillAsync) { IsCore = true, Weight = 4 },
        new("silo killed, only its silence counts", KillSilentlyAsync) { Weight = 2, HealAsync = () => fleet.OnlySilenceAsync(false) },
        new(AtCoordinator, () => KillAtPointAsync(AtCoordinator, _coordinatorPoints.Dequeue())) { IsCore = true, Weight = 6 },
        new(AtParticipant, () => KillAtPointAsync(AtParticipant, _participantPoints.Dequeue())) { IsCore = true, Weight = 4 },
        new(InClaim, KillInClaimAsync) { IsCore = true, Weight = 2 },
        new(Two, KillTwoAsync) { IsCore = true, Weight = 2 },
        new(All3, KillAllAsync) { IsCore = true },
        new(Rolling, RollAsync) { Weight = 2 },
        new(Stopped, StopAsync) { Weight = 2 },
    ];

    private static IEnumerable<string> Points(params string[] steps) => CrashPoint.Names.Where(name => steps.Contains(name.Split('.')[0], StringComparer.Ordinal));

    private async Task<VictimHost> AnyAsync() => Draw(await fleet.MembersAsync(2));

    private VictimHost Draw(IReadOnlyList<VictimHost> members) => members[wounds.Random.Next(members.Count)];

    private async Task KillAsync() => await wounds.MeasureAsync(wounds.Strike("silo killed", await AnyAsync(), Signals.Kill));

    /// <summary>As on another machine: nobody can see that the process is gone.</summary>
    private async Task KillSilentlyAsync()
    {
        var victim = await AnyAsync();
        await fleet.OnlySilenceAsync(true);
        await wounds.MeasureAsync(wounds.Strike("silo killed, only its silence counts", victim, Signals.Kill));
    }

    private async Task KillAtPointAsync(string kind, string point)
    {
        var victim = await AnyAsync();
        await Wounds.ArmAsync(victim, point, wounds.Random.Next(1, 40), Signals.Kill);
        await victim.Gone.WaitAsync(Wounds.Patience);
        await wounds.MeasureAsync(new Blow($"{kind} ({point})", victim.GoneAt, victim.OpenWhenGone) { Victim = victim });
    }

    /// <summary>Who takes a shard of the dead one dies of it, so that recovery itself is recovered from (C30).</summary>
    private async Task KillInClaimAsync()
    {
        var members = await fleet.MembersAsync(3);
        var victim = Draw(members);
        var claimant = Draw([.. members.Where(member => member != victim)]);
        var point = _claimPoints.Dequeue();
        await Wounds.ArmAsync(claimant, point, 1, Signals.Kill);
        var blow = wounds.Strike($"{InClaim} ({point})", victim, Signals.Kill);
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
    private async Task StopAsync()
    {
        var victim = await AnyAsync();
        var blow = wounds.Now(Stopped, victim);
        victim.Stop();
        await wounds.MeasureAsync(blow);
        if (await victim.Gone.WaitAsync(Wounds.Patience) is var code and not 0)
        {
            wounds.History.Violated($"{victim} was stopped cleanly and ended with {code}");
        }
    }
}
