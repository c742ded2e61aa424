using System.Diagnostics;

namespace Coordinator.Chaos.Drivers.Fleets;

/// <summary>Embedded hosts: one owns the log, the others stand by.</summary>
/// <param name="size">How many there are.</param>
/// <param name="store">What the hosts are told: sqlite or postgres.</param>
/// <param name="waiting">What a host calls itself that stands by; on SQLite it has not even opened the file.</param>
/// <param name="logOf">The log, as the host at a place reaches it.</param>
/// <param name="history">Is told of everything that they say.</param>
/// <param name="say">Takes what they log.</param>
internal sealed class OwnerFleet(int size, string store, string waiting, Func<int, string> logOf, History history, Action<string> say) : Fleet(size, history, say)
{
    private const string Owner = "Owner";

    private readonly int _size = size;
    private int _likely;
    private volatile bool _onlySilence;

    /// <summary>Waits, if no host is there that has opened the log or waits for it, until one is: before that nobody can do anything. Null if one is.</summary>
    public async Task<TimeSpan?> DownUntilAsync()
    {
        TimeSpan? until = null;
        while (!(await Task.WhenAll(Hosts.Select(RoleAsync))).Any(role => role == Owner || role == waiting))
        {
            await Task.Delay(10);
            until = History.Now;
        }

        return until;
    }

    /// <summary>The host that owns the log, as far as the clients know.</summary>
    public override VictimHost Choose() => Hosts[Volatile.Read(ref _likely)];

    public override void Suspect(VictimHost host)
    {
        var likely = Volatile.Read(ref _likely);
        if (Hosts[likely] == host)
        {
            Interlocked.CompareExchange(ref _likely, (likely + 1) % _size, likely);
        }
    }

    public override Task ReadyAsync() => SettledAsync(othersMin: 1);

    /// <summary>Waits until one host owns the log and all others stand by, and gives them.</summary>
    public Task<(VictimHost Owner, IReadOnlyList<VictimHost> Others)> SettledAsync() => SettledAsync(_size - 1);

    /// <summary>Waits until one host owns the log and another stands by, and gives the owner.</summary>
    public async Task<VictimHost> OwnerAsync() => (await SettledAsync(1)).Owner;

    /// <summary>Waits until one host owns the log and so many stand by, and gives them.</summary>
    public async Task<(VictimHost Owner, IReadOnlyList<VictimHost> Others)> SettledAsync(int othersMin)
    {
        var hosts = await RolesAsync(hosts => hosts[Owner].Count() == 1 && hosts[waiting].Count() >= othersMin, Patience);
        return (hosts[Owner].Single(), [.. hosts[waiting]]);
    }

    /// <summary>Whether hosts judge their owner by its silence alone; those that are started meanwhile do so too.</summary>
    public async Task OnlySilenceAsync(bool onlySilence, IEnumerable<VictimHost> hosts)
    {
        _onlySilence = onlySilence;
        foreach (var host in hosts)
        {
            await host.Send("silence", onlySilence ? "on" : "off").AnswerWithinAsync(Patience);
        }
    }

    protected override ProcessStartInfo StartInfo(int place)
    {
        var start = new ProcessStartInfo("dotnet", [Self.Assembly, "host", store, _onlySilence ? "only-silence" : "all-evidence"]);
        start.Environment[Victims.VictimLines.LogVariable] = logOf(place);
        return start;
    }
}

/// <summary>This program, to be started again as something else.</summary>
internal static class Self
{
    public static string Assembly { get; } = Path.Combine(AppContext.BaseDirectory, "Coordinator.Chaos.dll");
}
