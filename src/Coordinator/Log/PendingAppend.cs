using System.Collections.Immutable;
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
    /// <summary>Called once for each batch, on whichever thread the log runs; must not block.</summary>
    void Settled(PendingAppend append, AppendResult result, LogPosition position, AbortCause? cause);
}

/// <summary>A batch on its way: one event of one transaction in its shard, and the redo that becomes durable with it.</summary>
internal sealed class PendingAppend(ShardLane lane, CommitEvent durable, IAppendTarget target)
{
    private const int RowOverhead = 160;

    public ShardLane Lane { get; } = lane;

    public CommitEvent Event { get; } = durable;

    public IAppendTarget Target { get; } = target;

    public RowKind Kind { get; } = ShardEventCodec.KindOf(durable);

    public RedoMode Mode { get; } = BindingBatch.Of(durable).Mode;

    public ImmutableArray<Redo> Redo { get; } = BindingBatch.Of(durable).Redo;

    public byte[] Payload { get; } = ShardEventCodec.Encode(durable);

    /// <summary>Drawn anew for every send: earlier sends of the batch are known dead.</summary>
    public AppendId AppendId { get; set; }

    /// <summary>Version of the shard row in the present send.</summary>
    public long ShardVersion { get; set; }

    /// <summary>About how many bytes the batch adds to a group.</summary>
    public int Size
    {
        get
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
}

/// <summary>
/// The log's side of one owned shard: where it goes on. Used by the group committer only, which has one group in flight,
/// so that a shard never has two appends under way (rule D-1).
/// </summary>
internal sealed class ShardLane(ushort shard, OwnershipState owned, uint lastChecksum)
{
    public ushort Shard { get; } = shard;

    public StreamName Stream { get; } = LogStreams.Shard(shard);

    public OwnershipState Ownership { get; set; } = owned;

    /// <summary>Seed for the next row's checksum.</summary>
    public uint Seed { get; set; } = lastChecksum;

    public bool IsLost => Ownership.Phase is OwnershipPhase.Lost;
}
