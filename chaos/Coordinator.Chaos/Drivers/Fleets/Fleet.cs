using System.Diagnostics;
using Coordinator.Chaos.Victims.Faults;

namespace Coordinator.Chaos.Drivers.Fleets;

/// <summary>The hosts of one log: whoever dies is started again at once.</summary>
/// <param name="size">How many there are.</param>
/// <param name="history">Is told of everything that they say.</param>
/// <param name="say">Takes what they log.</param>
internal abstract class Fleet(int size, History history, Action<string> say)
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_answerPatience = TimeSpan.FromMilliseconds(250);

    private readonly VictimHost[] _hosts = new VictimHost[size];
    private readonly Task[] _keepers = new Task[size];
    private readonly Dictionary<int, Action<ProcessStartInfo>> _changes = [];
    private int _started;
    private int _kills;
    private int _ended;
    private volatile bool _closing;

    /// <summary>Processes that were started.</summary>
    public int StartedCount => _started;

    /// <summary>Hosts that ended by SIGKILL.</summary>
    public int KillCount => _kills;

    /// <summary>Hosts that ended though nobody had killed or stopped them.</summary>
    public int EndedCount => _ended;

    /// <summary>By their places.</summary>
    public IReadOnlyList<VictimHost> Hosts => _hosts;

    protected History History => history;

    protected static TimeSpan Patience => s_patience;

    public void Start()
    {
        for (var place = 0; place < size; place++)
        {
            Start(place);
            _keepers[place] = KeepAsync(place);
        }

        AppDomain.CurrentDomain.ProcessExit += (_, _) => KillAll();
    }

    /// <summary>Where a client sends its next request.</summary>
    public abstract VictimHost Choose();

    /// <summary>The host does not serve: the clients try another one.</summary>
    public abstract void Suspect(VictimHost host);

    /// <summary>An operation as these hosts carry it out.</summary>
    public virtual Operation AsDone(Operation operation) => operation;

    /// <summary>Completes when the hosts are as a blow should meet them.</summary>
    public abstract Task ReadyAsync();

    /// <summary>What a host is to the log, or null if it does not answer.</summary>
    public static async Task<string?> RoleAsync(VictimHost host) => await host.Send("role").AnswerWithinAsync(s_answerPatience);

    public int PlaceOf(VictimHost host) => Array.IndexOf(_hosts, host);

    /// <summary>Wakes whoever was stopped in its tracks.</summary>
    public Task ThawAsync()
    {
        foreach (var host in _hosts)
        {
            host.Signal(Signals.Continue);
        }

        return Task.CompletedTask;
    }

    /// <summary>From now on whoever is started at this place is started with a change; null for none.</summary>
    public void Change(int place, Action<ProcessStartInfo>? change)
    {
        lock (_changes)
        {
            _changes.Remove(place);
            if (change is not null)
            {
                _changes.Add(place, change);
            }
        }
    }

    /// <summary>Asks one host after the other until one knows. False if that takes for ever.</summary>
    public async Task<bool> ResolveAsync(ToldTransaction transaction, CancellationToken cancellation)
    {
        transaction.WasAsked = true;
        for (var at = PlaceOf(Choose()); transaction.Committed is null; at = (at + 1) % size)
        {
            if (cancellation.IsCancellationRequested)
            {
                return false;
            }

            var asked = _hosts[at].Send("ask", transaction.Id, subject: transaction);
            if (await asked.AnswerWithinAsync(s_answerPatience) is not ("committed" or "aborted"))
            {
                await Task.WhenAny(transaction.Known, Task.Delay(20, cancellation)); // undecided, or nobody can say yet
            }
        }

        return true;
    }

    /// <summary>Waits until everything that was asked of the hosts that live is answered: who began a transaction must be told of it, and not only who asks by id.</summary>
    public async Task AnsweredAsync(TimeSpan patience)
    {
        foreach (var host in _hosts)
        {
            try
            {
                await host.AllAnsweredAsync().WaitAsync(patience);
            }
            catch (TimeoutException)
            {
                history.Violated($"{host} leaves requests without an answer, {patience.TotalSeconds:F0} s after the last fault (V1)");
            }
        }
    }

    /// <summary>Stops all hosts as hosts are stopped.</summary>
    public async Task CloseAsync()
    {
        _closing = true;
        foreach (var host in _hosts)
        {
            host.Stop();
            if (await host.Gone.WaitAsync(s_patience) is var code and not 0)
            {
                history.Violated($"{host} was asked to stop and ended with {code}");
            }
        }

        await Task.WhenAll(_keepers);
    }

    public void KillAll()
    {
        _closing = true;
        foreach (var host in _hosts.Where(host => host is not null)) // not all of them need have been started
        {
            host.Signal(Signals.Kill);
        }
    }

    /// <summary>Whether a host may end though nobody killed or stopped it.</summary>
    protected virtual bool MayEndByItself => false;

    /// <summary>Asks all hosts for their roles until those are as wanted, and gives the hosts by role, each in the order of places.</summary>
    protected async Task<ILookup<string, VictimHost>> RolesAsync(Func<ILookup<string, VictimHost>, bool> wanted, TimeSpan patience)
    {
        for (var deadline = History.Now + patience; ; await Task.Delay(30)) // a role is no event that a host tells
        {
            var asked = await Task.WhenAll(_hosts.Select(static async host => (Host: host, Role: await RoleAsync(host) ?? "silent")));
            var hosts = asked.ToLookup(static one => one.Role, static one => one.Host);
            if (wanted(hosts))
            {
                return hosts;
            }

            if (History.Now > deadline)
            {
                throw new TimeoutException($"The hosts do not settle: {string.Join(", ", asked.Select(static one => $"{one.Host} {one.Role}"))}");
            }
        }
    }

    /// <summary>How the host of a place is started.</summary>
    protected abstract ProcessStartInfo StartInfo(int place);

    private void Start(int place)
    {
        var start = StartInfo(place);
        lock (_changes)
        {
            _changes.GetValueOrDefault(place)?.Invoke(start);
        }

        _hosts[place] = VictimHost.Start($"host {Interlocked.Increment(ref _started)}", start, history, say);
    }

    private async Task KeepAsync(int place)
    {
        while (true)
        {
            const int killed = 128 + Signals.Kill;
            var code = await _hosts[place].Gone;
            if (_closing)
            {
                return;
            }

            if (code == killed)
            {
                Interlocked.Increment(ref _kills);
            }
            else if (!_hosts[place].IsStopped)
            {
                TakeEnd(_hosts[place], code);
            }

            Start(place);
        }
    }

    private void TakeEnd(VictimHost host, int code)
    {
        say($"driver: {host} ended by itself with {code}");
        Interlocked.Increment(ref _ended);
        if (!MayEndByItself)
        {
            history.Violated($"{host} ended by itself with {code}");
        }
    }
}
