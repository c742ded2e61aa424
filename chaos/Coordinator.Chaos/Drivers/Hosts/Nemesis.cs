using Coordinator.Chaos.Victims;
using Coordinator.Testing.Postgres;

namespace Coordinator.Chaos.Drivers.Hosts;

/// <summary>Does the blows, each to hosts that have settled and work.</summary>
internal sealed class Nemesis(Fleet fleet, LogServer server, History history, Random random, Action<string> note)
{
    public const string Owner = "owner killed", Silent = "owner killed, only its silence counts", AtPoint = "owner killed at a point";
    public const string InClaim = "owner killed, then who claims", Standby = "standby killed", Cut = "connections cut", Stopped = "owner stopped cleanly";
    public const string Frozen = "owner frozen", FrozenBefore = "owner frozen before an append", FrozenAfter = "owner frozen behind an append";
    public const string Restart = "server restarted", Immediate = "server stopped at once", ServerKill = "server killed";

    /// <summary>The protocol's own time: how long an owner must be silent.</summary>
    public static TimeSpan Silence { get; } = TimeSpan.FromSeconds(2);

    // A beat may have been heard half a second before the kill, in a look that was made half a second before that.
    private static readonly TimeSpan s_unseen = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_frozenMin = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    // Of the clients' sixteen: a blow to a log that nobody is using shows little.
    private const int OpenMin = 4;

    private readonly Queue<string> _points = Endless([.. CrashPoint.Names.Where(name => !name.StartsWith("claim", StringComparison.Ordinal))], random, first: "append");
    private readonly Queue<string> _claimPoints = Endless([.. CrashPoint.Names.Where(name => name.StartsWith("claim", StringComparison.Ordinal))], random, first: "claim");

    /// <summary>Every kind that can be done here.</summary>
    public IReadOnlyList<string> Kinds =>
    [
        Owner, Silent, AtPoint, InClaim, Standby, Cut, Stopped, Frozen, FrozenBefore, FrozenAfter,
        .. server.MayBeKilled ? (string[])[Restart, Immediate, ServerKill] : [],
    ];

    /// <summary>Does one blow and waits until it is over, so that the next one meets hosts that have settled.</summary>
    public async Task<Recovery> StrikeAsync(string kind)
    {
        var (owner, others) = await fleet.SettledAsync();
        await history.ServedAsync(History.Now, notBy: null).WaitAsync(s_patience);
        await Task.Delay(random.Next(100, 500)); // at any moment of the work
        await history.BusyAsync(OpenMin).WaitAsync(s_patience);
        return kind switch
        {
            Owner => await MeasureAsync(Strike(kind, owner, Signals.Kill)),
            Silent => await KillSilentlyAsync(owner, others),
            AtPoint => await KillAtPointAsync(owner, _points.Dequeue()),
            InClaim => await KillInClaimAsync(owner, others, _claimPoints.Dequeue()),
            Standby => await MeasureAsync(Strike(kind, others[random.Next(others.Count)], Signals.Kill)),
            Cut => await CutAsync(),
            Stopped => await StopAsync(owner, others),
            Restart => await StopServerAsync(kind, PostgreSqlStop.Fast),
            Immediate => await StopServerAsync(kind, PostgreSqlStop.Immediate),
            ServerKill => await StopServerAsync(kind, PostgreSqlStop.Kill),
            _ => await FreezeAsync(kind, owner),
        };
    }

    /// <summary>An owner that others took for dead is given more time by them: it must go before the next one is frozen.</summary>
    public async Task<bool> NeedsNewOwnerAsync() => (await fleet.SettledAsync()).Owner.WokenAt is not null;

    private Blow Strike(string kind, VictimHost victim, int signal)
    {
        var open = history.Open;
        var now = History.Now;
        victim.Signal(signal);
        return new Blow(kind, now, open) { Victim = victim };
    }

    private async Task<Recovery> KillSilentlyAsync(VictimHost owner, IReadOnlyList<VictimHost> others)
    {
        await fleet.OnlySilenceAsync(true, others);
        var recovery = await MeasureAsync(Strike(Silent, owner, Signals.Kill));
        if (recovery.Served < Silence - s_unseen)
        {
            history.Violated($"a host took over {recovery.Served.TotalSeconds:F2} s after a kill that only silence could tell");
        }

        await fleet.OnlySilenceAsync(false, fleet.Hosts);
        return recovery;
    }

    private async Task<Recovery> KillAtPointAsync(VictimHost owner, string point)
    {
        var occurrence = point.StartsWith("append", StringComparison.Ordinal) ? random.Next(1, 30) : random.Next(1, 200);
        await ArmAsync(owner, point, occurrence, Signals.Kill);
        await owner.Gone.WaitAsync(s_patience);
        return await MeasureAsync(new Blow($"{AtPoint} ({point})", owner.GoneAt, owner.OpenWhenGone) { Victim = owner });
    }

    /// <summary>Who takes over dies of it, so that recovery itself is recovered from (C30).</summary>
    private async Task<Recovery> KillInClaimAsync(VictimHost owner, IReadOnlyList<VictimHost> others, string point)
    {
        foreach (var other in others)
        {
            await ArmAsync(other, point, 1, Signals.Kill);
        }

        var blow = Strike($"{InClaim} ({point})", owner, Signals.Kill);
        await Task.WhenAny(others.Select(other => other.Gone)).WaitAsync(s_patience);
        foreach (var other in others)
        {
            await other.Send("arm", "nothing 0 0").AnswerWithinAsync(s_patience);
        }

        return await MeasureAsync(blow with { KillCount = 1 + others.Count(other => other.Gone.IsCompleted) });
    }

    private async Task<Recovery> CutAsync()
    {
        var (open, now) = (history.Open, History.Now);
        var blow = new Blow(Cut, now, open);
        if (await server.CutAsync() < 3)
        {
            history.Violated("there were fewer sessions to cut than hosts");
        }

        return await MeasureAsync(blow);
    }

    private async Task<Recovery> StopServerAsync(string kind, PostgreSqlStop how)
    {
        var (open, now) = (history.Open, History.Now);
        await server.StopAsync(how);
        await server.StartAgainAsync();
        return await MeasureAsync(new Blow(kind, now, open) { UpAgainAt = History.Now });
    }

    /// <summary>Only the row that hands over can let the next owner in at once: nobody knows here that the process is gone.</summary>
    private async Task<Recovery> StopAsync(VictimHost owner, IReadOnlyList<VictimHost> others)
    {
        await fleet.OnlySilenceAsync(true, others);
        var blow = new Blow(Stopped, History.Now, history.Open) { Victim = owner };
        owner.Stop();
        var recovery = await MeasureAsync(blow);
        if (await owner.Gone.WaitAsync(s_patience) is var code and not 0)
        {
            history.Violated($"{owner} was stopped cleanly and ended with {code}");
        }

        await fleet.OnlySilenceAsync(false, fleet.Hosts);
        return recovery;
    }

    /// <summary>The owner sleeps until it was displaced, and wakes with its work in hand: nothing of it may land (C27, C28, G02).</summary>
    private async Task<Recovery> FreezeAsync(string kind, VictimHost owner)
    {
        Blow blow;
        if (kind == Frozen)
        {
            blow = Strike(kind, owner, Signals.Stop);
        }
        else
        {
            await ArmAsync(owner, kind == FrozenBefore ? "append.before" : "append.after", random.Next(1, 30), Signals.Stop);
            using var patience = new CancellationTokenSource(s_patience);
            await owner.FrozenAsync(patience.Token);
            blow = new Blow(kind, History.Now, history.Open) { Victim = owner };
        }

        var recovery = await MeasureAsync(blow);
        if (blow.StruckAt + s_frozenMin - History.Now is { } left && left > TimeSpan.Zero)
        {
            await Task.Delay(left); // a freeze must outlast the silence that the others judge by, or nothing is fenced
        }

        var unanswered = owner.AllAnsweredAsync();
        owner.WokenAt = History.Now;
        owner.Signal(Signals.Continue);
        try
        {
            await unanswered.WaitAsync(s_patience); // whoever still waits at the woken host is told something
        }
        catch (TimeoutException)
        {
            history.Violated($"{owner} woke and left requests without an answer");
        }

        return recovery;
    }

    private static async Task ArmAsync(VictimHost host, string point, int occurrence, int signal)
    {
        if (await host.Send("arm", $"{point} {occurrence} {signal}").AnswerWithinAsync(s_patience) is not "armed")
        {
            throw new TimeoutException($"{host} can't be armed");
        }
    }

    private async Task<Recovery> MeasureAsync(Blow blow)
    {
        note($"driver: '{blow.Kind}' {blow.Victim} at {blow.StruckAt.TotalSeconds:F3}, {blow.Open.Count} open");
        var served = history.ServedAsync(blow.UpAgainAt ?? blow.StruckAt, blow.Victim);
        var known = Task.WhenAll(blow.Open.Select(one => one.Known));
        var both = Task.WhenAll(served, known);
        if (await Task.WhenAny(both, Task.Delay(s_patience)) != both)
        {
            history.Violated($"{s_patience.TotalSeconds:F0} s after '{blow.Kind}' {(served.IsCompleted ? "a host serves" : "no host serves")}, and {blow.Open.Count(one => one.Committed is null)} transactions are undecided (V1)");
        }

        var recovery = new Recovery(
            blow,
            served.IsCompletedSuccessfully ? await served : null,
            known.IsCompletedSuccessfully ? blow.Open.Select(one => one.KnownAt).DefaultIfEmpty(blow.StruckAt).Max() : null);
        note($"driver: '{blow.Kind}' served after {recovery.Served.TotalSeconds:F3}, known after {recovery.Decided.TotalSeconds:F3}");
        return recovery;
    }

    /// <summary>Those that begin with a word first, then all of them over and over, in the seed's order.</summary>
    private static Queue<string> Endless(string[] points, Random random, string first)
    {
        var shuffled = points.OrderBy(_ => random.Next()).ToArray();
        var begin = shuffled.Where(point => point.StartsWith(first, StringComparison.Ordinal));
        return new Queue<string>(begin.Concat(Enumerable.Repeat(shuffled, 1000).SelectMany(all => all)));
    }
}
