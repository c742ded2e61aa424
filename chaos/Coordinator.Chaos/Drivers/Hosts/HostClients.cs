using System.Collections.Concurrent;

namespace Coordinator.Chaos.Drivers.Hosts;

/// <summary>
/// Clients that each do one thing after the other, at whichever host owns the log. A transaction that nobody knows of is asked for until
/// somebody does.
/// </summary>
internal abstract class HostClients(Fleet fleet, History history, int seed) : IDisposable
{
    public const int Count = 16;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(10);

    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _giveUp = new();
    private readonly ConcurrentBag<Task> _late = [];
    private Task[] _clients = [];
    private int _refusals;

    /// <summary>How often a host refused to begin.</summary>
    public int RefusalCount => _refusals;

    protected Fleet Fleet => fleet;

    protected History History => history;

    protected bool IsStopping => _stop.IsCancellationRequested;

    /// <summary>Does what must be done before anything goes wrong.</summary>
    public abstract Task OpenAsync();

    public void Start() => _clients =
        [.. Enumerable.Range(0, Count).Select(number => Task.Run(() => WorkAsync(number, new Random(seed * 100 + number), PauseAsync)))];

    /// <summary>Begins no more, and waits until everything that was begun is known; what is not within the time stays unknown.</summary>
    public async Task StopAsync(TimeSpan patience)
    {
        await _stop.CancelAsync();
        _giveUp.CancelAfter(patience);
        await Task.WhenAll(_clients);
        await Task.WhenAll(_late);
    }

    public void Dispose()
    {
        _stop.Dispose();
        _giveUp.Dispose();
    }

    /// <summary>What one client does until all are stopped.</summary>
    protected abstract Task WorkAsync(int number, Random random, Func<Task> pauseAsync);

    /// <summary>
    /// Sends a request that begins one transaction. If it began, its outcome is known on return, unless nobody knew it in the time; if
    /// not, it was refused, or it may still begin.
    /// </summary>
    protected async Task<(ToldTransaction? Begun, string? Answer, bool IsRefused)> AskAsync(string verb, string subject, bool isReadOnly = false)
    {
        var host = fleet.Likely;
        var request = host.Send(verb, subject, isReadOnly: isReadOnly);
        var answer = await request.AnswerWithinAsync(s_patience);
        if (request.Transaction is { } begun)
        {
            await ResolveIfUnknownAsync(begun, host);
            return (begun, answer, false);
        }

        fleet.Suspect(host);
        if (request.Answer.IsCompleted)
        {
            Interlocked.Increment(ref _refusals);
            return (null, answer, true); // refused, or gone before it announced anything
        }

        _late.Add(FollowAsync(request, host));
        return (null, null, false);
    }

    private static Task PauseAsync() => Task.Delay(s_pause); // so that the log stays small enough to be judged as a whole

    private async Task FollowAsync(Request request, VictimHost host)
    {
        await request.Answer;
        if (request.Transaction is { } begun)
        {
            await ResolveIfUnknownAsync(begun, host);
        }
    }

    private async Task ResolveIfUnknownAsync(ToldTransaction transaction, VictimHost host)
    {
        if (transaction.Committed is null)
        {
            fleet.Suspect(host);
            await fleet.ResolveAsync(transaction, _giveUp.Token);
        }
    }
}
