using System.Collections.Immutable;

namespace Coordinator.Protocol.Commit;

/// <summary>What a coordinator writes into its shard: the only facts that survive it.</summary>
internal abstract record CommitEvent(TransactionId Id)
{
    /// <summary>
    /// Everyone but the last resource is prepared. The redo is inside, or a crash would leave "must commit" with nothing to
    /// append (rule D-7). Its batch puts Held rows at the expected version of each redo stream and validates the reads.
    /// </summary>
    internal sealed record LastResourceCommitting(
        TransactionId Id, ImmutableArray<Branch> Branches, Branch Resource, ImmutableArray<Redo> Redo) : CommitEvent(Id);

    /// <summary>The commit point. Its batch carries the redo: all of it becomes durable with this row, or none of it.</summary>
    internal sealed record CommitDecided(
        TransactionId Id, ImmutableArray<Branch> Branches, ImmutableArray<Redo> Redo, bool AfterLastResource) : CommitEvent(Id);

    /// <summary>
    /// An abort that must be on record: after a last resource its batch releases the Held rows; without one it tells a
    /// voted participant that is cut off from the owner and reads the log instead.
    /// </summary>
    internal sealed record AbortDecided(
        TransactionId Id, ImmutableArray<Branch> Branches, ImmutableArray<Redo> Redo, bool AfterLastResource, AbortCause Cause) : CommitEvent(Id);

    /// <summary>Every external participant has acknowledged: recovery need not deliver again.</summary>
    internal sealed record TransactionEnded(TransactionId Id) : CommitEvent(Id);
}
