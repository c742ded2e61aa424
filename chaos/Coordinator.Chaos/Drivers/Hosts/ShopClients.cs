using System.Collections.Concurrent;
using System.Text.Json;
using Shop.Domain;
using Shop.Input;

namespace Coordinator.Chaos.Drivers.Hosts;

/// <summary>
/// Clients of the shop: each settles one order after the other, at whichever host owns the log. A transaction is begun anew only if
/// the one before is known to be aborted or was refused; one that nobody knows of is asked for until somebody does.
/// </summary>
internal sealed class ShopClients(Fleet fleet, History history, int seed) : IDisposable
{
    public const int ItemCount = 40, UserCount = 50;
    private const int ClientCount = 16;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(10);

    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _giveUp = new();
    private readonly ConcurrentBag<Task> _late = [];
    private Task[] _clients = [];
    private int _orders;
    private int _refusals;

    /// <summary>How often a host refused to begin.</summary>
    public int RefusalCount => _refusals;

    public async Task OpenShopAsync()
    {
        var (owner, _) = await fleet.SettledAsync();
        var opened = owner.Send("open", $"{ItemCount} {UserCount}");
        if (await opened.AnswerWithinAsync(TimeSpan.FromSeconds(30)) is not "opened")
        {
            throw new InvalidOperationException($"{owner} does not open the shop");
        }
    }

    public void Start() => _clients = [.. Enumerable.Range(0, ClientCount).Select(number => Task.Run(() => RunAsync(new Random(seed * 100 + number))))];

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

    private async Task RunAsync(Random random)
    {
        OrderRequest? again = null;
        while (!_stop.IsCancellationRequested)
        {
            var order = again ?? NewOrder(random);
            again = await SettleAsync(order) ? null : order;
            await Task.Delay(s_pause); // so that the log stays small enough to be judged as a whole
        }
    }

    private OrderRequest NewOrder(Random random)
    {
        var number = Interlocked.Increment(ref _orders);
        var lines = Enumerable.Range(0, random.Next(1, 4)).Select(_ => random.Next(1, ItemCount + 1)).Distinct().Order()
            .Select(item => new OrderLine($"i{item}", random.Next(1, 4), 100 * item));
        return new OrderRequest(number, $"o{number}", $"u{random.Next(1, UserCount + 1)}", [.. lines.OrderBy(line => line.Item, StringComparer.Ordinal)]);
    }

    /// <summary>False if the order is still to be settled and may be tried again.</summary>
    private async Task<bool> SettleAsync(OrderRequest order)
    {
        var host = fleet.Likely;
        var request = host.Send("settle", JsonSerializer.Serialize(order));
        var answer = await request.AnswerWithinAsync(s_patience);
        if (request.Transaction is { } begun)
        {
            await ResolveIfUnknownAsync(begun, host);
            if (answer is nameof(Settlement.SettledBefore) or nameof(Settlement.Duplicate))
            {
                history.Violated($"order {order.Order} was settled by a transaction that was told aborted");
            }

            return begun.Committed is not false;
        }

        fleet.Suspect(host);
        if (request.Answer.IsCompleted)
        {
            Interlocked.Increment(ref _refusals);
            return false; // refused, or gone before it announced anything
        }

        // It may still begin, so this order must not be begun elsewhere.
        _late.Add(FollowAsync(request, host));
        return true;
    }

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
