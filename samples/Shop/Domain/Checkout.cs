using Coordinator;
using Shop.Input;

namespace Shop.Domain;

/// <summary>What became of one input line.</summary>
public enum Settlement
{
    Placed,
    SoldOut,
    ShortBalance,

    /// <summary>The order id was settled by another line.</summary>
    Duplicate,

    /// <summary>An earlier run settled this very line.</summary>
    SettledBefore,

    /// <summary>The transaction was aborted for a technical reason; nothing happened, and a further run settles the line.</summary>
    NotSettled,
}

/// <summary>Settles orders: each is one transaction over a cart, the stock of its items, a payment account and the order.</summary>
public sealed class Checkout(ITransactions transactions)
{
    /// <summary>The stream that placed orders are published to.</summary>
    public const string PlacedOrders = "placed-orders";

    /// <summary>Opens items and accounts that do not exist yet.</summary>
    public async Task OpenAsync(IEnumerable<string> items, IEnumerable<string> users, int stock, long balance)
    {
        const int ChunkSize = 40;
        foreach (var chunk in items.Chunk(ChunkSize))
        {
            var outcome = await transactions.RunAsync(async transaction =>
            {
                foreach (var item in chunk)
                {
                    var opened = await transaction.UpdateAsync<Stock>(item);
                    if (opened.Version == 0)
                    {
                        opened.Raise(new UpdateStock(stock));
                    }
                }
            });
            outcome.EnsureCommitted();
        }

        foreach (var chunk in users.Chunk(ChunkSize))
        {
            var outcome = await transactions.RunAsync(async transaction =>
            {
                foreach (var user in chunk)
                {
                    var opened = await transaction.UpdateAsync<PaymentAccount>(user);
                    if (opened.Version == 0)
                    {
                        opened.Raise(new PayIn(balance));
                    }
                }
            });
            outcome.EnsureCommitted();
        }
    }

    /// <summary>Settles one order: placed with everything that belongs to it, or refused with nothing moved, once.</summary>
    public async Task<Settlement> SettleAsync(OrderRequest request)
    {
        var settlement = Settlement.NotSettled;
        var outcome = await transactions.RunAsync(async transaction => settlement = await SettleAsync(transaction, request));
        return outcome.IsCommitted ? settlement : Settlement.NotSettled;
    }

    private static async Task<Settlement> SettleAsync(ITransaction transaction, OrderRequest request)
    {
        var order = await transaction.UpdateAsync<Order>(request.Order);
        if (order.State.Status is not OrderStatus.New)
        {
            return order.State.InputLine == request.InputLine ? Settlement.SettledBefore : Settlement.Duplicate;
        }

        // Everyone locks in one order (items by name, then the account, then the cart), so that checkouts never wait in a circle.
        var stocks = new List<(Aggregate<Stock> Stock, OrderLine Line)>();
        foreach (var line in request.Lines)
        {
            var stock = await transaction.UpdateAsync<Stock>(line.Item);
            if (stock.State.Available < line.Quantity)
            {
                order.Raise(new RefuseOrder(request.User, "sold out", $"{line.Item}: {stock.State.Available} left, {line.Quantity} wanted", request.InputLine));
                return Settlement.SoldOut;
            }

            stocks.Add((stock, line));
        }

        var account = await transaction.UpdateAsync<PaymentAccount>(request.User);
        if (account.State.Balance < request.Total)
        {
            order.Raise(new RefuseOrder(request.User, "short balance", $"{account.State.Balance} left, {request.Total} due", request.InputLine));
            return Settlement.ShortBalance;
        }

        var cart = await transaction.UpdateAsync<Cart>(request.User);
        foreach (var (stock, line) in stocks)
        {
            cart.Raise(new AddToCart(request.Order, line));
            stock.Raise(new UpdateStock(-line.Quantity, request.Order));
        }

        account.Raise(new ProcessPayment(request.Order, request.Total));
        cart.Raise(new EmptyCart(request.Order));
        order.Raise(new CreateOrder(request.User, request.Lines, request.Total, request.InputLine));
        await transaction.PublishAsync(PlacedOrders, new OrderPlaced(request.Order, request.User, request.Total));
        return Settlement.Placed;
    }
}
