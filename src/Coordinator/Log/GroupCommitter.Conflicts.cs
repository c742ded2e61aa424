using System.Collections.Immutable;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;

namespace Coordinator.Log;

/// <summary>What stood in the way of a group that was rolled back: found in one look and answered to its owner alone.</summary>
internal sealed partial class GroupCommitter
{
    private async ValueTask FindConflictsAsync(RowGroup group)
    {
        var findings = await InspectAsync([.. group.Checks.Select(check => new RowKey(check.Stream, check.Version + 1))]).ConfigureAwait(false);
        var ends = new Dictionary<StreamName, StreamEnd>(findings.Length);
        foreach (var finding in findings)
        {
            // Rolled back, and yet there: then the answer was not what it said. Nothing may rest on it.
            Invariant.Holds(!finding.Exists || finding.AppendId.Writer != ids.Writer || !IsMember(finding.AppendId), "a group that was rolled back has no row in the log");
            ends[finding.Key.Stream] = finding.End;
        }

        LoseForeignLanes(group.Checks, ends);
        var conflicts = 0;
        foreach (var append in _group.Members)
        {
            if (append.Lane.IsLost)
            {
                continue; // told with the next group
            }

            var conflict = AppendRules.FirstConflict(append.Mode, append.Redo, append.Event.Id, stream => ends.GetValueOrDefault(stream));
            if (conflict is { } stream)
            {
                conflicts++;
                _next.Remove(append);
                Refuse(append, AppendResult.Conflict, new AbortCause(AbortReason.Conflict, new ParticipantId(stream), "the stream has moved on"));
                continue;
            }

            foreach (var redo in append.Redo)
            {
                ends[redo.Stream] = AppendRules.After(append.Mode, redo, append.Event.Id, ends.GetValueOrDefault(redo.Stream));
            }
        }

        if (conflicts == 0)
        {
            await BackOffAsync(null).ConfigureAwait(false); // what stood in the way is gone, or our view of a tail was old
        }
    }

    /// <summary>
    /// Looks at streams. One whose end can't be read stops that stream only: its batches among <paramref name="batches"/> are
    /// rejected, and the look has to be repeated without them.
    /// </summary>
    private async ValueTask<bool> TryAsync(Func<GroupCommitter, ValueTask> look, List<PendingAppend> batches)
    {
        try
        {
            await look(this).ConfigureAwait(false);
            return true;
        }
        catch (LogCorruptException corrupt) when (!LogStreams.IsShard(corrupt.Stream))
        {
            foreach (var append in batches.Where(append => append.Redo.Any(redo => redo.Stream == corrupt.Stream)).ToList())
            {
                batches.Remove(append);
                BatchRejected(logger, append.Event.Id, corrupt.Message);
                Refuse(append, AppendResult.Rejected, new AbortCause(AbortReason.Rejected, new ParticipantId(corrupt.Stream), corrupt.Message));
            }

            return false;
        }
    }

    private void LoseForeignLanes(ImmutableArray<StreamCheck> checks, Dictionary<StreamName, StreamEnd> ends)
    {
        foreach (var (lane, _, _, _, _) in _group.Lanes)
        {
            foreach (var check in checks)
            {
#if PLANTED_BUGS
                if (PlantedBugs.Has(PlantedBug.ForeignOwnerIgnored) && check.Stream == lane.Stream && ends.TryGetValue(lane.Stream, out var end))
                {
                    lane.Ownership = lane.Ownership with { Epoch = end.Epoch, NextVersion = end.Version + 1 };
                    continue;
                }
#endif
                if (check.Stream == lane.Stream && !check.Holds(ends.GetValueOrDefault(check.Stream)))
                {
                    Lose(lane);
                }
            }
        }
    }

    private void Lose(ShardLane lane)
    {
        ShardTakenOver(logger, lane.Shard);
        lane.Ownership = OwnershipProtocol.Advance(lane.Ownership, new OwnershipInput.ForeignClaimRead());
    }

    private bool IsMember(AppendId id)
    {
        foreach (var append in _group.Members)
        {
            if (append.AppendId == id)
            {
                return true;
            }
        }

        return _group.Lanes.Exists(share => share.HasCheckpoint && share.CheckpointId == id);
    }
}
