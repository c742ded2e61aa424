using System.Globalization;

namespace Shop;

/// <summary>The shop's command line.</summary>
public sealed class ShopArguments
{
    public const string Usage = """
        Shop: settles a file of orders, each as one atomic transaction.

          run [FILE]      settle the orders of a CSV or JSON-lines file (default: the one that comes with the sample)
          order ID        show an order's history
          user ID         show a user's account and cart
          item ID         show an item's stock
          help            show this

          --data FOLDER      where the log is kept (default: the folder 'data' beside the program)
          --fresh            start with an empty log
          --list             print a line for each order as it is settled
          --concurrency N    orders settled at once (default 64)
          --stock N          opening stock of every item (default 100)
          --balance AMOUNT   opening balance of every account (default 900.00)

        Metrics, traces and logs go to OTEL_EXPORTER_OTLP_ENDPOINT (OTLP), if it is set.

        CSV:         order,user,item:quantity:price;item:quantity:price
        JSON lines:  {"order":"o1","user":"ann","lines":[{"item":"lamp","quantity":2,"price":19.90}]}
        """;

    private ShopArguments()
    {
    }

    public string Command { get; private set; } = "run";

    /// <summary>File or id, or null if none was given.</summary>
    public string? Subject { get; private set; }

    public string DataFolder { get; private set; } = Path.Combine(AppContext.BaseDirectory, "data");

    public bool Fresh { get; private set; }

    public bool List { get; private set; }

    public int Concurrency { get; private set; } = 64;

    public int Stock { get; private set; } = 100;

    public long Balance { get; private set; } = 900_00;

    /// <summary>Reads the command line; says what is wrong with it otherwise.</summary>
    public static ShopArguments? Parse(string[] args, out string fault)
    {
        var parsed = new ShopArguments();
        var words = new List<string>();
        fault = string.Empty;
        for (var i = 0; i < args.Length; i++)
        {
            var value = i + 1 < args.Length ? args[i + 1] : string.Empty;
            var good = true;
            switch (args[i])
            {
                case "--fresh":
                    parsed.Fresh = true;
                    continue;
                case "--list":
                    parsed.List = true;
                    continue;
                case "--data":
                    good = value.Length > 0;
                    parsed.DataFolder = value;
                    break;
                case "--concurrency":
                    good = int.TryParse(value, CultureInfo.InvariantCulture, out var concurrency) && concurrency is > 0 and <= 10_000;
                    parsed.Concurrency = concurrency;
                    break;
                case "--stock":
                    good = int.TryParse(value, CultureInfo.InvariantCulture, out var stock) && stock is > 0 and <= 1_000_000;
                    parsed.Stock = stock;
                    break;
                case "--balance":
                    good = decimal.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var balance) && balance <= 1_000_000_000;
                    parsed.Balance = good ? (long)(balance * 100) : 0;
                    break;
                case ['-', '-', ..]:
                    fault = $"There is no option {args[i]}.";
                    return null;
                default:
                    words.Add(args[i]);
                    continue;
            }

            if (!good)
            {
                fault = $"'{value}' is no value for {args[i]}.";
                return null;
            }

            i++;
        }

        parsed.Command = words.ElementAtOrDefault(0) ?? "run";
        parsed.Subject = words.ElementAtOrDefault(1);
        fault = (parsed.Command, parsed.Subject, words.Count) switch
        {
            (_, _, > 2) => $"'{words[2]}' is one word too many.",
            ("order" or "user" or "item", null, _) => $"Say which {parsed.Command}.",
            (not "run", _, _) when parsed.Fresh => "--fresh goes with run only: it empties the log.",
            ("run" or "order" or "user" or "item" or "help", _, _) => string.Empty,
            _ => $"There is no command '{parsed.Command}'.",
        };
        return fault.Length == 0 ? parsed : null;
    }
}
