using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;

namespace Coordinator.Log;

/// <summary>The fence: what an unclear answer is turned into before anyone is told.</summary>
internal sealed partial class GroupCommitter
{
    private async ValueTask ClearUpAsync(int rows, Exception? error)
    {
        GroupUnclear(logger, _group.Members.Count, error?.Message);
        var share = _group.Lanes[0];
        var (lane, firstVersion, firstSeed, checkpoint, _) = share;
        var members = _group.Members.Select(append => append.AppendId);
        var state = GroupState.Send(
            [.. share.HasCheckpoint ? members.Prepend(checkpoint) : members], firstVersion, CountIn(share), ids.Next());
        state = GroupProtocol.Advance(state, GroupInput.Unclear);

        // Each version's empty row is written with the same bytes however often it is tried: whichever try landed, the chain fits.
        var emptyRows = new Dictionary<long, LogRow>();
        while (state.Phase is not GroupPhase.Settled)
        {
            var version = state.EmptyRowVersion;
            if (!emptyRows.TryGetValue(version, out var empty))
            {
                emptyRows[version] = empty = LogRow.Empty(
                    lane.Shard, version, lane.Ownership.Epoch, lane.Checkpoint, state.FenceId, LogRow.ClockOf(time), SeedAt(version));
            }

            var check = AppendRules.CheckOf(lane.Stream, version, lane.Ownership.Epoch);
            var answer = await AppendAsync(new RowGroup([empty], [check]), isFence: true).ConfigureAwait(false);
            state = await AdvanceAsync(state, answer, empty).ConfigureAwait(false);
        }

        Succeeded();
        RowCount += Math.Max(0, state.NextVersion - FirstEmptyVersion()) + (state.Verdict is GroupVerdict.Landed ? rows : 0);
        lane.Seed = emptyRows.TryGetValue(state.NextVersion - 1, out var last) ? RowChecksum.SeedAfter(last) : lane.Seed;
        Settle(state, lane);

        // Where the group is in, its own rows stand where the fence was tried, and the chain goes on behind them.
        long FirstEmptyVersion() => state.Verdict is GroupVerdict.Landed ? state.FirstVersion + state.RowCount : state.FirstVersion;

        uint SeedAt(long version) => version > FirstEmptyVersion()
            ? RowChecksum.SeedAfter(emptyRows[version - 1])
            : state.Verdict is GroupVerdict.Landed ? lane.Seed : firstSeed;
    }

    private async ValueTask<GroupState> AdvanceAsync(GroupState state, GroupAnswer answer, LogRow empty)
    {
        switch (answer.Kind)
        {
            case GroupAnswerKind.Landed:
                return GroupProtocol.Advance(state, GroupInput.Acknowledged);
            case GroupAnswerKind.CheckFailed:
                var finding = (await InspectAsync([new RowKey(empty.Stream, empty.Version)]).ConfigureAwait(false))[0];
                if (finding.Exists)
                {
                    return GroupProtocol.Advance(
                        state, GroupInput.RowInTheWay, new RowFound(finding.AppendId, finding.Kind is RowKind.ShardOwned));
                }

                if (finding.End.Version >= empty.Version)
                {
                    return GroupProtocol.Advance(state, GroupInput.RowForgotten);
                }

                if (finding.End.Version < empty.Version - 1)
                {
                    Invariant.Holds(
                        state.Phase is GroupPhase.Confirming,
                        $"the log still has row {empty.Version - 1} of {empty.Stream}, which was acknowledged (D-3): was an older copy of it restored?");
                    return GroupProtocol.Advance(state, GroupInput.RolledBack); // the row that was read was never durable, and has gone
                }

                break;
        }

        await BackOffAsync(answer.Error).ConfigureAwait(false);
        return GroupProtocol.Advance(state, GroupInput.Unclear); // again at the same version
    }

    private void Settle(GroupState state, ShardLane fenced)
    {
        if (state.Verdict is GroupVerdict.Landed)
        {
            GroupCount++;
            foreach (var share in _group.Lanes)
            {
                var isFenced = ReferenceEquals(share.Lane, fenced) && !state.ShardLost;
                SettleLane(share.Lane, isFenced ? state.NextVersion : share.FirstVersion + CountIn(share));
            }

            if (state.ShardLost)
            {
                // It is in, but another owner was there before the row behind it was acknowledged: only that owner may speak.
                Lose(fenced);
                TellUnclear();
                return;
            }

            KeepLanded();
            return;
        }

        if (state.ShardLost)
        {
            if (state.Verdict is GroupVerdict.Open)
            {
                // It may be in and may still land: no member may be sent again, whichever its shard.
                _group.Lanes.ForEach(one => Lose(one.Lane));
                TellUnclear();
                return;
            }

            TakeBack();
            Lose(fenced);
            return;
        }

        TakeBack(fenced, state.NextVersion, fenced.Seed);
    }

    private void TellUnclear()
    {
        foreach (var append in _group.Members)
        {
            Refuse(append, AppendResult.Unclear);
        }
    }
}
