using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Ownership;
using Coordinator.Protocol.Participation;

namespace Coordinator.Protocol.Tests.Model;

/// <summary>Owner objects: claiming, one group at a time, what its answers mean, answers to inquiries.</summary>
internal sealed partial class Steps
{
    private const int ShardConflict = 0x80;
    private const int ClaimsMax = 7;

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

    /// <summary>Anyone may claim; against a living owner only as often as the configuration says.</summary>
    private void Claim(int shard)
    {
        var living = 0;
        for (var owner = 0; owner < _from.OwnerCount; owner++)
        {
            living += _from.OwnerShard(owner) == shard ? 1 : 0;
        }

        if (_from[Fault.Claims] == ClaimsMax)
        {
            return;
        }

        var first = !_configuration.StartsOwned && _from[Fault.Claims] < _configuration.Owners;
        if (living > 0 && !first && (_from[Fault.Steal] == 0 || living >= _configuration.Owners))
        {
            return;
        }

        Open();
        if (living > 0 && !first)
        {
            _world[Fault.Steal]--;
        }

        var claim = ++_world[Fault.Claims];
        var claimer = _world.AddOwner(claim, shard);
        var guard = LastOwned(_world, shard);
        _world.SetOwnership(claimer, _machines.Claim(claim, guard));
        SendClaim(claimer);
        Close(new StepCode(Act.Claim, claim, shard));
    }

    private void SendClaim(int owner)
    {
        _world.SetClaimReply(owner, Reply.Awaited);
        _world.AddSession(new Session
        {
            Kind = SessionKind.Claim,
            Claim = (byte)_world.OwnerClaim(owner),
            Shard = (byte)_world.OwnerShard(owner),
            Epoch = (byte)OwnershipOf(_world, owner).GuardEpoch,
            Awaited = true,
        });
    }

    private void SendEmptyRow(int owner, long version, long epoch, ulong number) => _world.AddSession(new Session
    {
        Kind = SessionKind.Empty,
        Claim = (byte)_world.OwnerClaim(owner),
        Shard = (byte)_world.OwnerShard(owner),
        Version = (byte)version,
        Epoch = (byte)epoch,
        Number = (byte)number,
        Awaited = true,
    });

    private void Advance(int owner, OwnershipKey input, int x = 0, int y = 0, int z = 0)
    {
        try
        {
            _world.SetOwnership(owner, _machines.Own(_world.Ownership(owner), input, x, y, z));
        }
        catch (InvariantViolationException e)
        {
            Fail($"assertion: {e.Message}");
        }
    }

    private void HearClaim(int owner)
    {
        Open();
        var reply = _world.ClaimReply(owner);
        var shard = _world.OwnerShard(owner);
        var before = OwnershipOf(_world, owner);
        if (before.Phase is OwnershipPhase.Claiming)
        {
            var input = reply switch
            {
                Reply.Acknowledged => OwnershipKey.ClaimAcknowledged,
                Reply.RolledBack => OwnershipKey.ClaimRefused,
                _ => OwnershipKey.ClaimUnclear,
            };
            Advance(owner, input, input is OwnershipKey.ClaimAcknowledged ? _world.ClaimVersion(owner) : 0);
        }
        else if (reply == Reply.Acknowledged)
        {
            Advance(owner, OwnershipKey.ConfirmAcknowledged, _world.ClaimOf(shard, (int)before.Epoch));
        }
        else if (reply == Reply.InTheWay && before.NextVersion <= _world.RowCount(shard))
        {
            var own = _world.ClaimOf(shard, (int)before.NextVersion) == _world.OwnerClaim(owner);
            Advance(owner, OwnershipKey.ConfirmRefused, own ? 1 : 0);
        }
        else if (reply != Reply.Unclear)
        {
            // The row before it is gone: the claim that was read has vanished, and with it this object's right to it.
            Advance(owner, OwnershipKey.ForeignClaimRead);
        }

        AfterClaim(owner);
        Close(new StepCode(Act.HearClaim, _from.OwnerClaim(owner), reply));
    }

    private void ReadEnd(int owner)
    {
        Open();
        var shard = _world.OwnerShard(owner);
        var epoch = LastOwned(_world, shard);
        Advance(owner, OwnershipKey.EndRead, epoch, epoch == 0 ? 0 : _world.ClaimOf(shard, epoch), _world.RowCount(shard));
        AfterClaim(owner);
        Close(new StepCode(Act.ReadEnd, _from.OwnerClaim(owner)));
    }

    private void AfterClaim(int owner)
    {
        _world.SetClaimReply(owner, Reply.None);
        var ownership = OwnershipOf(_world, owner);
        switch (ownership.Phase)
        {
            case OwnershipPhase.Claiming:
                SendClaim(owner);
                break;
            case OwnershipPhase.Confirming:
                SendEmptyRow(owner, ownership.NextVersion, ownership.Epoch, 0);
                _world.SetClaimReply(owner, Reply.Awaited);
                break;
            case OwnershipPhase.Owned:
                Recover(owner);
                break;
            case OwnershipPhase.Lost:
                RemoveOwner(owner);
                break;
        }
    }

    /// <summary>A new owner reads the shard to its end and rebuilds what is undecided or unacknowledged.</summary>
    private void Recover(int owner)
    {
        var shard = _world.OwnerShard(owner);
        for (var transaction = 0; transaction < _configuration.Plans.Length && !Lapses(Lapse.SkipsRecovery); transaction++)
        {
            var state = 0;
            for (var version = _world.FirstVersion(shard); version <= _world.RowCount(shard); version++)
            {
                if (EventAt(_world, shard, version) is { Event: not null } durable && durable.Transaction == transaction
                    && (state != 0 || durable.Kind is not LogEventKind.TransactionEnded)) // its decision lies below the horizon
                {
                    state = _machines.Apply(state, _world.EventOf(shard, version));
                }
            }

            if (state != 0 && !_machines.Commit(state).CanForget)
            {
                _world.SetCommit(owner, transaction, state);
                Feed(owner, transaction, new InputKey(InputKind.Recovered));
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
        var session = new Session
        {
            Kind = SessionKind.Group,
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
        _world.AddSession(session);
        _world.SetGroup(owner, slot, _machines.Send(claim, number, version, count));
        _world.SetGroupReply(owner, slot, Reply.Awaited);
        for (var i = 0; i < count; i++)
        {
            _world.AddGroupMember(owner, slot, session.Member(i));
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

        for (var i = 0; i < _world.SessionCount; i++)
        {
            var session = _world.SessionAt(i);
            last = session.Claim == claim ? Math.Max(last, session.Number + session.Count) : last;
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
        for (var i = 0; i < _world.SessionCount; i++)
        {
            var session = _world.SessionAt(i);
            if (session.Kind == SessionKind.Group && session.Claim == claim && session.Version == version)
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

    private bool Answers(int owner, int transaction) =>
        _from.OwnerShard(owner) == _configuration.Plans[transaction].Shard
        && (OwnershipOf(_from, owner).Phase is OwnershipPhase.Owned || (Lapses(Lapse.AnswersInquiriesWhileClaiming)
            && OwnershipOf(_from, owner).Phase is OwnershipPhase.Confirming));

    /// <summary>Null: the log shows a newer owner, so this one stops (D-4).</summary>
    private InquiryAnswer? AnswerOf(int owner, int transaction)
    {
        var shard = _world.OwnerShard(owner);
        var id = IdOf(_world, transaction);
        var view = ViewOf(owner);
        var state = _world.Commit(owner, transaction);
        if (_rules.AnswerAtOnce(id, view, state == 0 ? null : _machines.Commit(state)) is { } answer)
        {
            return answer;
        }

        return (long)id.Epoch > view.Epoch && LastOwned(_world, shard) > view.Epoch ? null : _rules.AnswerFromLog(id, view, LookUp(shard, id));
    }

    private OwnerView ViewOf(int owner)
    {
        var shard = _world.OwnerShard(owner);
        var ownership = OwnershipOf(_world, owner);
        var claim = _world.OwnerClaim(owner);
        var horizon = 0;
        var unreadable = 0;
        for (var version = _world.FirstVersion(shard); version <= _world.RowCount(shard); version++)
        {
            horizon = EventAt(_world, shard, version) is { Kind: LogEventKind.Horizon } moved ? moved.HorizonEpoch : horizon;
            unreadable = _world.IsUnreadable(shard, version) ? version : unreadable;
        }

        ulong issued = 0;
        for (var transaction = 0; transaction < _configuration.Plans.Length; transaction++)
        {
            issued = _world.Claim(transaction) == claim ? (ulong)transaction + 1 : issued;
        }

        return new OwnerView(
            new LogIdentity(Machines.LogId, _world[Fault.Generation]),
            ownership.Epoch,
            (ulong)claim,
            issued,
            horizon,
            0,
            Lapses(Lapse.UnreadableReadAsAbsent) ? 0 : unreadable);
    }

    private LookUp LookUp(int shard, TransactionId id)
    {
        Decision? decision = null;
        for (var version = _world.FirstVersion(shard); version <= _world.RowCount(shard); version++)
        {
            if (EventAt(_world, shard, version) is { } durable && durable.Id == id)
            {
                decision = durable.Kind switch
                {
                    LogEventKind.CommitDecided => Decision.Commit,
                    LogEventKind.AbortDecided => Decision.Abort,
                    _ => decision,
                };
            }
        }

        var epoch = (int)id.Epoch;
        var isOwned = epoch >= _world.FirstVersion(shard) && epoch <= _world.RowCount(shard) && _world.KindOf(shard, epoch) == RowKind.Owned;
        return new LookUp(decision, isOwned ? (ulong)_world.ClaimOf(shard, epoch) : null);
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
