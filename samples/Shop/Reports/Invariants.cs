using Coordinator;
using Shop.Domain;
using Shop.Input;

namespace Shop.Reports;

/// <summary>One promise of the shop, and where it is broken.</summary>
public sealed record InvariantResult(string Promise, long Checked, IReadOnlyList<string> Broken);

/// <summary>Checks what the shop promises by reading every stream back from the log.</summary>
public sealed class Invariants(IEventLog log)
{
    private readonly Dictionary<string, CreateOrder?> _orders = new(StringComparer.Ordinal);

    /// <summary>Checks all streams that the orders concern; other files' orders may be in them too.</summary>
    public async Task<IReadOnlyList<InvariantResult>> CheckAsync(IReadOnlyList<OrderRequest> requests)
    {
        var settledTwice = new List<string>();
        var placed = new Dictionary<string, CreateOrder>(StringComparer.Ordinal);
        foreach (var order in requests.Select(request => request.Order).Distinct(StringComparer.Ordinal))
        {
            if (await ReadOrderAsync(order, settledTwice) is { } created)
            {
                placed[order] = created;
            }
        }

        var (stock, moved) = await CheckStockAsync(requests);
        var (money, paid) = await CheckMoneyAsync(requests);
        return
        [
            new("each order is settled at most once", requests.Count, settledTwice),
            stock,
            money,
            new("an order exists exactly if its stock and money moved", placed.Count, [.. CompareMoves(placed, moved, paid)]),
            await CheckPublishedAsync(placed),
        ];
    }

    /// <summary>The order as it was placed, or null if it was not; reads its stream once.</summary>
    private async Task<CreateOrder?> ReadOrderAsync(string order, List<string>? settledTwice = null)
    {
        if (_orders.TryGetValue(order, out var known))
        {
            return known;
        }

        CreateOrder? created = null;
        var settled = 0;
        await foreach (var recorded in log.ReadStreamAsync("order/" + order))
        {
            settled++;
            created = recorded.Event as CreateOrder ?? created;
        }

        if (settled > 1)
        {
            settledTwice?.Add($"order {order} was settled {settled} times");
        }

        return _orders[order] = created;
    }

    private async Task<(InvariantResult Result, Dictionary<(string Order, string Item), int> Moved)> CheckStockAsync(
        IReadOnlyList<OrderRequest> requests)
    {
        var broken = new List<string>();
        var moved = new Dictionary<(string, string), int>();
        var items = requests.SelectMany(request => request.Lines).Select(line => line.Item).Distinct(StringComparer.Ordinal).ToArray();
        foreach (var item in items)
        {
            var available = 0;
            await foreach (var recorded in log.ReadStreamAsync("stock/" + item))
            {
                var update = (UpdateStock)recorded.Event!;
                available += update.Change;
                if (available < 0)
                {
                    broken.Add($"stock of {item} fell to {available} at version {recorded.Version}");
                }

                if (update.Order is { } order)
                {
                    moved[(order, item)] = moved.GetValueOrDefault((order, item)) - update.Change;
                    if (await ReadOrderAsync(order) is null)
                    {
                        broken.Add($"stock of {item} moved for order {order}, which was not placed");
                    }
                }
            }
        }

        return (new("no stock is below zero", items.Length, broken), moved);
    }

    private async Task<(InvariantResult Result, Dictionary<string, long> Paid)> CheckMoneyAsync(
        IReadOnlyList<OrderRequest> requests)
    {
        var broken = new List<string>();
        var paid = new Dictionary<string, long>(StringComparer.Ordinal);
        long paidIn = 0, left = 0;
        var users = requests.Select(request => request.User).Distinct(StringComparer.Ordinal).ToArray();
        foreach (var user in users)
        {
            long balance = 0;
            await foreach (var recorded in log.ReadStreamAsync("account/" + user))
            {
                switch (recorded.Event)
                {
                    case PayIn payIn:
                        balance += payIn.Amount;
                        paidIn += payIn.Amount;
                        break;
                    case ProcessPayment payment:
                        balance -= payment.Amount;
                        paid[payment.Order] = paid.GetValueOrDefault(payment.Order) + payment.Amount;
                        break;
                }

                if (balance < 0)
                {
                    broken.Add($"account of {user} fell to {balance} at version {recorded.Version}");
                }
            }

            left += balance;
        }

        long spent = 0;
        foreach (var order in paid.Keys)
        {
            spent += (await ReadOrderAsync(order))?.Total ?? 0;
        }

        if (paidIn != left + spent)
        {
            broken.Add($"{paidIn} cents were paid in, but {left} are left and {spent} were spent");
        }

        return (new("money is conserved and no account is below zero", users.Length, broken), paid);
    }

    private static IEnumerable<string> CompareMoves(
        Dictionary<string, CreateOrder> placed, Dictionary<(string Order, string Item), int> moved, Dictionary<string, long> paid)
    {
        foreach (var (order, created) in placed)
        {
            foreach (var line in created.Lines.Where(line => moved.GetValueOrDefault((order, line.Item)) != line.Quantity))
            {
                yield return $"order {order} has {line.Quantity} {line.Item}, but {moved.GetValueOrDefault((order, line.Item))} left the stock";
            }

            if (paid.GetValueOrDefault(order) != created.Total)
            {
                yield return $"order {order} costs {created.Total}, but {paid.GetValueOrDefault(order)} was paid";
            }
        }
    }

    private async Task<InvariantResult> CheckPublishedAsync(Dictionary<string, CreateOrder> placed)
    {
        var broken = new List<string>();
        var published = new HashSet<string>(StringComparer.Ordinal);
        await foreach (var recorded in log.ReadStreamAsync(Checkout.PlacedOrders))
        {
            var order = ((OrderPlaced)recorded.Event!).Order;
            if (!published.Add(order))
            {
                broken.Add($"order {order} was published twice");
            }
        }

        // Orders of other files may be in the log too: only ours must be there.
        broken.AddRange(placed.Keys.Where(order => !published.Contains(order)).Select(order => $"order {order} was placed but not published"));
        return new("each placed order was published once", published.Count, broken);
    }
}
