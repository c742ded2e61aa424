using System.Collections.Immutable;

namespace Coordinator.Protocol.Ownership;

/// <summary>Where the append of one group stands.</summary>
internal enum GroupPhase : byte
{
    /// <summary>The group is with the store.</summary>
    Sending,

    /// <summary>It is not known whether the group landed; an empty row is being written at its first version.</summary>
    Fencing,

    /// <summary>It is known where the group stands; an empty row behind it must be acknowledged before anyone is told.</summary>
    Confirming,

    /// <summary>Known for good.</summary>
    Settled,
}

/// <summary>What became of a group.</summary>
internal enum GroupVerdict : byte
{
    /// <summary>Not known yet.</summary>
    Open,

    /// <summary>All of it is durable.</summary>
    Landed,

    /// <summary>None of it is in the log, and none can land any more.</summary>
    Dead,
}

/// <summary>The row that a definite conflict found in the way.</summary>
/// <param name="Append">Its append id.</param>
/// <param name="IsShardOwned">Whether it is somebody's claim of the shard.</param>
internal readonly record struct RowFound(AppendId Append, bool IsShardOwned);

/// <summary>One group's append in one of its shards: the shard that a fence is put into.</summary>
/// <param name="Phase">Where it stands.</param>
/// <param name="Members">Append ids of the batches in the group.</param>
/// <param name="FirstVersion">Of the group's rows in the fenced shard.</param>
/// <param name="RowCount">How many rows the group has in that shard.</param>
/// <param name="FenceId">Append id of every empty row this settlement writes.</param>
internal sealed record GroupState(GroupPhase Phase, ImmutableArray<AppendId> Members, long FirstVersion, int RowCount, AppendId FenceId)
{
    /// <summary>Landed or Dead from Confirming on; Open again if the rows that were read have vanished.</summary>
    public GroupVerdict Verdict { get; init; }

    /// <summary>Version of the empty row in the store's hands. Has meaning in Fencing and Confirming.</summary>
    public long EmptyRowVersion { get; init; }

    /// <summary>The first version of the shard that is free for its owner. Has meaning once Settled, unless the shard is lost.</summary>
    public long NextVersion { get; init; }

    /// <summary>
    /// Somebody else owns the shard, or must claim it anew: the owner stops and tells nobody anything it has not told yet (rule D-4).
    /// </summary>
    public bool ShardLost { get; init; }

    public static GroupState Send(ImmutableArray<AppendId> members, long firstVersion, int rowCount, AppendId fenceId) =>
        new(GroupPhase.Sending, members, firstVersion, rowCount, fenceId);
}

/// <summary>What the store said of what it has in hand.</summary>
internal enum GroupInput : byte
{
    /// <summary>A clean acknowledgement of COMMIT.</summary>
    Acknowledged,

    /// <summary>
    /// The server refused a statement before COMMIT and the transaction was seen rolled back. Of an empty row: the row before it is missing.
    /// </summary>
    RolledBack,

    /// <summary>Anything else: it may have landed.</summary>
    Unclear,

    /// <summary>The key of an empty row is taken; the row there was read.</summary>
    RowInTheWay,

    /// <summary>The key of an empty row is taken, and the row there is gone: an owner that came later has forgotten what is below its horizon (D-5).</summary>
    RowForgotten,
}

/// <summary>
/// What an unclear answer of the store means, and how it is made clear (design rule D-2).
/// </summary>
/// <remarks>
/// <para>It owns one group between its send and the moment its members may be told. A group counts as landed when the store
/// acknowledged it cleanly, or when one of its rows was read and an empty row behind it was acknowledged cleanly: a row
/// that can be read need not be durable (SQLite shows a row whose sync failed). It counts as dead when it was rolled
/// back, when an empty row took its first key, or when somebody else's row stands there.</para>
/// <para>What a conflict means is never guessed from the conflict alone: the row in the way is read, and only its append id
/// says whether the group is in. While anything is unclear the same version is tried again; nothing times out.</para>
/// </remarks>
internal static class GroupProtocol
{
    /// <summary>One step. <paramref name="found"/> goes with <see cref="GroupInput.RowInTheWay"/> only.</summary>
    public static GroupState Advance(GroupState state, GroupInput input, RowFound found = default)
    {
        Invariant.Holds(state.Phase is not GroupPhase.Settled, "a settled group hears nothing more");
        return (state.Phase, input) switch
        {
            (GroupPhase.Sending, GroupInput.Acknowledged) =>
                Settle(state, GroupVerdict.Landed, state.FirstVersion + state.RowCount),
            (GroupPhase.Sending, GroupInput.RolledBack) => Settle(state, GroupVerdict.Dead, state.FirstVersion),
            (GroupPhase.Sending, GroupInput.Unclear) =>
                state with { Phase = GroupPhase.Fencing, EmptyRowVersion = state.FirstVersion },
            (GroupPhase.Fencing, GroupInput.Acknowledged) => Settle(state, GroupVerdict.Dead, state.FirstVersion + 1),
            (GroupPhase.Fencing, GroupInput.RowInTheWay) => Identify(state, found),
            (GroupPhase.Confirming, GroupInput.Acknowledged) => Settle(state, state.Verdict, state.EmptyRowVersion + 1),
            (GroupPhase.Confirming, GroupInput.RowInTheWay) => found.Append == state.FenceId
                ? state with { EmptyRowVersion = state.EmptyRowVersion + 1 } // ours, but it was never acknowledged cleanly
                : Lose(state, state.Verdict),
            (GroupPhase.Fencing, GroupInput.RowForgotten) => Lose(state, GroupVerdict.Open), // it may have been one of the group's
            (GroupPhase.Confirming, GroupInput.RowForgotten) => Lose(state, state.Verdict),
            // The row it was to stand behind was read and has vanished since. Fencing again would leave this empty row on its way, to
            // land ahead of the owner; a new claim ends whatever is on its way.
            (GroupPhase.Confirming, GroupInput.RolledBack) => Lose(state, GroupVerdict.Open),
            (GroupPhase.Fencing or GroupPhase.Confirming, _) => state, // again at the same version
            _ => throw new InvariantViolationException($"{input} means nothing while {state.Phase}"),
        };
    }

    private static GroupState Identify(GroupState state, RowFound found)
    {
#if PLANTED_BUGS
        if (PlantedBugs.Has(PlantedBug.FenceConflictBelieved))
        {
            return Settle(state, GroupVerdict.Landed, state.FirstVersion + state.RowCount);
        }
#endif
        if (!found.IsShardOwned && state.Members.Contains(found.Append))
        {
            return Confirm(state, GroupVerdict.Landed, state.FirstVersion + state.RowCount);
        }

        // An earlier try of this fence landed without a clean answer: the group is dead, once a row behind is acknowledged.
        return found.Append == state.FenceId
            ? Confirm(state, GroupVerdict.Dead, state.FirstVersion + 1)
            : Lose(state, GroupVerdict.Dead);
    }

    private static GroupState Confirm(GroupState state, GroupVerdict verdict, long version) =>
        state with { Phase = GroupPhase.Confirming, Verdict = verdict, EmptyRowVersion = version };

    private static GroupState Settle(GroupState state, GroupVerdict verdict, long nextVersion) =>
        state with { Phase = GroupPhase.Settled, Verdict = verdict, NextVersion = nextVersion };

    private static GroupState Lose(GroupState state, GroupVerdict verdict) =>
        state with { Phase = GroupPhase.Settled, Verdict = verdict, ShardLost = true };
}
