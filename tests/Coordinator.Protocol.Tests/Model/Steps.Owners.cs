using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Ownership;
using Coordinator.Protocol.Participation;

namespace Coordinator.Protocol.Tests.Model;

/// <summary>Owner objects: what one does of its own accord, and forgetting.</summary>
internal sealed partial class Steps
{
    private int GroupSlots => Lapses(Lapse.PipelinesAppends) ? 2 : 1;

    private void ExpandOwners()
    {
        for (var shard = 0; shard < _configuration.ShardCount; shard++)
        {
            Claim(shard);
        }

        for (var owner = 0; owner < _from.OwnerCount; owner++)
        {
            switch (OwnershipOf(_from, owner).Phase)
            {
                case OwnershipPhase.Claiming or OwnershipPhase.Confirming when _from.ClaimReply(owner) > Reply.Awaited:
                    HearClaim(owner);
                    break;
                case OwnershipPhase.Resolving:
                    ReadEnd(owner);
                    break;
                case OwnershipPhase.Owned:
                    ExpandOwned(owner);
                    break;
            }
        }
    }

    private LogEvent? EventAt(World world, int shard, int version) =>
        world.KindOf(shard, version) == RowKind.Event && !world.IsUnreadable(shard, version) ? _machines.Event(world.EventOf(shard, version)) : null;

    private void ExpandOwned(int owner)
    {
        SendGroup(owner);
        for (var slot = 0; slot < GroupSlots; slot++)
        {
            if (_from.GroupOf(owner, slot) != 0 && _from.GroupReply(owner, slot) > Reply.Awaited)
            {
                HearGroup(owner, slot, refuse: false);
            }
        }

        for (var transaction = 0; transaction < _configuration.Plans.Length; transaction++)
        {
            var state = _from.Commit(owner, transaction);
            if (state == 0)
            {
                continue;
            }

            var commit = _machines.Commit(state);
            if (_configuration.Deadlines && commit.Phase is not (CommitPhase.Committed or CommitPhase.Aborted))
            {
                Open();
                Feed(owner, transaction, new InputKey(InputKind.Deadline));
                Close(new StepCode(Act.Deadline, transaction, _from.OwnerClaim(owner)));
            }

            Open();
            Feed(owner, transaction, new InputKey(InputKind.DeliveryDue));
            if (_world.QueueLength(owner) <= _from.QueueLength(owner) || !IsQueuedTwice(owner))
            {
                Close(new StepCode(Act.DeliveryDue, transaction, _from.OwnerClaim(owner)));
            }

            for (var role = 0; _configuration.ParticipantsReportedLost && role < _configuration.Plans[transaction].Roles.Length; role++)
            {
                Open();
                Feed(owner, transaction, new InputKey(InputKind.Lost, role));
                Close(new StepCode(Act.ReportLost, transaction, role));
            }

            if (_configuration.DropsFromMemory && commit.CanForget)
            {
                Open();
                _world.SetCommit(owner, transaction, 0);
                Close(new StepCode(Act.Drop, transaction, _from.OwnerClaim(owner)));
            }
        }

        if (_configuration.Retention)
        {
            Forget(owner);
        }
    }

    /// <summary>D-5: an owner forgets the epochs before its own once all their transactions are decided and known.</summary>
    private void Forget(int owner)
    {
        var shard = _from.OwnerShard(owner);
        var epoch = (int)OwnershipOf(_from, owner).Epoch;
        var moved = 0;
        for (var version = _from.FirstVersion(shard); version <= _from.RowCount(shard); version++)
        {
            if (EventAt(_from, shard, version) is { Kind: LogEventKind.Horizon } horizon && !_from.IsVolatile(shard, version))
            {
                moved = horizon.HorizonEpoch;
            }
        }

        if (moved > _from.FirstVersion(shard))
        {
            Open();
            _world.RemovePrefix(shard, moved);
            Close(new StepCode(Act.RemovePrefix, shard));
        }

        var open = false;
        for (var transaction = 0; transaction < _configuration.Plans.Length; transaction++)
        {
            open |= _from.Epoch(transaction) < epoch && (_from.Commit(owner, transaction) != 0 || HasOpenParticipants(transaction));
        }

        if ((!open || Lapses(Lapse.HorizonPassesUndecided)) && moved < epoch && epoch > 1 && _from.QueueLength(owner) == 0 && _from.GroupOf(owner, 0) == 0)
        {
            Open();
            _world.Enqueue(owner, _machines.Horizon(epoch));
            Close(new StepCode(Act.MoveHorizon, _from.OwnerClaim(owner)));
        }
    }

    /// <summary>What the age of the horizon (days) stands for: nobody works (30 s) or is in doubt in what lies below it.</summary>
    private bool HasOpenParticipants(int transaction)
    {
        for (var role = 0; role < _configuration.Plans[transaction].Roles.Length; role++)
        {
            var state = _from.Slot(transaction, role)[0];
            if (_configuration.Plans[transaction].Roles[role].Part is Part.External
                ? state is External.Working or External.Prepared
                : state != 0 && _machines.Participation(state).Phase is ParticipationPhase.Active or ParticipationPhase.Prepared)
            {
                return true;
            }
        }

        return _from.ClientPhase(transaction) < Client.Asked;
    }
}
