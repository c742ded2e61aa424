using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;
using Coordinator.Testing.Simulation;

namespace Coordinator.Simulation;

/// <summary>
/// What really landed, written down at the moment of landing, apart from what the store keeps: the truth that every answer
/// is measured by. It checks the promises that a single write can break.
/// </summary>
internal sealed class Ledger(SimulationLoop loop, List<Violation> violations)
{
    private readonly HashSet<AppendId> _appends = [];
    private readonly Dictionary<LogPosition, long> _order = [];

    /// <summary>Every write in the order of landing.</summary>
    public List<IReadOnlyList<LogRow>> Groups { get; } = [];

    /// <summary>What landed in each shard; those that nothing has landed in are missing.</summary>
    public SortedDictionary<ushort, ShardLedger> Shards { get; } = [];

    /// <summary>The rows of all other streams.</summary>
    public Dictionary<StreamName, List<LogRow>> Streams { get; } = [];

    /// <summary>Decision rows, and when they landed.</summary>
    public Dictionary<TransactionId, (LogRow Row, TimeSpan At)> Decisions { get; } = [];

    /// <summary>User rows by transaction.</summary>
    public Dictionary<TransactionId, List<LogRow>> RowsOf { get; } = [];

    /// <summary>Transactions whose decision row the plan has made unreadable.</summary>
    public HashSet<TransactionId> Damaged { get; } = [];

    /// <summary>What landed in one shard.</summary>
    public ShardLedger ShardOf(ushort shard)
    {
        if (!Shards.TryGetValue(shard, out var found))
        {
            Shards.Add(shard, found = new ShardLedger());
        }

        return found;
    }

    /// <summary>The process has written the last claim of some shard.</summary>
    public bool Owns(SimulatedProcess? process) => process is not null && Shards.Values.Any(shard => shard.Owner == process);

    /// <summary>
    /// Which shard row of all shards it was, in the order of landing; rows of one group in the order in which their batches joined it, for each was checked
    /// against those before it.
    /// </summary>
    public long OrderOf(LogPosition position) => _order.GetValueOrDefault(position);

    public bool IsCommitted(TransactionId id) => Decisions.TryGetValue(id, out var found) && found.Row.Kind is RowKind.CommitDecided;

    public void Land(SimulatedProcess process, IReadOnlyList<LogRow> rows)
    {
        Groups.Add(rows);
        foreach (var id in rows.Select(row => row.AppendId).Distinct())
        {
            // One fence names its empty rows alike, at each version that it has to try.
            if (!_appends.Add(id) && rows[0].Kind is not RowKind.Fenced)
            {
                violations.Add(new Violation("D-2", $"append id {id.Writer:x}.{id.Number} landed twice, with {rows[0]}"));
            }
        }

        foreach (var row in rows.Where(row => LogStreams.IsShard(row.Stream)).OrderBy(row => row.AppendId.Number).ThenBy(row => row.Version))
        {
            _order[row.Position] = _order.Count + 1;
        }

        foreach (var row in rows)
        {
            if (LogStreams.TryParseShard(row.Stream, out var number))
            {
                LandInShard(process, ShardOf(number), row);
            }
            else
            {
                LandInStream(row);
            }
        }
    }

    private void LandInShard(SimulatedProcess process, ShardLedger shard, LogRow row)
    {
        if (row.Version != shard.Rows.Count + 1)
        {
            violations.Add(new Violation("I7", $"{row} landed behind row {shard.Rows.Count}"));
        }

        if (row.Kind is RowKind.ShardOwned)
        {
            if (row.Epoch != row.Version)
            {
                violations.Add(new Violation("I7", $"{row} is of epoch {row.Epoch}"));
            }

            shard.Claims.Add((row, process, loop.Time.Now));
        }
        else if (row.Epoch != shard.OwnerEpoch)
        {
            violations.Add(new Violation("I7", $"{row} of epoch {row.Epoch} by {process.Name} landed while the epoch was {shard.OwnerEpoch}"));
        }
        else if (shard.IsReleased)
        {
            violations.Add(new Violation("D-1", $"{row} by {process.Name} landed behind the row that hands the shard over"));
        }

        shard.Rows.Add(row);
        if (row.IsDecision && !Decisions.TryAdd(row.Transaction, (row, loop.Time.Now)))
        {
            violations.Add(new Violation("I4", $"{row.Transaction} is decided twice, by {row} as well"));
        }
    }

    private void LandInStream(LogRow row)
    {
        if (!Streams.TryGetValue(row.Stream, out var rows))
        {
            Streams.Add(row.Stream, rows = []);
        }

        var before = rows.Count == 0 ? LogPosition.None : rows[^1].Position;
        if (row.Version != rows.Count + 1 || row.Previous != before)
        {
            violations.Add(new Violation("D-10", $"{row} names {row.Previous} as the position before it, behind row {rows.Count} at {before}"));
        }

        rows.Add(row);
        if (!RowsOf.TryGetValue(row.Transaction, out var ofTransaction))
        {
            RowsOf.Add(row.Transaction, ofTransaction = []);
        }

        ofTransaction.Add(row);
    }
}
