using System.Collections.Concurrent;
using Coordinator.Chaos.Drivers.Fleets;

namespace Coordinator.Chaos.Drivers.Clients;

/// <summary>What became of a client's request.</summary>
/// <param name="Begun">The transaction that was begun for it; null if none was, or none is known of yet.</param>
/// <param name="Answer">What the host answered; null if nothing came in time.</param>
/// <param name="IsRefused">Nothing was begun, and nothing will be.</param>
internal sealed record Told(ToldTransaction? Begun, string? Answer, bool IsRefused)
{
    /// <summary>Its transaction, or an earlier one under its key, has committed; null if that is not known.</summary>
    public bool? Committed => Begun?.Committed ?? (Answer?.StartsWith("done", StringComparison.Ordinal) is true ? true : null);

    /// <summary>What stands behind the first word of an answer that says that it was done; null if the answer does not say so.</summary>
    public string? Done => Answer is "done" ? string.Empty : Answer?.StartsWith("done ", StringComparison.Ordinal) is true ? Answer["done ".Length..] : null;
}

/// <summary>
/// Carries the requests of clients to whichever host serves. A transaction that nobody knows of is asked for until somebody does.
/// </summary>
internal sealed class ClientLink(Fleet fleet, CancellationToken giveUp)
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan s_refusedPause = TimeSpan.FromMilliseconds(30); // whoever is refused by all in turn must not do nothing but ask

    private readonly ConcurrentQueue<Task> _late = [];
    private int _refusals;

    /// <summary>How often a host refused to begin.</summary>
    public int RefusalCount => _refusals;

    /// <summary>Waits until everything that was asked for is answered, and everything that was begun is known or given up.</summary>
    public Task QuietAsync() => Task.WhenAll(_late);

    /// <summary>
    /// Sends a request that begins one transaction. If it began, its outcome is known on return, unless nobody knew it in the time; if
    /// not, it was refused, or it may still begin.
    /// </summary>
    /// <param name="verb">What to do.</param>
    /// <param name="rest">With what.</param>
    /// <param name="operation">What the client means by it.</param>
    /// <param name="waits">False for a client that does not ask by id but tries again under its key: then the outcome is found out behind its back.</param>
    public async Task<Told> AskAsync(string verb, string rest, Operation operation, bool waits = true)
    {
        var host = fleet.Choose();
        var request = host.Send(verb, rest, fleet.AsDone(operation));
        var answer = await request.AnswerWithinAsync(s_patience);
        var isOver = request.Answer.IsCompleted; // looked at before the transaction: what is over announces no other
        if (request.Transaction is { } begun)
        {
            var known = ResolveIfUnknownAsync(begun, host);
            if (waits)
            {
                await known;
                answer ??= await request.AnswerWithinAsync(s_patience); // what it read while all others were held up, too, is to be judged
            }
            else
            {
                _late.Enqueue(known);
            }

            return new Told(begun, answer, false);
        }

        if (answer?.StartsWith("done", StringComparison.Ordinal) is true)
        {
            return new Told(null, answer, false); // an earlier attempt had committed
        }

        fleet.Suspect(host);
        if (isOver)
        {
            Interlocked.Increment(ref _refusals);
            await Task.Delay(s_refusedPause);
            return new Told(null, answer, true); // refused, or gone before it announced anything
        }

        _late.Enqueue(FollowAsync(request, host));
        return new Told(null, null, false);
    }

    private async Task FollowAsync(Request request, VictimHost host)
    {
        await Task.WhenAny(request.Answer, Task.Delay(Timeout.Infinite, giveUp)); // a request that is never answered is found by the round
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
            await fleet.ResolveAsync(transaction, giveUp);
        }
    }
}
