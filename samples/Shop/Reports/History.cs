using System.Globalization;
using System.Text;
using Coordinator;
using Spectre.Console;

namespace Shop.Reports;

/// <summary>Shows streams as they stand in the log.</summary>
public sealed class History(IEventLog log)
{
    /// <summary>Prints the events of the streams; false if they have none.</summary>
    public async Task<bool> ShowAsync(params string[] streams)
    {
        var table = new Table().Border(TableBorder.Minimal).AddColumns("stream", "version", "event", "content", "transaction");
        var found = false;
        foreach (var stream in streams)
        {
            await foreach (var recorded in log.ReadStreamAsync(stream))
            {
                found = true;
                table.AddRow(
                    Markup.Escape(stream),
                    recorded.Version.ToString(CultureInfo.InvariantCulture),
                    Markup.Escape(recorded.Type),
                    Markup.Escape(Encoding.UTF8.GetString(recorded.Payload.Span)),
                    recorded.Transaction.ToString());
            }
        }

        if (!found)
        {
            Console.WriteLine($"Nothing is recorded of {string.Join(" or ", streams)}.");
            return false;
        }

        table.Columns[4].NoWrap();
        AnsiConsole.Profile.Width = Math.Max(AnsiConsole.Profile.Width, 200);
        AnsiConsole.Write(table);
        return true;
    }
}
