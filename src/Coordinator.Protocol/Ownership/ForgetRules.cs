using System.Collections.Immutable;

namespace Coordinator.Protocol.Ownership;

/// <summary>A checkpoint, as a place up to which its shard may be forgotten.</summary>
/// <param name="Version">Of the checkpoint's row.</param>
/// <param name="Epoch">Under which it was written.</param>
/// <param name="Sequence">The last one that its owner had issued: what began later has no row before it.</param>
/// <param name="WrittenAt">Microseconds since 1970 UTC, by its owner's clock.</param>
internal sealed record ForgetMark(long Version, long Epoch, ulong Sequence, long WrittenAt)
{
    /// <summary>True if the transaction may have rows before the mark: the mark as horizon would forget it.</summary>
    public bool Covers(TransactionId id) => (long)id.Epoch < Epoch || ((long)id.Epoch == Epoch && id.Sequence <= Sequence);
}

/// <summary>What a shard remembers of its own past, from one checkpoint to the next.</summary>
/// <param name="Horizon">
/// Transactions that it covers are forgotten unless a decision of them is found; rows before it may be gone. Null: nothing was forgotten.
/// </param>
/// <param name="Marks">Later ones to which the horizon may move, the oldest first.</param>
internal sealed record ForgetState(ForgetMark? Horizon, ImmutableArray<ForgetMark> Marks)
{
    public static ForgetState Nothing { get; } = new(null, []);
}

/// <summary>
/// Forgetting (design rule D-5): how far a shard's horizon may move. It is written in a checkpoint before a row is removed, and it
/// never passes a transaction that somebody still has to hear of.
/// </summary>
internal static class ForgetRules
{
    /// <summary>How many marks are kept: the horizon moves in steps of this part of the retention.</summary>
    public const int MarksMax = 32;

    /// <summary>The state once a checkpoint is durable: it is a mark, unless the last one is hardly older.</summary>
    public static ForgetState With(ForgetState state, ForgetMark checkpoint, long spacing)
    {
        var marks = state.Marks;
        if (!marks.IsEmpty && checkpoint.WrittenAt - marks[^1].WrittenAt < spacing)
        {
            return state;
        }

        // While something holds up the horizon, marks pile up: the oldest one is where it can move first, the newest ones are the far goal.
        return state with { Marks = (marks.Length < MarksMax ? marks : marks.RemoveAt(1)).Add(checkpoint) };
    }

    /// <summary>The state with the horizon moved as far as it may.</summary>
    /// <param name="state">As of the last checkpoint.</param>
    /// <param name="writtenBefore">What was written before this instant may be forgotten.</param>
    /// <param name="isHeldBack">True if somebody still works on, or has to hear of, a transaction that the mark covers.</param>
    public static ForgetState Move(ForgetState state, long writtenBefore, Func<ForgetMark, bool> isHeldBack)
    {
        var to = -1;
        for (var i = 0; i < state.Marks.Length && state.Marks[i].WrittenAt < writtenBefore && !isHeldBack(state.Marks[i]); i++)
        {
            to = i;
        }

        return to < 0 ? state : new ForgetState(state.Marks[to], state.Marks.RemoveRange(0, to + 1));
    }

    /// <summary>
    /// True if the row may be removed once this horizon is durable. The row before the horizon stays, for it seeds the horizon's checksum, and
    /// so does the claim of its epoch, which readers of the shard's end ask for as long as its owner writes.
    /// </summary>
    public static bool MayRemove(ForgetMark horizon, long version) => version < horizon.Version - 1 && version != horizon.Epoch;
}
