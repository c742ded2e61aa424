using System.Diagnostics;
using System.Globalization;
using System.Threading.Channels;
using Coordinator;
using Shop.Domain;
using Shop.Input;
using Shop.Reports;
using Spectre.Console;

namespace Shop;

/// <summary>Settles a file of orders and says what became of them.</summary>
public sealed class OrderRun(ITransactions transactions, IEventLog log, ShopArguments arguments)
{
    private readonly int[] _settled = new int[Enum.GetValues<Settlement>().Length];

    /// <summary>True if every line was settled and every invariant holds.</summary>
    public async Task<bool> RunAsync(string path)
    {
        var (orders, bad) = await OrderFile.ReadAsync(path);
        foreach (var line in bad)
        {
            Console.WriteLine($"{Path.GetFileName(path)}, line {line.InputLine}: {line.Fault}; left out.");
        }

        var checkout = new Checkout(transactions);
        await checkout.OpenAsync(
            orders.SelectMany(order => order.Lines).Select(line => line.Item).Distinct(StringComparer.Ordinal),
            orders.Select(order => order.User).Distinct(StringComparer.Ordinal),
            arguments.Stock,
            arguments.Balance);

        AnsiConsole.Profile.Capabilities.Ansi &= !Console.IsOutputRedirected;
        var clock = Stopwatch.StartNew();
        await AnsiConsole.Progress()
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn())
            .StartAsync(async progress =>
            {
                var task = progress.AddTask("settling orders", maxValue: Math.Max(1, orders.Count));
                await SettleAsync(checkout, orders, task);
                task.Value = task.MaxValue;
            });
        var seconds = clock.Elapsed.TotalSeconds;

        var invariants = await new Invariants(log).CheckAsync(orders);
        Print(path, orders.Count, bad.Count, seconds, invariants);
        return _settled[(int)Settlement.NotSettled] == 0 && invariants.All(invariant => invariant.Broken.Count == 0);
    }

    private async Task SettleAsync(Checkout checkout, List<OrderRequest> orders, ProgressTask progress)
    {
        // Lines with one order id go to one worker, in order, so that the first of them is the one that counts.
        var lanes = Enumerable.Range(0, arguments.Concurrency).Select(_ => Channel.CreateUnbounded<OrderRequest>()).ToArray();
        var index = orders.Select(order => order.Order).Distinct(StringComparer.Ordinal).Select((order, at) => (order, at)).ToDictionary(StringComparer.Ordinal);
        foreach (var order in orders)
        {
            await lanes[index[order.Order] % lanes.Length].Writer.WriteAsync(order);
        }

        await Task.WhenAll(lanes.Select(lane => Task.Run(async () =>
        {
            lane.Writer.Complete();
            await foreach (var order in lane.Reader.ReadAllAsync())
            {
                var settlement = await SettleAsync(checkout, order);
                Interlocked.Increment(ref _settled[(int)settlement]);
                if (arguments.List)
                {
                    Console.WriteLine($"order {order.Order}, line {order.InputLine}: {settlement}");
                }

                progress.Increment(1);
            }
        })));
    }

    /// <summary>An order that can't be settled for a technical reason is said, and the rest goes on.</summary>
    private static async Task<Settlement> SettleAsync(Checkout checkout, OrderRequest order)
    {
        try
        {
            return await checkout.SettleAsync(order);
        }
        catch (Exception error) when (error is TransactionException or LogCorruptException or EventUnreadableException)
        {
            Console.WriteLine($"order {order.Order}, line {order.InputLine}, is not settled: {error.Message}");
            return Settlement.NotSettled;
        }
    }

    private void Print(string path, int orders, int bad, double seconds, IReadOnlyList<InvariantResult> invariants)
    {
        var table = new Table().Border(TableBorder.Rounded).AddColumn("orders").AddColumn(new TableColumn("count").RightAligned());
        Row("placed", Settlement.Placed);
        Row("refused: sold out", Settlement.SoldOut);
        Row("refused: short balance", Settlement.ShortBalance);
        Row("duplicate order id", Settlement.Duplicate);
        Row("settled by an earlier run", Settlement.SettledBefore);
        Row("not settled, run again", Settlement.NotSettled);
        table.AddRow("bad lines, left out", bad.ToString(CultureInfo.InvariantCulture));
        table.AddRow("orders per second", Math.Round(orders / Math.Max(seconds, 0.001)).ToString(CultureInfo.InvariantCulture));
        AnsiConsole.Write(table);

        foreach (var invariant in invariants)
        {
            var verdict = invariant.Broken.Count == 0 ? "holds " : "BROKEN";
            Console.WriteLine($"{verdict}  {invariant.Promise} ({invariant.Checked} checked)");
            foreach (var broken in invariant.Broken.Take(10))
            {
                Console.WriteLine("        " + broken);
            }
        }

        Console.WriteLine($"{Path.GetFileName(path)} is settled; the log is {Path.Combine(arguments.DataFolder, "shop.db")}.");

        void Row(string what, Settlement settlement) =>
            table.AddRow(what, _settled[(int)settlement].ToString(CultureInfo.InvariantCulture));
    }
}
