using Coordinator.Chaos.Drivers.Fleets;
using Coordinator.Chaos.Victims.Faults;

namespace Coordinator.Chaos.Drivers.Faults;

/// <summary>What every fault needs: the moment it was done, and how long it took to get over it.</summary>
internal sealed class Wounds(History history, Random random, Action<string> note)
{
    private const int ReachTries = 3;

    /// <summary>How long the driver waits for what must happen.</summary>
    public static TimeSpan Patience { get; } = TimeSpan.FromSeconds(20);

    /// <summary>
    /// At least so long a host sleeps or is cut off that others are to take for gone: longer than the silence that they judge by and than the deadline for votes, which are 2 s both. Else nothing is fenced.
    /// </summary>
    public static TimeSpan DisplacedMin { get; } = TimeSpan.FromSeconds(3.5);

    public History History => history;

    public Random Random => random;

    public Action<string> Note => note;

    /// <summary>Signals a host, now.</summary>
    public Blow Strike(string kind, VictimHost victim, int signal)
    {
        var blow = Now(kind, victim);
        victim.Signal(signal);
        return blow;
    }

    /// <summary>A blow that is done right behind this.</summary>
    public Blow Now(string kind, VictimHost? victim = null) => new(kind, History.Now, history.Open) { Victim = victim };

    /// <summary>Makes a host kill or stop itself at a point.</summary>
    public static async Task ArmAsync(VictimHost host, string point, int occurrence, int signal)
    {
        if (await host.Send("arm", $"{point} {occurrence} {signal}").AnswerWithinAsync(Patience) is not "armed")
        {
            throw new TimeoutException($"{host} can't be armed");
        }
    }

    /// <summary>A host that was armed and lives is armed no more.</summary>
    public static Task<string?> DisarmAsync(VictimHost host) => host.Send("arm", "nothing 0 0").AnswerWithinAsync(Patience);

    /// <summary>Kills a host at a point of its work, and measures it.</summary>
    public async Task KillAtAsync(string kind, Func<Task<VictimHost>> chooseAsync, string point, int occurrenceMax)
    {
        var host = await ReachAsync(chooseAsync, point, occurrenceMax, Signals.Kill, static (host, patience) => host.Gone.WaitAsync(patience));
        await MeasureAsync(new Blow(kind, host.GoneAt, host.OpenWhenGone) { Victim = host });
    }

    /// <summary>Stops a host in its tracks at a point of its work.</summary>
    public async Task<Blow> FreezeAtAsync(string kind, Func<Task<VictimHost>> chooseAsync, string point, int occurrenceMax) =>
        Now(kind, await ReachAsync(chooseAsync, point, occurrenceMax, Signals.Stop, static (host, patience) => host.FrozenAsync(patience)));

    /// <summary>
    /// Lets a host get to a point and be signalled there. One that is displaced first, because what was done before this was felt late, never gets there: it is let off, and the one chosen next is tried.
    /// </summary>
    private async Task<VictimHost> ReachAsync(Func<Task<VictimHost>> chooseAsync, string point, int occurrenceMax, int signal, Func<VictimHost, CancellationToken, Task> thereAsync)
    {
        for (var tries = 0; tries < ReachTries; tries++)
        {
            var host = await chooseAsync();
            await ArmAsync(host, point, random.Next(1, occurrenceMax), signal);
            using var patience = new CancellationTokenSource(Patience);
            var there = thereAsync(host, patience.Token);
            await there.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (there.IsCompletedSuccessfully || (await DisarmAsync(host) is null && (host.Gone.IsCompleted || host.IsFrozen)))
            {
                return host;
            }

            note($"driver: {host} did not get to {point}");
        }

        throw new TimeoutException($"no host gets to {point}");
    }

    /// <summary>Stops a host as hosts are stopped, and measures it.</summary>
    public async Task StopAsync(string kind, VictimHost host)
    {
        var blow = Now(kind, host);
        host.Stop();
        await MeasureAsync(blow);
        if (await host.Gone.WaitAsync(Patience) is var code and not 0)
        {
            history.Violated($"{host} was stopped cleanly and ended with {code}");
        }
    }

    /// <summary>Measures a host that sleeps or is cut off, until it was displaced, and brings it back with its work in hand: nothing of that may land (C27, C28, G02).</summary>
    public async Task DisplaceAsync(Blow blow, Action wake)
    {
        await MeasureAsync(blow);
        await UntilAsync(blow.StruckAt + DisplacedMin);
        await WakeAsync(blow.Victim!, wake);
    }

    /// <summary>The same of one that sleeps.</summary>
    public Task DisplaceFrozenAsync(Blow blow) => DisplaceAsync(blow, () => blow.Victim!.Signal(Signals.Continue));

    /// <summary>Waits for a time of the run, unless it is over: how long a fault lasts is the fault's own measure.</summary>
    public static Task UntilAsync(TimeSpan time) => time - History.Now is { } left && left > TimeSpan.Zero ? Task.Delay(left) : Task.CompletedTask;

    /// <summary>Of all blows so far.</summary>
    public List<Recovery> Recoveries { get; } = [];

    /// <summary>Waits until a host serves and all that was open is known.</summary>
    public async Task<Recovery> MeasureAsync(Blow blow)
    {
        if (blow.UpAgainAt is not null)
        {
            blow = blow with { Open = [.. blow.Open.Union(history.Open)] }; // and what was begun while nobody could do anything
        }

        note($"driver: '{blow.Kind}' {blow.Victim} at {blow.StruckAt.TotalSeconds:F3}, {blow.Open.Count} open");
        var served = history.ServedAsync(blow.UpAgainAt ?? blow.StruckAt, blow.Victim);
        var known = Task.WhenAll(blow.Open.Select(one => one.Known));
        var both = Task.WhenAll(served, known);
        await both.WaitAsync(Patience).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!both.IsCompleted)
        {
            history.Violated($"{Patience.TotalSeconds:F0} s after '{blow.Kind}' {(served.IsCompleted ? "a host serves" : "no host serves")}, and {blow.Open.Count(one => one.Committed is null)} transactions are undecided (V1)");
        }

        var recovery = new Recovery(
            blow,
            served.IsCompletedSuccessfully ? await served : null,
            known.IsCompletedSuccessfully ? blow.Open.Select(one => one.KnownAt).DefaultIfEmpty(blow.StruckAt).Max() : null);
        Recoveries.Add(recovery);
        note($"driver: '{blow.Kind}' served after {recovery.Served.TotalSeconds:F3}, known after {recovery.Decided.TotalSeconds:F3}");
        return recovery;
    }

    /// <summary>
    /// A host that was stopped or cut off for so long that others may have taken its place comes back, and tells all who still wait for it. Then it is killed: those that displaced it would give it
    /// more time from now on, and the next blow would measure that.
    /// </summary>
    public async Task WakeAsync(VictimHost host, Action wake)
    {
        var unanswered = host.AllAnsweredAsync();
        host.WokenAt = History.Now;
        wake();
        try
        {
            await unanswered.WaitAsync(Patience);
        }
        catch (TimeoutException)
        {
            history.Violated($"{host} came back and left requests without an answer");
        }

        host.Signal(Signals.Kill);
        await host.Gone.WaitAsync(Patience);
    }
}
