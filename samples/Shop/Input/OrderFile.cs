using System.Globalization;
using System.Text.Json;
using Coordinator.Protocol;
using Shop.Domain;

namespace Shop.Input;

/// <summary>
/// Reads orders from CSV (<c>order,user,lines</c>, the lines as <c>item:quantity:price</c> joined by <c>;</c>) or from JSON
/// lines. A bad line is reported with its number, and the rest goes on.
/// </summary>
public static class OrderFile
{
    private const int LineLengthMax = 16 * 1024;
    private const int QuantityMax = 1_000_000;

    // Each item is a participant of the order's transaction, beside the order, the cart, the account and the publication.
    private const int ItemsMax = 50;
    private const long UnitPriceMax = 100_000_000_00;

    public static async Task<(List<OrderRequest> Orders, List<BadLine> Bad)> ReadAsync(string path)
    {
        var orders = new List<OrderRequest>();
        var bad = new List<BadLine>();
        var number = 0;
        await foreach (var text in File.ReadLinesAsync(path))
        {
            number++;
            var line = text.Trim();
            if (line.Length == 0 || line[0] == '#' || (number == 1 && line.StartsWith("order,", StringComparison.OrdinalIgnoreCase)))
            {
                continue;
            }

            try
            {
                orders.Add(Parse(number, line));
            }
            catch (Exception error) when (error is FormatException or OverflowException or JsonException or InvalidOperationException)
            {
                bad.Add(new BadLine(number, error switch
                {
                    JsonException => "not valid JSON",
                    InvalidOperationException => "a value has the wrong kind",
                    _ => error.Message,
                }));
            }
        }

        return (orders, bad);
    }

    private static OrderRequest Parse(int number, string line)
    {
        if (line.Length > LineLengthMax)
        {
            throw new FormatException($"longer than {LineLengthMax} characters");
        }

        return line[0] == '{' ? ParseJson(number, line) : ParseCsv(number, line);
    }

    private static OrderRequest ParseCsv(int number, string line)
    {
        var fields = line.Split(',');
        if (fields.Length != 3)
        {
            throw new FormatException($"{fields.Length} fields where 'order,user,item:quantity:price;...' has 3");
        }

        var lines = fields[2].Split(';').Select(part =>
        {
            var parts = part.Split(':');
            return parts.Length == 3
                ? MakeLine(parts[0].Trim(), parts[1], parts[2])
                : throw new FormatException($"'{part}' is not item:quantity:price");
        });
        return Make(number, fields[0].Trim(), fields[1].Trim(), lines);
    }

    private static OrderRequest ParseJson(int number, string line)
    {
        using var document = JsonDocument.Parse(line);
        var root = document.RootElement;
        var lines = Property(root, "lines").EnumerateArray().Select(one => MakeLine(
            Text(one, "item"), Property(one, "quantity").GetRawText(), Property(one, "price").GetRawText()));
        return Make(number, Text(root, "order"), Text(root, "user"), lines);
    }

    private static JsonElement Property(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) ? value : throw new FormatException($"'{name}' is missing");

    private static string Text(JsonElement element, string name) =>
        Property(element, name) is { ValueKind: JsonValueKind.String } value ? value.GetString()! : throw new FormatException($"'{name}' is no text");

    private static OrderLine MakeLine(string item, string quantity, string price)
    {
        CheckId("item", item);
        if (!int.TryParse(quantity.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var count) || count is 0 or > QuantityMax)
        {
            throw new FormatException($"quantity '{quantity}' is not a whole number from 1 to {QuantityMax}");
        }

        if (!decimal.TryParse(price.Trim(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var amount)
            || amount * 100 != decimal.Truncate(amount * 100)
            || amount * 100 > UnitPriceMax)
        {
            throw new FormatException($"price '{price}' is not an amount with at most two decimals, zero or more");
        }

        return new OrderLine(item, count, (long)(amount * 100));
    }

    private static OrderRequest Make(int number, string order, string user, IEnumerable<OrderLine> lines)
    {
        CheckId("order", order);
        CheckId("user", user);

        // One line an item: two lines for one item are one demand on its stock.
        var merged = lines
            .GroupBy(line => line.Item, StringComparer.Ordinal)
            .OrderBy(group => group.Key, StringComparer.Ordinal)
            .Select(group => group.All(line => line.UnitPrice == group.First().UnitPrice)
                ? group.First() with { Quantity = checked(group.Sum(line => line.Quantity)) }
                : throw new FormatException($"two prices for item '{group.Key}'"))
            .ToArray();
        return merged.Length is > 0 and <= ItemsMax
            ? new OrderRequest(number, order, user, merged)
            : throw new FormatException($"{merged.Length} items where an order has 1 to {ItemsMax}");
    }

    private static void CheckId(string what, string id)
    {
        if (!StreamName.TryCreate("account/" + id, out _))
        {
            throw new FormatException($"{what} '{id}' is not 1 to 190 printable ASCII characters without blanks");
        }

        if (id.Length == 0)
        {
            throw new FormatException($"{what} is empty");
        }
    }
}
