using System.Text.Json;
using Shop.Domain;
using Shop.Input;

namespace Coordinator.Chaos.Drivers.Hosts;

/// <summary>
/// Clients of the shop: each settles one order after the other. A transaction is begun anew only if the one before is known to be
/// aborted or was refused.
/// </summary>
internal sealed class ShopClients(Fleet fleet, History history, int seed) : HostClients(fleet, history, seed)
{
    public const int ItemCount = 40, UserCount = 50;

    private int _orders;

    public override async Task OpenAsync()
    {
        var (owner, _) = await Fleet.SettledAsync();
        var opened = owner.Send("open", $"{ItemCount} {UserCount}");
        if (await opened.AnswerWithinAsync(TimeSpan.FromSeconds(30)) is not "opened")
        {
            throw new InvalidOperationException($"{owner} does not open the shop");
        }
    }

    protected override async Task WorkAsync(int number, Random random, Func<Task> pauseAsync)
    {
        OrderRequest? again = null;
        while (!IsStopping)
        {
            var order = again ?? NewOrder(random);
            again = await SettleAsync(order) ? null : order;
            await pauseAsync();
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
        var (begun, answer, isRefused) = await AskAsync("settle", JsonSerializer.Serialize(order));
        if (begun is not null && answer is nameof(Settlement.SettledBefore) or nameof(Settlement.Duplicate))
        {
            History.Violated($"order {order.Order} was settled by a transaction that was told aborted");
        }

        // One that may still begin must not be begun elsewhere.
        return begun is null ? !isRefused : begun.Committed is not false;
    }
}
