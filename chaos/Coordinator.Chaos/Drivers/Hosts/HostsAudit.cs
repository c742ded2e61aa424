using System.Data;
using Coordinator.AdoNet;
using Coordinator.Log;
using Coordinator.Protocol;
using Npgsql;

namespace Coordinator.Chaos.Drivers.Hosts;

/// <summary>
/// Judges the log of several hosts: what <see cref="ShopAudit"/> finds, every row's checksum and chain as the product's own reader
/// sees them, and whether the log agrees with everything that was told.
/// </summary>
internal static class HostsAudit
{
    /// <summary>What may be asked of a log while it is written.</summary>
    /// <param name="connection">Where the table is found.</param>
    /// <param name="told">Taken before the log is read: what was told by then must be in it.</param>
    /// <param name="announced">All transactions that were ever begun, if nobody writes any more; else null.</param>
    public static async Task<(ShopAudit Audit, List<string> Violations)> JudgeAsync(
        NpgsqlConnection connection, IReadOnlyDictionary<string, bool> told, IReadOnlySet<string>? announced)
    {
        var violations = new List<string>();
        var (audit, found) = await ReadAsync(connection, ShopAudit.Query, ShopAudit.Of);
        violations.AddRange(found);
        violations.AddRange(await ReadAsync(connection, $"SELECT {RowDecoder.Columns}, stream FROM coordinator_event ORDER BY stream, version", Distrust));
        Compare(audit, told, announced, violations);
        return (audit, violations);
    }

    /// <summary>The longest time from a row that hands over to the claim right behind it, as the log has it.</summary>
    public static Task<TimeSpan> LongestHandOverAsync(NpgsqlConnection connection) => ReadAsync(
        connection,
        "SELECT coalesce(max(claim.written_at - release.written_at), 0) FROM coordinator_event release "
        + "JOIN coordinator_event claim ON claim.stream = release.stream AND claim.version = release.version + 1 WHERE release.kind = 22 AND claim.kind = 16",
        rows => rows.Read() ? TimeSpan.FromMicroseconds(rows.GetInt64(0)) : TimeSpan.Zero);

    /// <summary>What was told so far of transactions that leave a record.</summary>
    public static Dictionary<string, bool> ToldOf(History history) =>
        history.All.Where(one => one.Committed is false || (one.Committed is true && !one.IsReadOnly)).ToDictionary(one => one.Id, one => one.Committed!.Value, StringComparer.Ordinal);

    private static void Compare(ShopAudit audit, IReadOnlyDictionary<string, bool> told, IReadOnlySet<string>? announced, List<string> violations)
    {
        var decided = audit.Decided.ToHashSet(StringComparer.Ordinal);
        foreach (var (id, committed) in told)
        {
            if (decided.Contains(DigitsOf(id)) != committed)
            {
                violations.Add(committed ? $"{id} was told committed and is not in the log (I6)" : $"{id} was told aborted and is in the log (I6)");
            }
        }

        if (announced is not null)
        {
            decided.ExceptWith(announced.Select(DigitsOf));
            violations.AddRange(decided.Select(id => $"{id} is in the log and was never announced"));
        }
    }

    private static string DigitsOf(string id) => id.Replace("-", string.Empty, StringComparison.Ordinal).ToUpperInvariant();

    private static List<string> Distrust(NpgsqlDataReader rows)
    {
        const int streamColumn = 16;
        var violations = new List<string>();
        LogRow? before = null;
        while (rows.Read())
        {
            var row = RowDecoder.Read(rows, new StreamName(rows.GetString(streamColumn)));
            if (RowTrust.FaultOf(row, before is not null && before.Stream == row.Stream ? before : null) is { } fault)
            {
                violations.Add($"{row.Stream} row {row.Version} can't be trusted: {fault}");
            }

            before = row;
        }

        return violations;
    }

    private static async Task<T> ReadAsync<T>(NpgsqlConnection connection, string query, Func<NpgsqlDataReader, T> read)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = query;
        await using var rows = await command.ExecuteReaderAsync(CommandBehavior.SingleResult);
        return read(rows);
    }
}
