using System.Collections.Immutable;
using System.Data.Common;
using System.Text.Json;
using Coordinator.Chaos.Victims;
using Coordinator.Testing.Histories;

namespace Coordinator.Chaos.Drivers.Lists;

/// <summary>What the log says that the lists hold: one more client of the history, who looks past the product.</summary>
internal static class ListsLog
{
    /// <summary>What <see cref="Read"/> reads.</summary>
    public const string Query = "SELECT stream, payload FROM coordinator_event WHERE type = '" + Appended.Name + "' ORDER BY stream, version";

    /// <summary>The lists as a transaction that reads them all, after everything else.</summary>
    public static RecordedTransaction Read(DbDataReader rows)
    {
        var lists = new SortedDictionary<string, List<long>>(StringComparer.Ordinal);
        while (rows.Read())
        {
            var key = rows.GetString(0)[(NumberList.Category.Length + 1)..];
            if (!lists.TryGetValue(key, out var elements))
            {
                lists.Add(key, elements = []);
            }

            using var content = JsonDocument.Parse((byte[])rows.GetValue(1));
            elements.Add(content.RootElement.GetProperty("element").GetInt64());
        }

        var now = TimeProvider.System.GetTimestamp();
        var reads = lists.Select(list => (MicroOperation)new MicroOperation.ReadList(list.Key, [.. list.Value]));
        return new RecordedTransaction("the log", RecordedOutcome.Committed, reads.ToImmutableArray()) { Name = "the log", BeganAt = now, EndedAt = now + 1 };
    }
}
