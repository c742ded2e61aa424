using System.Collections.Immutable;
using System.Diagnostics;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Ownership;

namespace Coordinator.Log;

/// <summary>What the log says of a batch. What is unclear is fenced first and never an answer.</summary>
internal enum AppendResult : byte
{
    /// <summary>Durable.</summary>
    Appended,

    /// <summary>Not in the log, and never will be: a stream had moved on.</summary>
    Conflict,

    /// <summary>Not in the log, and never will be: the store refuses the rows.</summary>
    Rejected,

    /// <summary>Another owner has the shard. The batch is not in the log, and never will be.</summary>
    OwnerLost,

    /// <summary>The batch may be in, or may still land, and this process can't find out any more. Only the next owner can say.</summary>
    Unclear,
}

/// <summary>Who waits for a batch.</summary>
internal interface IAppendTarget
{
    /// <summary>Called once for each batch, on any thread and for several batches at once; must not block.</summary>
    void Settled(PendingAppend append, AppendResult result, LogPosition position, AbortCause? cause);
}

/// <summary>A batch on its way: one event of one transaction in its shard, and the redo that becomes durable with it.</summary>
internal sealed class PendingAppend(ShardLane lane, CommitEvent durable, IAppendTarget target)
{
    private const int RowOverhead = 160;
    private int _size;

    public ShardLane Lane { get; } = lane;

    public CommitEvent Event { get; } = durable;

    public IAppendTarget Target { get; } = target;

    public RowKind Kind { get; } = ShardEventCodec.KindOf(durable);

    public RedoMode Mode { get; } = BindingBatch.Of(durable).Mode;

    public ImmutableArray<Redo> Redo { get; } = BindingBatch.Of(durable).Redo;

    public byte[] Payload { get; } = ShardEventCodec.Encode(durable);

    /// <summary>What became of it, for those that rest on it.</summary>
    public BatchFate Fate { get; } = new();

    /// <summary>Something that it rests on will never be in the log: it must never be there either.</summary>
    public bool IsDoomed
    {
        get
        {
            foreach (var redo in Redo)
            {
                if (redo.RestsOn is { Kind: BatchFateKind.Dropped })
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>Of its transaction; null if nobody records it.</summary>
    public Activity? Span { get; init; }

    /// <summary>Drawn anew for every send: earlier sends of the batch are known dead.</summary>
    public AppendId AppendId { get; set; }

    /// <summary>Version of the shard row in the present send.</summary>
    public long ShardVersion { get; set; }

    /// <summary>
    /// True while the transaction can still abort: its first binding record. What follows a decision or a last resource's record must
    /// be written, however long it waits.
    /// </summary>
    public bool MayBeRefused => Event is CommitEvent.LastResourceCommitting or CommitEvent.CommitDecided { AfterLastResource: false };

    /// <summary>About how many bytes the batch adds to a group.</summary>
    public int Size => _size > 0 ? _size : _size = Measure();

    private int Measure()
    {
        var size = RowOverhead + Payload.Length;
        foreach (var redo in Redo)
        {
            foreach (var data in redo.Events)
            {
                size += RowOverhead + redo.Stream.Value.Length + data.Payload.Length;
            }
        }

        return size;
    }
}

/// <summary>How far a shard's horizon may move, as its owner last found.</summary>
/// <param name="WrittenBefore">What was written before this instant may be forgotten, in microseconds since 1970 UTC.</param>
/// <param name="Spacing">How far checkpoints must be apart to be places for the horizon, in microseconds.</param>
/// <param name="Undecided">The oldest transactions in memory, one of each epoch: nothing that covers one may be forgotten.</param>
internal sealed record ForgetLimit(long WrittenBefore, long Spacing, ImmutableArray<TransactionId> Undecided)
{
    public bool HoldsBack(ForgetMark mark) => Undecided.Any(mark.Covers);
}

/// <summary>
/// The log's side of one owned shard: where it goes on. Used by the group committer only, which has one group in flight,
/// so that a shard never has two appends under way (rule D-1).
/// </summary>
internal sealed class ShardLane(ushort shard, OwnershipState owned, uint lastChecksum)
{
    private ForgetState _forgetting = ForgetState.Nothing;
    private ForgetLimit? _forgetLimit;

    public ushort Shard { get; } = shard;

    public StreamName Stream { get; } = LogStreams.Shard(shard);

    public OwnershipState Ownership { get; set; } = owned;

    /// <summary>The last durable ShardCheckpoint that is known; null for none.</summary>
    public ForgetMark? LastCheckpoint { get; set; }

    /// <summary>Its version, which every row of the shard carries. 0 for none.</summary>
    public long Checkpoint => LastCheckpoint?.Version ?? 0;

    /// <summary>Seed for the next row's checksum.</summary>
    public uint Seed { get; set; } = lastChecksum;

    /// <summary>What is open after the durable rows: the content of the next checkpoint.</summary>
    public OpenTransactions Open { get; init; } = new();

    /// <summary>The highest row that can't be read, as recovery found it; 0 if all can. Checkpoints carry it on.</summary>
    public long UnreadableVersion { get; init; }

    /// <summary>The last sequence that the shard has issued, read before a checkpoint is made; later ones have no row before it.</summary>
    public Func<ulong> ReadLastSequence { get; set; } = static () => TransactionId.Max40;

    /// <summary>What the shard has forgotten and may forget next, as of the last durable checkpoint. Read by others too.</summary>
    public ForgetState Forgetting
    {
        get => Volatile.Read(ref _forgetting);
        set => Volatile.Write(ref _forgetting, value);
    }

    /// <summary>How far the shard's horizon may move now; null: not at all. Set by the shard, read when a checkpoint is made.</summary>
    public ForgetLimit? ForgetLimit
    {
        get => Volatile.Read(ref _forgetLimit);
        set => Volatile.Write(ref _forgetLimit, value);
    }

    /// <summary>Rows that a recovery would replay now.</summary>
    public int RowsSinceCheckpoint { get; set; }

    /// <summary>The log has no other shard: every batch of anybody is a batch of this one.</summary>
    public bool IsOnlyShard { get; set; }

    /// <summary>Rows between two checkpoints, at least.</summary>
    public int CheckpointRowsMin { get; set; } = 1000;

    /// <summary>
    /// At most every so many rows, and less often while much is open: what is written for recovery stays a fraction of the rest.
    /// </summary>
    public bool IsCheckpointDue => RowsSinceCheckpoint >= Math.Max(CheckpointRowsMin, 4 * Open.EventCount);

    /// <summary>The checkpoint that goes first in the next group.</summary>
    public ShardCheckpoint MakeCheckpoint()
    {
        var forgetting = Forgetting;
        if (ForgetLimit is { } limit)
        {
            forgetting = LastCheckpoint is { } last ? ForgetRules.With(forgetting, last, limit.Spacing) : forgetting;
            forgetting = ForgetRules.Move(forgetting, limit.WrittenBefore, mark => limit.HoldsBack(mark) || Open.States.Any(open => mark.Covers(open.Id)));
        }

        return new ShardCheckpoint(Open, UnreadableVersion, ReadLastSequence(), forgetting);
    }

    /// <summary>A checkpoint of this lane is durable, and its horizon with it.</summary>
    public void CheckpointLanded(long version, CheckpointSent sent)
    {
        LastCheckpoint = new ForgetMark(version, Ownership.Epoch, sent.Content.Sequence, sent.WrittenAt);
        Forgetting = sent.Content.Forgetting;
    }

    /// <summary>Nothing is appended here any more.</summary>
    public bool IsLost => Ownership.Phase is OwnershipPhase.Lost or OwnershipPhase.Released;
}
