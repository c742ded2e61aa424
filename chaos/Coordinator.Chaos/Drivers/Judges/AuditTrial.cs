using System.Data.Common;
using Coordinator.Testing.Histories;

namespace Coordinator.Chaos.Drivers.Judges;

/// <summary>Shows that the judges of the log can fail: faults are planted in a copy of a real log, and in what was told, and each must be found.</summary>
internal static class AuditTrial
{
    // Of several shards the one with the most decisions: transactions need not have begun on each.
    private const string Shard = "(SELECT stream FROM coordinator_event WHERE kind = 19 GROUP BY stream ORDER BY count(*) DESC, stream LIMIT 1)";

    private const string Newest = "(SELECT max(version) FROM coordinator_event WHERE stream = " + Shard + ")";

    private const string Next = Newest + " + 1";

    // A decision that is not the log's last row, however few there are yet on a slow machine.
    private const string Middle = "(SELECT version FROM coordinator_event WHERE stream = " + Shard + " AND kind = 19 ORDER BY version "
        + "LIMIT 1 OFFSET ((SELECT count(*) FROM coordinator_event WHERE stream = " + Shard + " AND kind = 19) - 1) / 2)";

    private static readonly (string Fault, string Statement)[] s_plants =
    [
        ("a late row of an old owner", $"UPDATE coordinator_event SET epoch = epoch - 1 WHERE stream = {Shard} AND version = {Newest}"),
        ("a hole in the shard", $"DELETE FROM coordinator_event WHERE stream = {Shard} AND version = {Middle}"),
        ("a decision written twice", "INSERT INTO coordinator_event SELECT stream, " + Next + ", kind, append_writer, append_number, transaction_id, epoch, checkpoint, shard, " + Next
            + $", previous_shard, previous_position, type, type_version, written_at, checksum, payload FROM coordinator_event WHERE stream = {Shard} AND version = {Middle}"),
        ("a row whose content was changed", $"UPDATE coordinator_event SET written_at = written_at + 1 WHERE stream = {Shard} AND version = {Middle}"),
        ("a transfer of which one side is lost", "DELETE FROM coordinator_event WHERE type = 'chaos.moved' AND version > 1 AND stream = (SELECT max(stream) FROM coordinator_event WHERE type = 'chaos.moved' AND version > 1) "
            + "AND version = (SELECT max(version) FROM coordinator_event WHERE stream = (SELECT max(stream) FROM coordinator_event WHERE type = 'chaos.moved' AND version > 1))"),
        ("a hole in an account", "DELETE FROM coordinator_event WHERE version = 2 AND stream = (SELECT max(stream) FROM coordinator_event WHERE type = 'chaos.moved' AND version > 2)"),
    ];

    /// <summary>Plants each fault; what was not found, or was found where nothing was planted, comes back.</summary>
    /// <param name="copy">Of the log as it is: what is planted is taken back again.</param>
    /// <param name="audit">As it was before it read what <paramref name="window"/> was told of.</param>
    /// <param name="window">What was told.</param>
    public static async Task<(int Planted, IReadOnlyList<string> Distrust)> RunAsync(DbConnection copy, LogAudit audit, HistoryWindow window)
    {
        var distrust = new List<string>();
        Expect("nothing", await audit.Fork().ReadAsync(copy), window, false, distrust);
        foreach (var (fault, statement) in s_plants)
        {
            await ExecuteAsync(copy, "BEGIN");
            await ExecuteAsync(copy, statement);
            Expect(fault, await audit.Fork().ReadAsync(copy), window, true, distrust);
            await ExecuteAsync(copy, "ROLLBACK");
        }

        var log = await audit.Fork().ReadAsync(copy);
        var someone = window.Told.First(one => one.Outcome is RecordedOutcome.Committed && log.Decisions.Any(decision => decision.Transaction == one.Transaction));
        Expect("a lie: aborted", log, window with { Told = [someone with { Outcome = RecordedOutcome.Aborted }] }, true, distrust);
        Expect("a lie: committed", log, window with { Told = [someone with { Transaction = new string('f', someone.Transaction.Length) }] }, true, distrust);
        return (s_plants.Length + 2, distrust);
    }

    private static void Expect(string planted, LogWindow log, HistoryWindow window, bool found, List<string> distrust)
    {
        var report = RoundJudge.Agreement(window, log);
        if ((log.Faults.Count > 0 || report.Verdict is HistoryVerdict.Invalid) != found)
        {
            distrust.Add($"the judge is not to be trusted: '{planted}' was planted, and it found {log.Faults.Concat(report.Witnesses).FirstOrDefault() ?? "nothing"}");
        }
    }

    private static async Task ExecuteAsync(DbConnection connection, string statement)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = statement;
        await command.ExecuteNonQueryAsync();
    }
}
