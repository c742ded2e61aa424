using Coordinator.Chaos.Drivers.Fleets;
using Coordinator.Chaos.Victims.Faults;

namespace Coordinator.Chaos.Drivers.Faults;

/// <summary>Faults of processes that any log of one owner has: killed, stopped, at random and at named points.</summary>
internal sealed class OwnerFaults(OwnerFleet fleet, Wounds wounds)
{
    public const string Stopped = "owner stopped cleanly";

    private readonly Queue<string> _points = wounds.Endless(CrashPoint.Names.Where(name => !IsClaim(name)), first: "append");
    private readonly Queue<string> _claimPoints = wounds.Endless(CrashPoint.Names.Where(IsClaim), first: "claim");

    public IReadOnlyList<Fault> All =>
    [
        new("owner killed", KillOwnerAsync) { IsCore = true, Weight = 4 },
        new("owner killed at a point", KillAtPointAsync) { IsCore = true, Weight = 8 },
        new("owner killed, then who claims", KillInClaimAsync) { IsCore = true, Weight = 4 },
        new("standby killed", KillStandbyAsync) { Weight = 2 },
        new("all hosts killed", KillAllAsync) { IsCore = true, Weight = 2 },
        new("rolling kills", RollAsync) { IsCore = true, Weight = 4 },
        new(Stopped, StopOwnerAsync) { IsCore = true },
    ];

    private static bool IsClaim(string point) => point.StartsWith("claim", StringComparison.Ordinal);

    private async Task KillOwnerAsync() => await wounds.MeasureAsync(wounds.Strike("owner killed", (await fleet.SettledAsync(1)).Owner, Signals.Kill));

    private async Task KillStandbyAsync()
    {
        var (_, others) = await fleet.SettledAsync(1);
        await wounds.MeasureAsync(wounds.Strike("standby killed", others[wounds.Random.Next(others.Count)], Signals.Kill));
    }

    private async Task KillAtPointAsync()
    {
        var (owner, _) = await fleet.SettledAsync(1);
        var point = _points.Dequeue();
        await Wounds.ArmAsync(owner, point, OccurrenceOf(point), Signals.Kill);
        await owner.Gone.WaitAsync(Wounds.Patience);
        await wounds.MeasureAsync(new Blow($"owner killed at a point ({point})", owner.GoneAt, owner.OpenWhenGone) { Victim = owner });
    }

    private int OccurrenceOf(string point) => point.StartsWith("append", StringComparison.Ordinal) ? wounds.Random.Next(1, 30) : wounds.Random.Next(1, 200);

    /// <summary>Who takes over dies of it, so that recovery itself is recovered from (C30).</summary>
    private async Task KillInClaimAsync()
    {
        var (owner, others) = await fleet.SettledAsync(1);
        var point = _claimPoints.Dequeue();
        foreach (var other in others)
        {
            await Wounds.ArmAsync(other, point, 1, Signals.Kill);
        }

        var blow = wounds.Strike($"owner killed, then who claims ({point})", owner, Signals.Kill);
        await Task.WhenAny(others.Select(other => other.Gone)).WaitAsync(Wounds.Patience);
        foreach (var other in others)
        {
            await Wounds.DisarmAsync(other);
        }

        await wounds.MeasureAsync(blow with { UpAgainAt = await fleet.DownUntilAsync() });
    }

    /// <summary>Nobody is left who knows anything but the log (G06).</summary>
    private async Task KillAllAsync()
    {
        var hosts = fleet.Hosts.ToArray();
        var blow = wounds.Now("all hosts killed");
        foreach (var host in hosts)
        {
            host.Signal(Signals.Kill);
        }

        await Task.WhenAll(hosts.Select(host => host.Gone)).WaitAsync(Wounds.Patience);
        await wounds.MeasureAsync(blow with { UpAgainAt = await fleet.DownUntilAsync() });
    }

    /// <summary>Every host, one after the other, each before the last one has come back (G11).</summary>
    private async Task RollAsync()
    {
        foreach (var host in fleet.Hosts.ToArray())
        {
            var (owner, _) = await fleet.SettledAsync(1);
            await wounds.MeasureAsync(wounds.Strike(host == owner ? "rolling kills (owner)" : "rolling kills (standby)", host, Signals.Kill));
        }
    }

    /// <summary>Only the row that hands over can let the next owner in at once: nobody knows here that the process is gone.</summary>
    private async Task StopOwnerAsync()
    {
        var (owner, others) = await fleet.SettledAsync();
        await fleet.OnlySilenceAsync(true, others);
        var blow = wounds.Now(Stopped, owner);
        owner.Stop();
        await wounds.MeasureAsync(blow);
        if (await owner.Gone.WaitAsync(Wounds.Patience) is var code and not 0)
        {
            wounds.History.Violated($"{owner} was stopped cleanly and ended with {code}");
        }

        await fleet.OnlySilenceAsync(false, fleet.Hosts);    }
}
