using System.Collections.Immutable;
using Coordinator.Protocol.Commit;

namespace Coordinator.Protocol.Ownership;

/// <summary>Stored in each row of a batch: tells after an unclear answer whose row it is.</summary>
/// <param name="Writer">64 bits drawn at random by each group committer.</param>
/// <param name="Number">Counts that committer's sends, from 1.</param>
internal readonly record struct AppendId(ulong Writer, ulong Number);

/// <summary>What a stream ends with. <c>default</c>: the stream does not exist.</summary>
/// <param name="Version">Of its last row; 0 if there is none.</param>
/// <param name="HeldBy">The transaction whose Held row is the last one; empty otherwise.</param>
/// <param name="Epoch">Of a shard's last row: the epoch under which it was written (its own version for ShardOwned); 0 for other streams.</param>
internal readonly record struct StreamEnd(long Version, TransactionId HeldBy, long Epoch);

/// <summary>What a group demands of one stream before it is appended. One for each stream that it reads or writes.</summary>
/// <param name="Stream">The stream.</param>
/// <param name="Version">The version it must end with; 0: it must not exist.</param>
/// <param name="Epoch">Of a shard: the epoch of its last row; 0 for other streams.</param>
/// <param name="Holder">The transaction whose Held row may be (or must be) the last one; empty: no Held row may be.</param>
/// <param name="MustBeHeld">The last row must be the holder's Held row.</param>
internal readonly record struct StreamCheck(StreamName Stream, long Version, long Epoch, TransactionId Holder, bool MustBeHeld)
{
    /// <summary>True if a stream that ends like this may be appended to, or its read still holds.</summary>
    public bool Holds(StreamEnd end) =>
        end.Version == Version
        && end.Epoch == Epoch
        && (end.HeldBy.IsEmpty ? !MustBeHeld : end.HeldBy == Holder);
}

/// <summary>
/// The log's acceptance rules (design rule D-1): an append succeeds only at the end of a stream, in a shard only behind a row of
/// the same epoch, and behind a Held row only for the transaction that holds. Every group is checked by these, whatever the
/// store; a store only has to see that the checks hold at the moment it writes.
/// </summary>
internal static class AppendRules
{
    /// <summary>What a shard row of this epoch demands.</summary>
    public static StreamCheck CheckOf(StreamName shard, long version, long epoch) => new(shard, version - 1, epoch, default, false);

    /// <summary>
    /// What a redo demands of its stream in this mode, or null if nothing. A redo <see cref="Redo.AtEnd"/> demands what the
    /// stream was last seen to end with.
    /// </summary>
    public static StreamCheck? CheckOf(RedoMode mode, Redo redo, TransactionId transaction, long lastSeenVersion)
    {
#if PLANTED_BUGS
        if (redo.IsRead && PlantedBugs.Has(PlantedBug.ReadsNotValidated))
        {
            return null;
        }
#endif
        if (redo.IsRead)
        {
            // A Held or undecided stream fails a read's validation: what holds it may change it (D-9).
            return BindingBatch.Validates(mode) ? new StreamCheck(redo.Stream, redo.ExpectedVersion, 0, default, false) : null;
        }

        if (BindingBatch.RowCount(mode, redo) == 0)
        {
            return null;
        }

        return redo.ExpectedVersion == Redo.AtEnd
            ? new StreamCheck(redo.Stream, lastSeenVersion, 0, transaction, false)
            : new StreamCheck(redo.Stream, BindingBatch.PredecessorVersion(mode, redo), 0, transaction, !BindingBatch.Validates(mode));
    }

    /// <summary>May a shard row of this epoch be written at this version?</summary>
    public static bool AcceptsShardRow(StreamEnd end, long version, long epoch) => CheckOf(default, version, epoch).Holds(end);

    /// <summary>May this redo be carried out in this mode, given what its stream ends with?</summary>
    public static bool Accepts(RedoMode mode, Redo redo, TransactionId transaction, StreamEnd end) =>
        CheckOf(mode, redo, transaction, end.Version)?.Holds(end) ?? true;

    /// <summary>What the stream ends with after the redo was carried out.</summary>
    public static StreamEnd After(RedoMode mode, Redo redo, TransactionId transaction, StreamEnd end)
    {
        var rows = BindingBatch.RowCount(mode, redo);
        return rows == 0 ? end : new StreamEnd(end.Version + rows, mode is RedoMode.Hold ? transaction : default, 0);
    }

    /// <summary>The first stream of a batch that refuses it, or null if all accept.</summary>
    /// <param name="mode">How the batch treats its redo.</param>
    /// <param name="redo">Of the batch.</param>
    /// <param name="transaction">Whose batch it is.</param>
    /// <param name="endOf">Ends of streams, with what earlier batches of the same group wrote (or two transactions of one group would be blind to each other).</param>
    public static StreamName? FirstConflict(RedoMode mode, ImmutableArray<Redo> redo, TransactionId transaction, Func<StreamName, StreamEnd> endOf)
    {
        foreach (var one in redo)
        {
            if (!Accepts(mode, one, transaction, endOf(one.Stream)))
            {
                return one.Stream;
            }
        }

        return null;
    }
}
