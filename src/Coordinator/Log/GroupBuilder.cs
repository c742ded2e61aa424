using System.Runtime.InteropServices;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Ownership;

namespace Coordinator.Log;

/// <summary>
/// Makes one group of the batches that wait: numbers the shard rows, checks each batch's reads and writes against the batches
/// before it in the group (in SQL two transactions of one group would be blind to each other: write skew), and says what
/// the store must check.
/// </summary>
internal sealed class GroupBuilder(int bytesMax, AppendIds ids)
{
    private readonly Dictionary<StreamName, Touched> _touched = [];
    private readonly List<LogRow> _rows = [];
    private readonly List<StreamCheck> _checks = [];
    private int _bytes;

    /// <summary>What a stream ends with once the group so far has landed.</summary>
    private readonly record struct Touched(StreamEnd End, LogPosition Position, BatchFate? Writer = null);

    public List<PendingAppend> Members { get; } = [];

    /// <summary>Rows of the group.</summary>
    public int RowCount => _rows.Count;

    /// <summary>Lanes with rows in the group.</summary>
    public List<LaneShare> Lanes { get; } = [];

    /// <summary>Ends of the streams that the log numbers itself, with what this group adds.</summary>
    public TailCache Tails { get; } = new();

    public void Clear()
    {
        _touched.Clear();
        _rows.Clear();
        _checks.Clear();
        Members.Clear();
        Lanes.Clear();
        _bytes = 0;
    }

    /// <summary>Adds a batch; false if it must wait for the next group.</summary>
    public bool TryAdd(PendingAppend append, long now)
    {
        if ((Members.Count > 0 && _bytes + append.Size > bytesMax) || !FitsBehindMembers(append))
        {
            return false;
        }

        _bytes += append.Size;
        append.AppendId = ids.Next();
        AddShardRow(append, now);
        var position = new LogPosition(append.Lane.Shard, (ulong)append.ShardVersion);
        foreach (var redo in append.Redo)
        {
#if PLANTED_BUGS
            if (PlantedBugs.Has(PlantedBug.RedoLeftOut) && Members.Count > 0 && append.Redo.Length > 1 && redo == append.Redo[^1])
            {
                continue;
            }
#endif
            AddRedo(append, redo, position, now);
        }

        Members.Add(append);
        return true;
    }

    /// <summary>The group as the store takes it.</summary>
    public RowGroup ToGroup()
    {
        _rows.Sort(static (left, right) =>
        {
            var order = left.Stream.CompareTo(right.Stream);
            return order != 0 ? order : left.Version.CompareTo(right.Version);
        });
        return new RowGroup([.. CollectionsMarshal.AsSpan(_rows)], [.. CollectionsMarshal.AsSpan(_checks)]) 
        {
            ContinuesOnWriter = true,
            LocksReads = !Lanes.TrueForAll(static share => share.Lane.IsOnlyShard),
        };
    }

    /// <summary>
    /// False if the batch conflicts with what an earlier member writes: whether that is a conflict for good depends on whether
    /// the earlier one lands, so it waits. So does one that rests on a batch which is neither durable nor the last to write to the stream
    /// in this group: a version alone does not tell whose row will stand there (decision 0009).
    /// </summary>
    private bool FitsBehindMembers(PendingAppend append)
    {
#if PLANTED_BUGS
        if (PlantedBugs.Has(PlantedBug.GroupMembersBlind))
        {
            return true;
        }
#endif
        foreach (var redo in append.Redo)
        {
            var isTouched = _touched.TryGetValue(redo.Stream, out var touched);
            if (redo.RestsOn is { Kind: BatchFateKind.Open } earlier && !ReferenceEquals(touched.Writer, earlier))
            {
                return false;
            }

            if (isTouched && !AppendRules.Accepts(append.Mode, redo, append.Event.Id, touched.End))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The owner's last rows: a checkpoint, so that the next one has nothing to replay, and the row that hands the shard over.</summary>
    public void AddRelease(ShardLane lane, long now)
    {
        AddLane(lane, now, withCheckpoint: true);
        AddShardRow(lane, RowKind.ShardReleased, ids.Next(), default, default, now);
    }

    private void AddShardRow(PendingAppend append, long now)
    {
        if (!_touched.ContainsKey(append.Lane.Stream))
        {
            AddLane(append.Lane, now, append.Lane.IsCheckpointDue);
        }

        append.ShardVersion = AddShardRow(append.Lane, append.Kind, append.AppendId, append.Event.Id, append.Payload, now);
    }

    /// <summary>
    /// A checkpoint goes first in its shard's share of the group: everything before it is durable, and nothing else is counted
    /// in it (a row of this group may yet be taken out).
    /// </summary>
    private void AddLane(ShardLane lane, long now, bool withCheckpoint)
    {
        var version = lane.Ownership.NextVersion;
        var epoch = lane.Ownership.Epoch;
        _checks.Add(AppendRules.CheckOf(lane.Stream, version, epoch));
        var id = withCheckpoint ? ids.Next() : default;
        var content = withCheckpoint ? lane.MakeCheckpoint() : null;
        Lanes.Add(new LaneShare(lane, version, lane.Seed, id, content is null ? null : new CheckpointSent(content, now)));
        _touched[lane.Stream] = new Touched(new StreamEnd(version - 1, default, epoch), LogPosition.None);
        if (content is not null)
        {
            AddShardRow(lane, RowKind.ShardCheckpoint, id, default, content.Encode(), now);
        }
    }

    private long AddShardRow(
        ShardLane lane, RowKind kind, AppendId id, TransactionId transaction, ReadOnlyMemory<byte> payload, long now)
    {
        var share = ShareOf(lane);
        var version = _touched[lane.Stream].End.Version + 1;
        var row = new LogRow
        {
            Stream = lane.Stream,
            Version = version,
            Kind = kind,
            AppendId = id,
            Transaction = transaction,
            Epoch = lane.Ownership.Epoch,
            Checkpoint = share.HasCheckpoint && version > share.FirstVersion ? share.FirstVersion : lane.Checkpoint,
            Position = new LogPosition(lane.Shard, (ulong)version),
            WrittenAt = now,
            Payload = payload,
        };
        row.Checksum = RowChecksum.Of(row, lane.Seed);
        lane.Seed = RowChecksum.SeedAfter(row);
        _rows.Add(row);
        _touched[lane.Stream] = new Touched(new StreamEnd(version, default, row.Epoch), row.Position);
        return version;
    }

    private LaneShare ShareOf(ShardLane lane)
    {
        foreach (var share in Lanes)
        {
            if (ReferenceEquals(share.Lane, lane))
            {
                return share;
            }
        }

        throw new InvariantViolationException("a shard has its share of a group before its rows");
    }

    private void AddRedo(PendingAppend append, Redo redo, LogPosition position, long now)
    {
        var transaction = append.Event.Id;
        var known = _touched.TryGetValue(redo.Stream, out var touched);
        if (!known)
        {
            var tail = redo.ExpectedVersion == Redo.AtEnd ? Tails.Of(redo.Stream) : default;
            if (AppendRules.CheckOf(append.Mode, redo, transaction, tail.Version) is not { } check)
            {
                return;
            }

            _checks.Add(check);
            touched = new Touched(
                new StreamEnd(check.Version, check.MustBeHeld ? check.Holder : default, 0),
                redo.ExpectedVersion == Redo.AtEnd ? tail.Position : redo.RestsOn?.Position ?? redo.Previous);
        }

        var rows = BindingBatch.RowCount(append.Mode, redo);
        var previous = touched.Position;
        for (var i = 0; i < rows; i++)
        {
            var row = MakeRow(append, redo, i, touched.End.Version + 1 + i, position, previous, now);
            row.Checksum = RowChecksum.Of(row, 0);
            _rows.Add(row);
            previous = position;
        }

        _touched[redo.Stream] = rows == 0
            ? touched
            : new Touched(AppendRules.After(append.Mode, redo, transaction, touched.End), position, append.Fate);
        if (redo.ExpectedVersion == Redo.AtEnd && rows > 0)
        {
            Tails.Set(redo.Stream, _touched[redo.Stream].End.Version, position);
        }
    }

    private static LogRow MakeRow(
        PendingAppend append, Redo redo, int index, long version, LogPosition position, LogPosition previous, long now)
    {
        var data = append.Mode is RedoMode.Write or RedoMode.WriteBehindHold ? redo.Events[index] : null;
        return new LogRow
        {
            Stream = redo.Stream,
            Version = version,
            Kind = append.Mode switch
            {
                RedoMode.Hold => RowKind.Held,
                RedoMode.Release => RowKind.Released,
                _ => RowKind.Event,
            },
            AppendId = append.AppendId,
            Transaction = append.Event.Id,
            Position = position,
            Previous = previous,
            Type = data?.Type ?? string.Empty,
            TypeVersion = data?.TypeVersion ?? 0,
            WrittenAt = now,
            Payload = data?.Payload ?? default,
        };
    }
}

/// <summary>One shard's share of a group.</summary>
/// <param name="Lane">The shard.</param>
/// <param name="FirstVersion">Of its rows.</param>
/// <param name="Seed">For the checksum of the first.</param>
/// <param name="CheckpointId">Append id of the checkpoint that is its first row; default if it has none.</param>
/// <param name="Checkpoint">That checkpoint; null if it has none.</param>
internal readonly record struct LaneShare(ShardLane Lane, long FirstVersion, uint Seed, AppendId CheckpointId, CheckpointSent? Checkpoint)
{
    public bool HasCheckpoint => Checkpoint is not null;
}

/// <summary>A checkpoint on its way.</summary>
internal sealed record CheckpointSent(ShardCheckpoint Content, long WrittenAt);

/// <summary>Numbers one writer's sends.</summary>
internal sealed class AppendIds(ulong writer)
{
    private ulong _sends;

    public ulong Writer => writer;

    public AppendId Next() => new(writer, ++_sends);
}

/// <summary>
/// What the streams end with that the log numbers itself. A wrong entry costs a refused group and a read, never a wrong row:
/// the store checks it.
/// </summary>
internal sealed class TailCache
{
    private const int CountMax = 10_000;
    private readonly Dictionary<StreamName, (long Version, LogPosition Position)> _tails = [];

    public bool Knows(StreamName stream) => _tails.ContainsKey(stream);

    public (long Version, LogPosition Position) Of(StreamName stream)
    {
        Invariant.Holds(_tails.TryGetValue(stream, out var tail), "the end of a stream is read before the log numbers it");
        return tail;
    }

    public void Set(StreamName stream, long version, LogPosition position)
    {
        if (_tails.Count >= CountMax && !_tails.ContainsKey(stream))
        {
            _tails.Clear();
        }

        _tails[stream] = (version, position);
    }

    public void Clear() => _tails.Clear();
}
