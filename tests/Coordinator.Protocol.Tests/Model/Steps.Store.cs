using System.Collections.Immutable;
using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Ownership;

namespace Coordinator.Protocol.Tests.Model;

/// <summary>
/// The store: SQL transactions that land, are refused, answer unclearly, or land after that; rows that can be read and are
/// not durable; crashes that take those away.
/// </summary>
internal sealed partial class Steps
{
    private void ExpandStore()
    {
        for (var i = 0; i < _from.SessionCount; i++)
        {
            var session = _from.SessionAt(i);
            Open();
            Execute(i, isVolatile: false);
            Close(new StepCode(Act.Land, session.Claim, session.Kind, session.Version));

            // Landed, readable, and yet not durable: never with a clean answer.
            if (_from[Fault.StoreCrash] > 0 && (!session.Awaited || _from[Fault.Unclear] > 0))
            {
                Open();
                _world[Fault.Unclear] -= session.Awaited ? (byte)1 : (byte)0;
                Execute(i, isVolatile: true);
                Close(new StepCode(Act.LandVolatile, session.Claim, session.Kind, session.Version));
            }

            if (session.Awaited && _from[Fault.Unclear] > 0)
            {
                Open();
                _world[Fault.Unclear]--;
                session.Awaited = false;
                _world.SetSession(i, session);
                Answer(session, Reply.Unclear);
                Close(new StepCode(Act.AnswerUnclear, session.Claim, session.Kind, session.Version));
            }

            if (session is { Awaited: true, Kind: SessionKind.Group } && _from[Fault.Rollback] > 0)
            {
                Open();
                _world[Fault.Rollback]--;
                _world.RemoveSession(i);
                Answer(session, Reply.RolledBack);
                Close(new StepCode(Act.RollBack, session.Claim, session.Version));
            }
        }

        for (var owner = 0; owner < _from.OwnerCount && _from[Fault.Unclear] > 0; owner++)
        {
            LoseReply(owner);
        }
    }

    private void LoseReply(int owner)
    {
        if (_from.ClaimReply(owner) is Reply.Acknowledged or Reply.RolledBack or Reply.InTheWay)
        {
            Open();
            _world[Fault.Unclear]--;
            _world.SetClaimReply(owner, Reply.Unclear);
            Close(new StepCode(Act.LoseReply, _from.OwnerClaim(owner)));
        }

        for (var slot = 0; slot < GroupSlots; slot++)
        {
            if (_from.GroupReply(owner, slot) is Reply.Acknowledged or Reply.RolledBack or Reply.InTheWay)
            {
                Open();
                _world[Fault.Unclear]--;
                _world.SetGroupReply(owner, slot, Reply.Unclear);
                Close(new StepCode(Act.LoseReply, _from.OwnerClaim(owner)));
            }
        }
    }

    /// <summary>The store's word reaches the object that waits for it; a dead one hears nothing.</summary>
    private void Answer(Session session, byte reply, int detail = 0)
    {
        var owner = _world.FindOwner(session.Claim);
        if (owner < 0)
        {
            return;
        }

        if (session.Kind == SessionKind.Claim || OwnershipOf(_world, owner).Phase is not OwnershipPhase.Owned)
        {
            _world.SetClaimReply(owner, reply, session.Kind == SessionKind.Claim ? detail : 0);
            return;
        }

        for (var slot = 0; slot < 2; slot++)
        {
            var number = _world.GroupOf(owner, slot);
            if (number == 0)
            {
                continue;
            }

            var group = _machines.Group(number);
            var awaits = session.Kind == SessionKind.Group
                ? group.Phase is GroupPhase.Sending && group.FirstVersion == session.Version
                : group.Phase is not GroupPhase.Sending && group.EmptyRowVersion == session.Version;
            if (awaits)
            {
                _world.SetGroupReply(owner, slot, reply, detail);
                return;
            }
        }
    }

    private void Execute(int index, bool isVolatile)
    {
        var session = _world.SessionAt(index);
        if (session.Kind == SessionKind.Group && Lapses(Lapse.ValidatesReadsByPlainQuery) && !session.Checked && ConflictsOf(session, readsOnly: true) == 0)
        {
            session.Checked = true; // the mutant's plain query says yes now; the rows go in with a later statement
            _world.SetSession(index, session);
            return;
        }

        _world.RemoveSession(index);
        var (reply, detail, landed) = session.Kind switch
        {
            SessionKind.Claim => LandClaim(session, isVolatile),
            SessionKind.Empty => LandEmptyRow(session, isVolatile),
            _ => LandGroup(session, isVolatile),
        };
        if (landed && !isVolatile)
        {
            Harden();
        }

        if (session.Awaited)
        {
            Answer(session, isVolatile ? Reply.Unclear : reply, detail);
        }
    }

    private (byte Reply, int Detail, bool Landed) LandClaim(Session session, bool isVolatile)
    {
        if (LastOwned(_world, session.Shard) != session.Epoch && !Lapses(Lapse.ClaimIgnoresGuard))
        {
            return (Reply.RolledBack, 0, false);
        }

        var version = _world.RowCount(session.Shard) + 1;
        _world.PutRow(session.Shard, version, RowKind.Owned, version, session.Claim, 0, 0, isVolatile);
        return (Reply.Acknowledged, version, true);
    }

    private StreamEnd ShardEnd(int shard)
    {
        var version = _world.RowCount(shard);
        return version < _world.FirstVersion(shard) ? default : new StreamEnd(version, default, _world.EpochOf(shard, version));
    }

    private (byte Reply, int Detail, bool Landed) LandEmptyRow(Session session, bool isVolatile)
    {
        if (_rules.AcceptsShardRow(ShardEnd(session.Shard), session.Version, session.Epoch))
        {
            _world.PutRow(session.Shard, session.Version, RowKind.Empty, session.Epoch, session.Claim, session.Number, 0, isVolatile);
            return (Reply.Acknowledged, 0, true);
        }

        // Its key is taken, or the row that it must follow is missing: which is a definite refusal.
        return (session.Version <= _world.RowCount(session.Shard) ? Reply.InTheWay : Reply.RolledBack, 0, false);
    }

    private (byte Reply, int Detail, bool Landed) LandGroup(Session session, bool isVolatile)
    {
        if (!_rules.AcceptsShardRow(ShardEnd(session.Shard), session.Version, session.Epoch))
        {
            return (Reply.RolledBack, ShardConflict, false);
        }

        var conflicts = ConflictsOf(session, readsOnly: false);
        if (conflicts != 0 && !Lapses(Lapse.LeavesGapInGroup))
        {
            return (Reply.RolledBack, conflicts, false);
        }

        for (var i = 0; i < session.Count; i++)
        {
            if ((conflicts & (1 << i)) == 0)
            {
                var member = session.Member(i);
                _world.PutRow(session.Shard, session.Version + i, RowKind.Event, session.Epoch, session.Claim, session.Number + i, member, isVolatile);
                WriteRedo(_machines.Event(member), isVolatile);
            }
        }

        return (Reply.Acknowledged, conflicts, true);
    }

    /// <summary>One bit for each member that conflicts, each tested against the ends that those before it leave.</summary>
    private int ConflictsOf(Session session, bool readsOnly)
    {
        for (var stream = 0; stream < _ends.Length; stream++)
        {
            _ends[stream] = EndOf(stream);
        }

        var conflicts = 0;
        for (var i = 0; i < session.Count; i++)
        {
            var durable = _machines.Event(session.Member(i));
            var tested = readsOnly ? Only(durable.Redo, reads: true)
                : session.Checked || (Lapses(Lapse.GroupMembersBlind) && i > 0) ? Only(durable.Redo, reads: false) : durable.Redo;
            if (_rules.FirstConflict(durable.Mode, tested, durable.Id, _endOf) is not null)
            {
                conflicts |= 1 << i;
                continue;
            }

            for (var j = 0; j < durable.Redo.Length && !readsOnly; j++)
            {
                var stream = durable.Streams[j];
                _ends[stream] = AppendRules.After(durable.Mode, durable.Redo[j], durable.Id, _ends[stream]);
            }
        }

        return conflicts;
    }

    private static ImmutableArray<Redo> Only(ImmutableArray<Redo> redo, bool reads)
    {
        var kept = ImmutableArray.CreateBuilder<Redo>();
        foreach (var one in redo)
        {
            if (one.IsRead == reads)
            {
                kept.Add(one);
            }
        }

        return kept.ToImmutable();
    }

    private StreamEnd EndOf(int stream)
    {
        var length = _world.StreamLength(stream);
        if (length == 0)
        {
            return default;
        }

        var row = _world.StreamRowAt(stream, length);
        return new StreamEnd(length, (row & 3) == StreamRow.Held ? IdOf(_world, (row >> 2) & 7) : default, 0);
    }

    private void WriteRedo(LogEvent durable, bool isVolatile)
    {
        if (Lapses(Lapse.RedoLeftOutOfBatch))
        {
            return;
        }

        var kind = durable.Mode switch
        {
            RedoMode.Hold => StreamRow.Held,
            RedoMode.Release => StreamRow.Released,
            _ => StreamRow.Events,
        };
        for (var i = 0; i < durable.Redo.Length; i++)
        {
            for (var row = BindingBatch.RowCount(durable.Mode, durable.Redo[i]); row > 0; row--)
            {
                _world.AppendStreamRow(durable.Streams[i], kind, durable.Transaction, isVolatile);
            }
        }
    }

    /// <summary>A clean acknowledgement makes everything before it durable: one log of the database, written in order.</summary>
    private void Harden()
    {
        for (var shard = 0; shard < _configuration.ShardCount; shard++)
        {
            for (var version = _world.FirstVersion(shard); version <= _world.RowCount(shard); version++)
            {
                _world.Harden(shard, version);
                if (EventAt(_world, shard, version) is { Kind: LogEventKind.CommitDecided or LogEventKind.AbortDecided } decided)
                {
                    _world.Record(decided.Transaction, decided.Kind is LogEventKind.CommitDecided ? Once.Committed : Once.Aborted);
                }
            }
        }

        for (var stream = 0; stream < _ends.Length; stream++)
        {
            for (var version = 1; version <= _world.StreamLength(stream); version++)
            {
                _world.HardenStreamRow(stream, version);
            }
        }
    }

    /// <summary>
    /// A session nobody waits for and whose key is durably taken can never land: a key is never freed. Dropping it merges
    /// states with the same future.
    /// </summary>
    private void DropDeadSessions()
    {
        if (Lapses(Lapse.DeletesFenceRows | Lapse.ClaimIgnoresGuard))
        {
            return;
        }

        for (var i = _world.SessionCount - 1; i >= 0; i--)
        {
            var session = _world.SessionAt(i);
            if (session.Awaited)
            {
                continue;
            }

            var version = session.Kind == SessionKind.Claim ? LastOwned(_world, session.Shard) : session.Version;
            var isTaken = session.Kind == SessionKind.Claim ? version > session.Epoch : version <= _world.RowCount(session.Shard);
            if (isTaken && (version < _world.FirstVersion(session.Shard) || !_world.IsVolatile(session.Shard, version)))
            {
                _world.RemoveSession(i);
            }
        }
    }
}
