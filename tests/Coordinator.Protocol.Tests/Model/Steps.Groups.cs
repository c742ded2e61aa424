using Coordinator.Protocol.Ownership;

namespace Coordinator.Protocol.Tests.Model;

/// <summary>One group at a time: numbering, sending, and what the answers mean to its members.</summary>
internal sealed partial class Steps
{
    private const int ShardConflict = 0x80;

    /// <summary>The shell hands an event to the log once: the same one again while it is queued or with the store changes nothing.</summary>
    private bool IsQueuedTwice(int owner)
    {
        var last = _world.Queued(owner, _world.QueueLength(owner) - 1);
        for (var i = 0; i < _from.QueueLength(owner); i++)
        {
            if (_from.Queued(owner, i) == last)
            {
                return true;
            }
        }

        for (var i = 0; i < _from.GroupSizeOf(owner, 0); i++)
        {
            if (_from.GroupMember(owner, 0, i) == last)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>D-1: one append in flight, of all that wait, numbered from the owner's own last durable row.</summary>
    private void SendGroup(int owner)
    {
        var slot = GroupSlots > 1 && _from.GroupOf(owner, 0) != 0 ? 1 : 0;
        if (_from.QueueLength(owner) == 0 || _from.GroupOf(owner, slot) != 0)
        {
            return;
        }

        Open();
        var ownership = OwnershipOf(_world, owner);
        Advance(owner, OwnershipKey.AppendStarted);
        var shard = _world.OwnerShard(owner);
        var version = Lapses(Lapse.NumbersFromDatabaseEnd) ? _world.RowCount(shard) + 1
            : (int)ownership.NextVersion + (slot > 0 ? _world.GroupSizeOf(owner, 0) : 0);
        var claim = _world.OwnerClaim(owner);
        var number = NextNumber(owner);
        var count = Math.Min(3, _world.QueueLength(owner));
        var flight = new Flight
        {
            Kind = FlightKind.Group,
            Claim = (byte)claim,
            Shard = (byte)shard,
            Version = (byte)version,
            Epoch = (byte)ownership.Epoch,
            Number = (byte)number,
            Awaited = true,
            Count = (byte)count,
            First = (ushort)_world.Queued(owner, 0),
            Second = count > 1 ? (ushort)_world.Queued(owner, 1) : (ushort)0,
            Third = count > 2 ? (ushort)_world.Queued(owner, 2) : (ushort)0,
        };
        _world.AddFlight(flight);
        _world.SetGroup(owner, slot, _machines.Send(claim, number, version, count));
        _world.SetGroupReply(owner, slot, Reply.Awaited);
        for (var i = 0; i < count; i++)
        {
            _world.AddGroupMember(owner, slot, flight.Member(i));
        }

        _world.ClearQueue(owner);
        for (var i = count; i < _from.QueueLength(owner); i++)
        {
            _world.Enqueue(owner, _from.Queued(owner, i));
        }

        Close(new StepCode(Act.SendGroup, claim));
    }

    /// <summary>A number that this writer has not used in anything that still exists: enough to be unique, and fewer states than a counter.</summary>
    private int NextNumber(int owner)
    {
        var claim = _world.OwnerClaim(owner);
        var shard = _world.OwnerShard(owner);
        var last = 0;
        for (var version = _world.FirstVersion(shard); version <= _world.RowCount(shard); version++)
        {
            last = _world.ClaimOf(shard, version) == claim ? Math.Max(last, _world.NumberOf(shard, version)) : last;
        }

        for (var i = 0; i < _world.FlightCount; i++)
        {
            var flight = _world.FlightAt(i);
            last = flight.Claim == claim ? Math.Max(last, flight.Number + flight.Count) : last;
        }

        for (var slot = 0; slot < 2; slot++)
        {
            var group = _world.GroupOf(owner, slot);
            last = group != 0 ? Math.Max(last, (int)_machines.Group(group).FenceId.Number) : last;
        }

        return last + 1;
    }

    private void HearGroup(int owner, int slot, bool refuse)
    {
        Open();
        var reply = _world.GroupReply(owner, slot);
        var shard = _world.OwnerShard(owner);
        var group = _world.GroupOf(owner, slot);
        var before = _machines.Group(group);
        if (reply == Reply.InTheWay && before.EmptyRowVersion < _world.FirstVersion(shard) && !Lapses(Lapse.MissingRowReadAsLost))
        {
            // The row is below the horizon: only a newer owner can have moved that.
            StopOwner(owner);
            Close(new StepCode(Act.HearGroup, _from.OwnerClaim(owner), reply));
            return;
        }

        try
        {
            group = AdvanceGroup(group, before, reply, shard);
        }
        catch (InvariantViolationException e)
        {
            Fail($"assertion: {e.Message}");
            Close(new StepCode(Act.HearGroup, _from.OwnerClaim(owner), reply));
            return;
        }

        var after = _machines.Group(group);
        _world.SetGroup(owner, slot, group);
        var choice = false;
        if (after.Phase is GroupPhase.Settled)
        {
            choice = SettleGroup(owner, slot, after, refuse || Lapses(Lapse.SettlesUnclearAsRefused));
        }
        else
        {
            _world.SetGroupReply(owner, slot, Reply.Awaited);
            if (Lapses(Lapse.FencesOnOwnConnection) && FindOpenGroup(_world.OwnerClaim(owner), before.FirstVersion))
            {
                // Its own uncommitted rows are what the fence sees.
                _world.SetGroupReply(owner, slot, after.Phase is GroupPhase.Fencing ? Reply.InTheWay : Reply.Acknowledged, ShardConflict);
            }
            else
            {
                SendEmptyRow(owner, after.EmptyRowVersion, OwnershipOf(_world, owner).Epoch, after.FenceId.Number);
            }
        }

        Close(new StepCode(Act.HearGroup, _from.OwnerClaim(owner), reply, refuse ? 1 : 0));
        if (choice && !refuse)
        {
            HearGroup(owner, slot, refuse: true);
        }
    }

    private bool FindOpenGroup(int claim, long version)
    {
        for (var i = 0; i < _world.FlightCount; i++)
        {
            var flight = _world.FlightAt(i);
            if (flight.Kind == FlightKind.Group && flight.Claim == claim && flight.Version == version)
            {
                return true;
            }
        }

        return false;
    }

    private int AdvanceGroup(int group, GroupState state, byte reply, int shard)
    {
        switch (reply)
        {
            case Reply.Acknowledged:
                return _machines.Advance(group, GroupInput.Acknowledged);
            case Reply.RolledBack:
                return _machines.Advance(group, GroupInput.RolledBack);
            case Reply.Unclear:
                return _machines.Advance(group, Lapses(Lapse.SettlesUnclearAsRefused) ? GroupInput.RolledBack : GroupInput.Unclear);
            default:
                var version = (int)state.EmptyRowVersion;
                if (Lapses(Lapse.FencesOnOwnConnection) && version > _world.RowCount(shard))
                {
                    return _machines.Advance(group, GroupInput.RowInTheWay, new RowFound(state.Members[0], false));
                }

                if (version < _world.FirstVersion(shard))
                {
                    return _machines.Advance(_machines.Advance(group, GroupInput.Unclear), GroupInput.Acknowledged); // mutant: nothing there
                }

                if (version > _world.RowCount(shard))
                {
                    return _machines.Advance(group, GroupInput.Unclear); // it has vanished since
                }

                var append = new AppendId((ulong)_world.ClaimOf(shard, version), (ulong)_world.NumberOf(shard, version));
                return _machines.Advance(group, GroupInput.RowInTheWay, new RowFound(append, _world.KindOf(shard, version) == RowKind.Owned));
        }
    }

    /// <summary>Tells each transaction of the group what became of its event. True if what is dead might also be refused instead of sent again.</summary>
    private bool SettleGroup(int owner, int slot, GroupState group, bool refuse)
    {
        var shard = _world.OwnerShard(owner);
        var conflicts = _world.GroupConflicts(owner, slot);
        var next = (int)group.NextVersion;
        var lost = group.ShardLost;
        if (group.Verdict is GroupVerdict.Dead && (conflicts & ShardConflict) != 0 && _world.GroupReply(owner, slot) == Reply.RolledBack)
        {
            // The definite conflict was in the shard: the row there is read, and it is another owner's (D-4).
            lost = _world.ClaimOf(shard, next) != _world.OwnerClaim(owner);
            if (lost && Lapses(Lapse.StaysAfterForeignClaim))
            {
                lost = false;
                next = _world.RowCount(shard) + 1;
            }
        }

        var choice = false;
        Span<int> members = stackalloc int[3];
        var count = _world.GroupSizeOf(owner, slot);
        for (var i = 0; i < count; i++)
        {
            members[i] = _world.GroupMember(owner, slot, i);
        }

        _world.ClearGroup(owner, slot);
        if (lost)
        {
            StopOwner(owner);
            return false;
        }

        Advance(owner, OwnershipKey.AppendSettled, next);
        for (var i = 0; i < count; i++)
        {
            choice |= Settle(owner, members[i], group.Verdict, (conflicts & (1 << i)) != 0, refuse);
        }

        return choice;
    }

    private bool Settle(int owner, int member, GroupVerdict verdict, bool conflicts, bool refuse)
    {
        var durable = _machines.Event(member);
        var transaction = durable.Transaction;
        if (verdict is GroupVerdict.Landed && !conflicts)
        {
            if (transaction >= 0 && _world.Commit(owner, transaction) != 0)
            {
                Feed(owner, transaction, new InputKey(InputKind.Durable, member));
            }

            return false;
        }

        if (conflicts || (refuse && durable.MayBeRefused))
        {
            Feed(owner, transaction, new InputKey(InputKind.Refused, member, (int)(conflicts ? AbortReason.Conflict : AbortReason.Rejected)));
            return false;
        }

        if (transaction < 0 || _world.Commit(owner, transaction) != 0)
        {
            _world.Enqueue(owner, member);
        }

        return durable.MayBeRefused;
    }
}
