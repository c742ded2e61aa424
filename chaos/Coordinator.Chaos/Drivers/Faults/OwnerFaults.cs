using Coordinator.Chaos.Drivers.Fleets;
using Coordinator.Chaos.Victims.Faults;

namespace Coordinator.Chaos.Drivers.Faults;

/// <summary>Faults of processes that any log of one owner has: killed, stopped, at random and at named points.</summary>
internal sealed class OwnerFaults(OwnerFleet fleet, Wounds wounds)
{
    public const string Stopped = "owner stopped cleanly";

    /// <summary>Each named point of the commit path is a fault of its own, so that a plan can promise it.</summary>
    public IReadOnlyList<Fault> All =>
    [
        .. CrashPoint.Names.Where(point => !IsClaim(point)).Select(AtPoint),
        .. CrashPoint.Names.Where(IsClaim).Select(InClaim),
        new("owner killed", KillOwnerAsync) { Weight = 6 },
        new("standby killed", KillStandbyAsync) { Weight = 2 },
        new("all hosts killed", KillAllAsync) { IsCore = true, Weight = 2 },
        new("rolling kills", RollAsync) { IsCore = true, Weight = 6 },
        new(Stopped, StopOwnerAsync) { IsCore = true },
    ];

    private static bool IsClaim(string point) => point.StartsWith("claim", StringComparison.Ordinal);

    private static bool IsAppend(string point) => point.StartsWith("append", StringComparison.Ordinal);

    private Fault AtPoint(string point)
    {
        var name = $"owner killed at {point}";
        return new Fault(name, () => KillAtPointAsync(name, point)) { IsCore = IsAppend(point) };
    }

    private Fault InClaim(string point)
    {
        var name = $"owner killed, and who takes over at {point}";
        return new Fault(name, () => KillInClaimAsync(name, point)) { IsCore = point == "claim.after", Weight = 2 };
    }

    private async Task KillOwnerAsync() => await wounds.MeasureAsync(wounds.Strike("owner killed", await fleet.OwnerAsync(), Signals.Kill));

    private async Task KillStandbyAsync()
    {
        var (_, others) = await fleet.SettledAsync(1);
        await wounds.MeasureAsync(wounds.Strike("standby killed", others[wounds.Random.Next(others.Count)], Signals.Kill) with { SparesOwner = true });
    }

    private Task KillAtPointAsync(string kind, string point) =>
        wounds.KillAtAsync(kind, fleet.OwnerAsync, point, occurrenceMax: IsAppend(point) ? 30 : 200);

    /// <summary>Who takes over dies of it, so that recovery itself is recovered from (C30).</summary>
    private async Task KillInClaimAsync(string kind, string point)
    {
        var (owner, others) = await fleet.SettledAsync(); // all of them: one that is not armed may be the one who takes over
        foreach (var other in others)
        {
            await Wounds.ArmAsync(other, point, 1, Signals.Kill);
        }

        var blow = wounds.Strike(kind, owner, Signals.Kill);
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
            var owner = await fleet.OwnerAsync();
            await wounds.MeasureAsync(wounds.Strike(host == owner ? "rolling kills (owner)" : "rolling kills (standby)", host, Signals.Kill) with { SparesOwner = host != owner });
        }
    }

    /// <summary>Only the row that hands over can let the next owner in at once: nobody knows here that the process is gone.</summary>
    private async Task StopOwnerAsync()
    {
        var (owner, others) = await fleet.SettledAsync();
        await fleet.OnlySilenceAsync(true, others);
        await wounds.StopAsync(Stopped, owner);
        await fleet.OnlySilenceAsync(false, fleet.Hosts);
    }
}
