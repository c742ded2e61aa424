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

    /// <summary>Every write in the order of landing.</summary>
    public List<IReadOnlyList<LogRow>> Groups { get; } = [];

    /// <summary>The shard's rows.</summary>
    public List<LogRow> Shard { get; } = [];

    /// <summary>The rows of all other streams.</summary>
    public Dictionary<StreamName, List<LogRow>> Streams { get; } = [];

    /// <summary>Decision rows, and when they landed.</summary>
    public Dictionary<TransactionId, (LogRow Row, TimeSpan At)> Decisions { get; } = [];

    /// <summary>User rows by transaction.</summary>
    public Dictionary<TransactionId, List<LogRow>> RowsOf { get; } = [];

    /// <summary>Every ShardOwned row, who wrote it and when it landed.</summary>
    public List<(LogRow Row, SimulatedProcess Process, TimeSpan At)> Claims { get; } = [];

    /// <summary>Transactions whose decision row the plan has made unreadable.</summary>
    public HashSet<TransactionId> Damaged { get; } = [];

    /// <summary>Of the last ShardOwned row; 0 if there is none.</summary>
    public long OwnerEpoch => Claims.Count == 0 ? 0 : Claims[^1].Row.Version;

    /// <summary>Who wrote it.</summary>
    public SimulatedProcess? Owner => Claims.Count == 0 ? null : Claims[^1].Process;

    /// <summary>What the last checkpoint that landed says may be forgotten; null if nothing.</summary>
    public ForgetMark? Horizon => Shard.FindLast(row => row.Kind is RowKind.ShardCheckpoint) is { } last ? ShardCheckpoint.Decode(last).Forgetting.Horizon : null;

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

        foreach (var row in rows)
        {
            if (LogStreams.IsShard(row.Stream))
            {
                LandInShard(process, row);
            }
            else
            {
                LandInStream(row);
            }
        }
    }

    private void LandInShard(SimulatedProcess process, LogRow row)
    {
        if (row.Version != Shard.Count + 1)
        {
            violations.Add(new Violation("I7", $"{row} landed behind row {Shard.Count}"));
        }

        if (row.Kind is RowKind.ShardOwned)
        {
            if (row.Epoch != row.Version)
            {
                violations.Add(new Violation("I7", $"{row} is of epoch {row.Epoch}"));
            }

            Claims.Add((row, process, loop.Time.Now));
        }
        else if (row.Epoch != OwnerEpoch)
        {
            violations.Add(new Violation("I7", $"{row} of epoch {row.Epoch} by {process.Name} landed while the epoch was {OwnerEpoch}"));
        }

        Shard.Add(row);
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
