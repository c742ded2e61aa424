using Npgsql;

namespace Coordinator.Chaos.Drivers.Hosts;

/// <summary>Shows that the judge can fail: faults are planted in a copy of a real log, and in what was told, and each must be found.</summary>
internal static class JudgeTrial
{
    private const string Newest = "(SELECT max(version) FROM coordinator_event WHERE stream = 'shard/0')";

    // A decision that is not the log's last row, however few there are yet on a slow machine.
    private const string Middle = "(SELECT version FROM coordinator_event WHERE stream = 'shard/0' AND kind = 19 ORDER BY version "
        + "OFFSET ((SELECT count(*) FROM coordinator_event WHERE stream = 'shard/0' AND kind = 19) - 1) / 2 LIMIT 1)";

    /// <summary>Faults of a log, whatever it is of.</summary>
    public static IReadOnlyList<(string Fault, string Statement)> OfAnyLog { get; } =
    [
        ("a late row of an old owner", $"UPDATE coordinator_event SET epoch = epoch - 1 WHERE stream = 'shard/0' AND version = {Newest}"),
        ("a hole in the shard", $"DELETE FROM coordinator_event WHERE stream = 'shard/0' AND version = {Middle}"),
        ("a decision written twice", $"INSERT INTO coordinator_event SELECT stream, {Newest} + 1, kind, append_writer, append_number, transaction_id, epoch, checkpoint, shard, position, previous_shard, previous_position, type, type_version, written_at, checksum, payload FROM coordinator_event WHERE stream = 'shard/0' AND version = {Middle}"),
        ("a row whose content was changed", $"UPDATE coordinator_event SET written_at = written_at + 1 WHERE stream = 'shard/0' AND version = {Middle}"),
    ];

    /// <summary>Faults of the Shop's own events.</summary>
    public static IReadOnlyList<(string Fault, string Statement)> OfTheShop { get; } =
    [
        ("a payment that was lost", "DELETE FROM coordinator_event e WHERE type = 'shop.process-payment' AND version = (SELECT max(version) FROM coordinator_event WHERE stream = e.stream)"),
        ("an order without its decision", "UPDATE coordinator_event SET transaction_id = set_byte(transaction_id, 23, 255) WHERE type = 'shop.create-order' AND stream = (SELECT max(stream) FROM coordinator_event WHERE type = 'shop.create-order')"),
        ("stock that moved twice", "UPDATE coordinator_event SET payload = convert_to(replace(convert_from(payload, 'UTF8'), '\"change\":-', '\"change\":-1'), 'UTF8') WHERE type = 'shop.update-stock' AND version > 1"),
    ];

    /// <summary>Plants each fault; what was not found, or was found where nothing was planted, is a violation.</summary>
    public static async Task<int> RunAsync(LogServer server, History history, IReadOnlyList<(string Fault, string Statement)> plants)
    {
        var told = HostsAudit.ToldOf(history);
        await using var connection = await server.ConnectAsync();
        await ExecuteAsync(connection, "CREATE SCHEMA planted; CREATE TABLE planted.coordinator_event AS TABLE coordinator_event; SET search_path = planted");
        await ExpectAsync(connection, history, "nothing", told, false);
        foreach (var (fault, statement) in plants)
        {
            await ExecuteAsync(connection, "BEGIN");
            await ExecuteAsync(connection, statement);
            await ExpectAsync(connection, history, fault, told, true);
            await ExecuteAsync(connection, "ROLLBACK");
        }

        var someone = told.First(one => one.Value).Key;
        await ExpectAsync(connection, history, "a lie: aborted", new Dictionary<string, bool>(told, StringComparer.Ordinal) { [someone] = false }, true);
        await ExpectAsync(connection, history, "a lie: committed", new Dictionary<string, bool>(told, StringComparer.Ordinal) { [new string('f', someone.Length)] = true }, true);
        await ExecuteAsync(connection, "DROP SCHEMA planted CASCADE");
        return plants.Count + 2;
    }

    private static async Task ExpectAsync(NpgsqlConnection connection, History history, string planted, Dictionary<string, bool> told, bool found)
    {
        var (_, violations) = await HostsAudit.JudgeAsync(connection, told, announced: null);
        if (violations.Count > 0 != found)
        {
            history.Violated($"the judge is not to be trusted: '{planted}' was planted, and it found {violations.FirstOrDefault() ?? "nothing"}");
        }
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string statement)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = statement;
        await command.ExecuteNonQueryAsync();
    }
}
