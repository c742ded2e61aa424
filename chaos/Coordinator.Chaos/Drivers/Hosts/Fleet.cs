using Coordinator.Chaos.Victims;

namespace Coordinator.Chaos.Drivers.Hosts;

/// <summary>The hosts of one log: whoever dies is started again at once, and stands by.</summary>
internal sealed class Fleet(string log, History history, Action<string> say)
{
    private const int Size = 3;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_answerPatience = TimeSpan.FromMilliseconds(250);

    private readonly VictimHost[] _hosts = new VictimHost[Size];
    private readonly Task[] _keepers = new Task[Size];
    private int _likely;
    private int _started;
    private volatile bool _onlySilence;
    private volatile bool _closing;

    /// <summary>Processes that were started.</summary>
    public int StartedCount => _started;

    public IReadOnlyList<VictimHost> Hosts => _hosts;

    /// <summary>The host that owns the log, as far as the clients know.</summary>
    public VictimHost Likely => _hosts[Volatile.Read(ref _likely)];

    public void Start()
    {
        for (var place = 0; place < Size; place++)
        {
            Start(place);
            _keepers[place] = KeepAsync(place);
        }

        AppDomain.CurrentDomain.ProcessExit += (_, _) => KillAll();
    }

    /// <summary>The host does not serve: the clients try the next one.</summary>
    public void Suspect(VictimHost host)
    {
        var likely = Volatile.Read(ref _likely);
        if (_hosts[likely] == host)
        {
            Interlocked.CompareExchange(ref _likely, (likely + 1) % Size, likely);
        }
    }

    /// <summary>Waits until one host owns the log and all others stand by, and gives them.</summary>
    public async Task<(VictimHost Owner, IReadOnlyList<VictimHost> Others)> SettledAsync()
    {
        var deadline = History.Now + s_patience;
        while (true)
        {
            var hosts = _hosts.ToArray();
            var roles = await Task.WhenAll(hosts.Select(RoleAsync));
            if (roles.Count(role => role == "Owner") == 1 && roles.Count(role => role == "Standby") == Size - 1)
            {
                return (hosts[Array.IndexOf(roles, "Owner")], [.. hosts.Where((_, at) => roles[at] == "Standby")]);
            }

            if (History.Now > deadline)
            {
                throw new TimeoutException($"The hosts do not settle: {string.Join(", ", hosts.Zip(roles, (host, role) => $"{host} {role ?? "silent"}"))}");
            }

            await Task.Delay(30); // a role is no event that a host tells
        }
    }

    /// <summary>What a host is to the log, or null if it does not answer.</summary>
    public static async Task<string?> RoleAsync(VictimHost host) => await host.Send("role").AnswerWithinAsync(s_answerPatience);

    /// <summary>Whether hosts judge their owner by its silence alone; those that are started meanwhile do so too.</summary>
    public async Task OnlySilenceAsync(bool onlySilence, IEnumerable<VictimHost> hosts)
    {
        _onlySilence = onlySilence;
        foreach (var host in hosts)
        {
            await host.Send("silence", onlySilence ? "on" : "off").AnswerWithinAsync(s_patience);
        }
    }

    /// <summary>Asks one host after the other until one knows. False if that takes for ever.</summary>
    public async Task<bool> ResolveAsync(ToldTransaction transaction, CancellationToken cancellation)
    {
        transaction.WasAsked = true;
        for (var at = Volatile.Read(ref _likely); transaction.Committed is null; at = (at + 1) % Size)
        {
            if (cancellation.IsCancellationRequested)
            {
                return false;
            }

            var asked = _hosts[at].Send("ask", transaction.Id, transaction);
            if (await asked.AnswerWithinAsync(s_answerPatience) is not ("committed" or "aborted"))
            {
                await Task.WhenAny(transaction.Known, Task.Delay(20, cancellation)); // undecided, or nobody can say yet
            }
        }

        return true;
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

    private void Start(int place) =>
        _hosts[place] = VictimHost.Start($"host {Interlocked.Increment(ref _started)}", log, _onlySilence, history, say);

    private async Task KeepAsync(int place)
    {
        while (true)
        {
            await _hosts[place].Gone;
            if (_closing)
            {
                return;
            }

            Start(place);
        }
    }
}
