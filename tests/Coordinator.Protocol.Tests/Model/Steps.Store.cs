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
        for (var i = 0; i < _from.FlightCount; i++)
        {
            var flight = _from.FlightAt(i);
            Open();
            Execute(i, isVolatile: false);
            Close(new StepCode(Act.Land, flight.Claim, flight.Kind, flight.Version));

            // Landed, readable, and yet not durable: never with a clean answer.
            if (_from[Fault.StoreCrash] > 0 && (!flight.Awaited || _from[Fault.Unclear] > 0))
            {
                Open();
                _world[Fault.Unclear] -= flight.Awaited ? (byte)1 : (byte)0;
                Execute(i, isVolatile: true);
                Close(new StepCode(Act.LandVolatile, flight.Claim, flight.Kind, flight.Version));
            }

            if (flight.Awaited && _from[Fault.Unclear] > 0)
            {
                Open();
                _world[Fault.Unclear]--;
                flight.Awaited = false;
                _world.SetFlight(i, flight);
                Answer(flight, Reply.Unclear);
                Close(new StepCode(Act.AnswerUnclear, flight.Claim, flight.Kind, flight.Version));
            }

            if (flight is { Awaited: true, Kind: FlightKind.Group } && _from[Fault.Rollback] > 0)
            {
                Open();
                _world[Fault.Rollback]--;
                _world.RemoveFlight(i);
                Answer(flight, Reply.RolledBack);
                Close(new StepCode(Act.RollBack, flight.Claim, flight.Version));
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
    private void Answer(Flight flight, byte reply, int detail = 0)
    {
        var owner = _world.FindOwner(flight.Claim);
        if (owner < 0)
        {
            return;
        }

        if (flight.Kind == FlightKind.Claim || OwnershipOf(_world, owner).Phase is not OwnershipPhase.Owned)
        {
            _world.SetClaimReply(owner, reply, flight.Kind == FlightKind.Claim ? detail : 0);
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
            var awaits = flight.Kind == FlightKind.Group
                ? group.Phase is GroupPhase.Sending && group.FirstVersion == flight.Version
                : group.Phase is not GroupPhase.Sending && group.EmptyRowVersion == flight.Version;
            if (awaits)
            {
                _world.SetGroupReply(owner, slot, reply, detail);
                return;
            }
        }
    }

    private void Execute(int index, bool isVolatile)
    {
        var flight = _world.FlightAt(index);
        if (flight.Kind == FlightKind.Group && Lapses(Lapse.ValidatesReadsByPlainQuery) && !flight.Checked && ConflictsOf(flight, readsOnly: true) == 0)
        {
            flight.Checked = true; // the mutant's plain query says yes now; the rows go in with a later statement
            _world.SetFlight(index, flight);
            return;
        }

        _world.RemoveFlight(index);
        var (reply, detail, landed) = flight.Kind switch
        {
            FlightKind.Claim => LandClaim(flight, isVolatile),
            FlightKind.Empty => LandEmptyRow(flight, isVolatile),
            _ => LandGroup(flight, isVolatile),
        };
        if (landed && !isVolatile)
        {
            Harden();
        }

        if (flight.Awaited)
        {
            Answer(flight, isVolatile ? Reply.Unclear : reply, detail);
        }
    }

    private (byte Reply, int Detail, bool Landed) LandClaim(Flight flight, bool isVolatile)
    {
        if (LastOwned(_world, flight.Shard) != flight.Epoch && !Lapses(Lapse.ClaimIgnoresGuard))
        {
            return (Reply.RolledBack, 0, false);
        }

        var version = _world.RowCount(flight.Shard) + 1;
        _world.PutRow(flight.Shard, version, RowKind.Owned, version, flight.Claim, 0, 0, isVolatile);
        return (Reply.Acknowledged, version, true);
    }

    private StreamEnd ShardEnd(int shard)
    {
        var version = _world.RowCount(shard);
        return version < _world.FirstVersion(shard) ? default : new StreamEnd(version, default, _world.EpochOf(shard, version));
    }

    private (byte Reply, int Detail, bool Landed) LandEmptyRow(Flight flight, bool isVolatile)
    {
        if (_rules.AcceptsShardRow(ShardEnd(flight.Shard), flight.Version, flight.Epoch))
        {
            _world.PutRow(flight.Shard, flight.Version, RowKind.Empty, flight.Epoch, flight.Claim, flight.Number, 0, isVolatile);
            return (Reply.Acknowledged, 0, true);
        }

        // Its key is taken, or the row that it must follow is missing: which is a definite refusal.
        return (flight.Version <= _world.RowCount(flight.Shard) ? Reply.InTheWay : Reply.RolledBack, 0, false);
    }

    private (byte Reply, int Detail, bool Landed) LandGroup(Flight flight, bool isVolatile)
    {
        if (!_rules.AcceptsShardRow(ShardEnd(flight.Shard), flight.Version, flight.Epoch))
        {
            return (Reply.RolledBack, ShardConflict, false);
        }

        var conflicts = ConflictsOf(flight, readsOnly: false);
        if (conflicts != 0 && !Lapses(Lapse.LeavesGapInGroup))
        {
            return (Reply.RolledBack, conflicts, false);
        }

        for (var i = 0; i < flight.Count; i++)
        {
            if ((conflicts & (1 << i)) == 0)
            {
                var member = flight.Member(i);
                _world.PutRow(flight.Shard, flight.Version + i, RowKind.Event, flight.Epoch, flight.Claim, flight.Number + i, member, isVolatile);
                WriteRedo(_machines.Event(member), isVolatile);
            }
        }

        return (Reply.Acknowledged, conflicts, true);
    }

    /// <summary>One bit for each member that conflicts, each tested against the ends that those before it leave.</summary>
    private int ConflictsOf(Flight flight, bool readsOnly)
    {
        for (var stream = 0; stream < _ends.Length; stream++)
        {
            _ends[stream] = EndOf(stream);
        }

        var conflicts = 0;
        for (var i = 0; i < flight.Count; i++)
        {
            var durable = _machines.Event(flight.Member(i));
            var tested = readsOnly ? Only(durable.Redo, reads: true)
                : flight.Checked || (Lapses(Lapse.GroupMembersBlind) && i > 0) ? Only(durable.Redo, reads: false) : durable.Redo;
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
    /// A flight nobody waits for and whose key is durably taken can never land: a key is never freed. Dropping it merges
    /// states with the same future.
    /// </summary>
    private void DropDeadFlights()
    {
        if (Lapses(Lapse.DeletesFenceRows | Lapse.ClaimIgnoresGuard))
        {
            return;
        }

        for (var i = _world.FlightCount - 1; i >= 0; i--)
        {
            var flight = _world.FlightAt(i);
            if (flight.Awaited)
            {
                continue;
            }

            var version = flight.Kind == FlightKind.Claim ? LastOwned(_world, flight.Shard) : flight.Version;
            var isTaken = flight.Kind == FlightKind.Claim ? version > flight.Epoch : version <= _world.RowCount(flight.Shard);
            if (isTaken && (version < _world.FirstVersion(flight.Shard) || !_world.IsVolatile(flight.Shard, version)))
            {
                _world.RemoveFlight(i);
            }
        }
    }
}
