using System.Collections.Immutable;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;
using Coordinator.Testing.Simulation;

namespace Coordinator.Simulation;

/// <summary>The checks once everything has come to rest.</summary>
internal sealed partial class FinalChecks(Cluster cluster)
{
    private Ledger Ledger => cluster.Ledger;

    public async Task RunAsync()
    {
        CheckRows();
        await CheckServiceAsync();
        await CheckOutcomesAsync();
        CheckTold();
        foreach (var record in cluster.History.Transactions)
        {
            CheckRowsOf(record);
            CheckOrder(record);
            CheckFound(record);
        }

        CheckKeys();
        CheckBank();
        CheckHistory();
    }

    private void Violate(string promise, string what) => cluster.Violations.Add(new Violation(promise, what));

    /// <summary>What the store holds is what landed, in order, with whole checksums and chains (I4, I7).</summary>
    private void CheckRows()
    {
        var shards = Ledger.Shards.Select(one => (Key: LogStreams.Shard(one.Key), Rows: one.Value.Rows.ToList()));
        foreach (var (stream, landed) in Ledger.Streams.Select(one => (one.Key, Rows: one.Value)).Concat(shards))
        {
            var read = ReadAll(stream);
            if (LogStreams.TryParseShard(stream, out var shard) && Ledger.ShardOf(shard).Horizon is { } horizon)
            {
                read = CheckRemoved(landed, read, horizon);
                landed.RemoveAll(row => row.Version < horizon.Version);
            }

            for (var i = 0; i < Math.Max(read.Length, landed.Count); i++)
            {
                if (i < read.Length && read[i].Fault is { } fault && !Ledger.Damaged.Contains(read[i].Transaction))
                {
                    Violate("I7", $"{read[i]} can't be trusted: {fault}");
                    break;
                }

                if (i >= read.Length || i >= landed.Count || read[i].AppendId != landed[i].AppendId || read[i].Checksum != landed[i].Checksum)
                {
                    Violate("I4", $"{stream} has {read.Length} rows, {landed.Count} landed; row {i + 1} is not what landed");
                    break;
                }
            }
        }
    }

    /// <summary>Rows are missing only below a horizon that is in the log (D-5). Gives the rows from there on.</summary>
    private ImmutableArray<LogRow> CheckRemoved(List<LogRow> landed, ImmutableArray<LogRow> read, ForgetMark horizon)
    {
        var present = read.Select(row => row.Version).ToHashSet();
        foreach (var row in landed.Where(row => !present.Contains(row.Version)))
        {
            cluster.Reach(SituationTable.RowRemoved);
            if (!ForgetRules.MayRemove(horizon, row.Version))
            {
                Violate("D-5", $"{row} is gone, though the horizon is at {horizon.Version}");
            }
        }

        return [.. read.Where(row => row.Version >= horizon.Version)];
    }

    private ImmutableArray<LogRow> ReadAll(StreamName stream) =>
        SimulatedLog.Completed(cluster.Log.Rows.ReadAsync(stream, 1, int.MaxValue - 1, UnreadableRows.Mark, CancellationToken.None));

    /// <summary>A committed transaction has every row it meant to have, once; any other has none (I11).</summary>
    private void CheckRowsOf(TransactionRecord record)
    {
        var rows = Ledger.RowsOf.GetValueOrDefault(record.Id) ?? [];
        if (!Ledger.IsCommitted(record.Id))
        {
            if (rows.Count > 0)
            {
                Violate("I11", $"{record} did not commit, and {rows[0]} is its row");
            }

            return;
        }

        if (!record.AsksToCommit)
        {
            Violate("I11", $"{record} committed, and nobody had asked for it");
        }

        var meant = record.Writes.Select(write => $"{write.Stream} {write.Event}").Order(StringComparer.Ordinal);
        var found = rows.Where(row => !LogStreams.IsKey(row.Stream)).Select(row => $"{row.Stream} {EventOf(row)}").Order(StringComparer.Ordinal);
        if (!meant.SequenceEqual(found, StringComparer.Ordinal))
        {
            Violate("I11", $"{record} meant [{string.Join(", ", meant)}], the log has [{string.Join(", ", found)}]");
        }
    }

    /// <summary>The state that a committed transaction worked on is what the log folds to, not only its version (I19).</summary>
    private void CheckFound(TransactionRecord record)
    {
        if (!Ledger.IsCommitted(record.Id) && !record.Told.Exists(told => told.Outcome.IsCommitted))
        {
            return;
        }

        foreach (var (stream, version, balance) in record.Balances)
        {
            var rows = Ledger.Streams.GetValueOrDefault(stream) ?? [];
            var folded = rows.Take((int)version).Sum(row => ((Moved)EventOf(row)!).Amount);
            if (version > rows.Count || folded != balance)
            {
                Violate("I19", $"{record} committed having found {balance} in {stream} at {version} of {rows.Count}, where the log has {folded}");
            }
        }
    }

    /// <summary>
    /// At most one transaction has committed under a key, and whoever was told of a commit was told of that one. Who sends the request again after that is not told that nothing was done.
    /// </summary>
    private void CheckKeys()
    {
        foreach (var (key, rows) in Ledger.Streams.Where(stream => LogStreams.IsKey(stream.Key) && stream.Value.Count != 1))
        {
            Violate("keys", $"{rows.Count} transactions committed under one key, {key}");
        }

        foreach (var attempts in cluster.History.Attempts.Where(attempt => Ledger.IsCommitted(attempt.Id)).GroupBy(attempt => attempt.Key, StringComparer.Ordinal).Where(attempts => attempts.Count() > 1))
        {
            Violate("keys", $"what was asked for under '{attempts.Key}' was done {attempts.Count()} times: {string.Join(", ", attempts.Select(attempt => attempt.Id))}");
        }

        foreach (var told in cluster.History.Requests)
        {
            if (told.Outcome is { IsCommitted: true } outcome && (Ledger.Streams.GetValueOrDefault(told.Key.Stream) is not [{ Transaction: var bound }] || bound != outcome.Id))
            {
                Violate("keys", $"'{told.Key}' was told {outcome}, which the log does not have under it");
            }

            if (told.SaysNo && cluster.History.Requests.Find(other => other.Outcome is { IsCommitted: true } && other.Key.Value == told.Key.Value && other.At < told.SentAt) is { } done)
            {
                Violate("keys", $"'{told.Key}' was told {told.Outcome?.ToString() ?? "what the work threw"}, though it had been sent after {done.Outcome} was told");
            }
        }
    }

    /// <summary>What an account's row adds to it.</summary>
    public static long AmountOf(LogRow row) => ((Moved)EventOf(row)!).Amount;

    private static object? EventOf(LogRow row) => Events.TryRead(row);

    private static EventTypes Events { get; } = new EventTypes().Add<Moved>().Add<Setting>().Add<Noted>();

    /// <summary>Money is neither made nor lost: at the end, and in every audit that committed (I18).</summary>
    private void CheckBank()
    {
        var sum = cluster.Plan.Accounts * Workload.Opening;
        var end = Ledger.Streams.Where(stream => stream.Key.Value.StartsWith("account/", StringComparison.Ordinal))
            .SelectMany(stream => stream.Value)
            .Sum(row => ((Moved)EventOf(row)!).Amount);
        if (end != sum)
        {
            Violate("I18", $"the accounts hold {end}, not {sum}");
        }

        foreach (var record in cluster.History.Transactions.Where(record => record.Sum is { } found && found != sum && record.Told.Exists(told => told.Outcome.IsCommitted)))
        {
            Violate("I18", $"{record} committed with a sum of {record.Sum}, not {sum}");
        }
    }
}
