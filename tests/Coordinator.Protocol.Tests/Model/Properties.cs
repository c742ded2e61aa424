using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Ownership;
using Coordinator.Protocol.Participation;

namespace Coordinator.Protocol.Tests.Model;

/// <summary>
/// What must hold in every state, and which states count as ended. The numbers are those of the invariants in docs/protocol.md#invariants.
/// </summary>
internal sealed class Properties(Configuration configuration, Machines machines)
{
    /// <summary>The first property that the state breaks, or null.</summary>
    public string? Broken(World world)
    {
        for (var shard = 0; shard < configuration.ShardCount; shard++)
        {
            if (BrokenShard(world, shard) is { } broken)
            {
                return broken;
            }
        }

        for (var transaction = 0; transaction < configuration.Plans.Length; transaction++)
        {
            if (world.ClientPhase(transaction) != 0 && (BrokenOutcome(world, transaction) ?? BrokenParticipant(world, transaction)) is { } broken)
            {
                return broken;
            }
        }

        return configuration.Plans.Length == 2 && IsSkewed(world) ? "serializability: each of two transactions misses what the other wrote" : null;
    }

    /// <summary>I7: no hole, epochs never decrease, no row of an epoch behind the claim that ended it.</summary>
    private string? BrokenShard(World world, int shard)
    {
        var epoch = 0;
        var decided = 0;
        for (var version = world.FirstVersion(shard); version <= world.RowCount(shard); version++)
        {
            var kind = world.KindOf(shard, version);
            if (kind == 0)
            {
                return "I7: a hole in the shard";
            }

            var rowEpoch = world.EpochOf(shard, version);
            if (rowEpoch < epoch || (kind == RowKind.Owned ? rowEpoch != version : epoch != 0 && rowEpoch != epoch))
            {
                return "I7: a row of a stale epoch";
            }

            epoch = rowEpoch;
            if (kind == RowKind.Event && machines.Event(world.EventOf(shard, version)) is { Transaction: >= 0 } durable)
            {
                var bits = durable.Kind switch
                {
                    LogEventKind.CommitDecided => 1,
                    LogEventKind.AbortDecided => 2,
                    _ => 0,
                }
                << (2 * durable.Transaction);
                decided |= bits;
                if (((decided >> (2 * durable.Transaction)) & 3) == 3)
                {
                    return "I4: two decisions in the log";
                }

                if (durable.Kind is LogEventKind.CommitDecided && BrokenDecision(world, durable) is { } broken)
                {
                    return broken;
                }
            }
        }

        return null;
    }

    /// <summary>I3 and D-6: the decision carries what every call did, and only of participants that could promise it.</summary>
    private string? BrokenDecision(World world, LogEvent decided)
    {
        if ((world.History(decided.Transaction) & Once.Damaged) != 0)
        {
            return null;
        }

        var roles = configuration.Plans[decided.Transaction].Roles;
        for (var role = 0; role < roles.Length; role++)
        {
            var slot = world.Slot(decided.Transaction, role);
            if (roles[role].Part is Part.External && slot[0] is not (External.Prepared or External.Committed))
            {
                return "I3: commit without the promise of an external participant";
            }

            if (roles[role].Part is Part.Write)
            {
                if (EventsFor(decided, roles[role].Place) != slot[4])
                {
                    return "D-6: committed without the work of a call that had ended well";
                }

                if (!HasRows(world, decided, roles[role].Place))
                {
                    return "I1: the decision is in the log and its rows are not in the stream";
                }
            }
        }

        return null;
    }

    private static int EventsFor(LogEvent decided, int stream)
    {
        var count = 0;
        for (var i = 0; i < decided.Streams.Length; i++)
        {
            count += decided.Streams[i] == stream ? decided.Redo[i].Events.Length : 0;
        }

        return count;
    }

    private static bool HasRows(World world, LogEvent decided, int stream)
    {
        for (var i = 0; i < decided.Streams.Length; i++)
        {
            if (decided.Streams[i] != stream || decided.Redo[i].IsRead)
            {
                continue;
            }

            var first = (int)BindingBatch.PredecessorVersion(decided.Mode, decided.Redo[i]) + 1;
            for (var version = first; version < first + decided.Redo[i].Events.Length; version++)
            {
                if (version > world.StreamLength(stream)
                    || (world.StreamRowAt(stream, version) & 0x7F) != (StreamRow.Events | (decided.Transaction << 2)))
                {
                    return false;
                }
            }
        }

        return true;
    }

    private string? BrokenOutcome(World world, int transaction)
    {
        var history = world.History(transaction);
        var told = world.Told(transaction);
        var committed = (history & Once.Committed) != 0;
        if (committed && (history & Once.Aborted) != 0)
        {
            return "I4: durably committed and durably aborted";
        }

        if (committed && (history & Once.Damaged) == 0 && !IsDecided(world, transaction))
        {
            return "I4: a durable decision is no longer in the log";
        }

        if ((told & Client.Committed) != 0 && !committed)
        {
            return "I6: told Committed before a commit decision was durable";
        }

        if ((told & Client.Aborted) != 0 && committed)
        {
            return "I6: told Aborted of a committed transaction";
        }

        if ((world.Network & machines.Wires.SayCommit(transaction)) != 0 && !committed)
        {
            return "I2: a message says commit before the decision was durable";
        }

        return committed && (world.Network & machines.Wires.SayAbort(transaction)) != 0 ? "I8: a message says aborted of a committed transaction" : null;
    }

    private bool IsDecided(World world, int transaction)
    {
        var shard = configuration.Plans[transaction].Shard;
        if (world.FirstVersion(shard) > world.Epoch(transaction))
        {
            return true; // forgotten together with its epoch
        }

        for (var version = world.FirstVersion(shard); version <= world.RowCount(shard); version++)
        {
            if (world.KindOf(shard, version) == RowKind.Event && machines.Event(world.EventOf(shard, version)) is var durable
                && durable.Kind is LogEventKind.CommitDecided && durable.Transaction == transaction)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>I1: who knows an outcome knows the same one.</summary>
    private string? BrokenParticipant(World world, int transaction)
    {
        var committed = (world.History(transaction) & Once.Committed) != 0;
        var roles = configuration.Plans[transaction].Roles;
        for (var role = 0; role < roles.Length; role++)
        {
            var slot = world.Slot(transaction, role);
            switch (roles[role].Part)
            {
                case Part.External:
                    if (slot[0] == External.Committed && !committed)
                    {
                        return "I2: an external participant has committed without a decision";
                    }

                    if (slot[0] == External.Aborted && committed)
                    {
                        return "I1: an external participant has aborted a committed transaction";
                    }

                    break;
                case Part.Resource:
                    if (slot[1] != 0 && ((world.Told(transaction) & Client.Aborted) != 0 || (world.History(transaction) & Once.Aborted) != 0))
                    {
                        return "I1: the last resource has committed an aborted transaction";
                    }

                    if (slot[1] == 0 && committed)
                    {
                        return "I1: committed without the last resource";
                    }

                    break;
                default:
                    if (slot[0] == 0)
                    {
                        break;
                    }

                    var phase = machines.Participation(slot[0]).Phase;
                    if (phase is ParticipationPhase.Committed && !committed)
                    {
                        return "I2: a participant has committed without a decision";
                    }

                    if (phase is ParticipationPhase.Aborted && committed)
                    {
                        return "I1: a participant has aborted a committed transaction";
                    }

                    break;
            }
        }

        return null;
    }

    /// <summary>Both committed, and each read a version that the other then wrote over.</summary>
    private bool IsSkewed(World world) =>
        (world.History(0) & world.History(1) & Once.Committed) != 0 && (world.History(0) & Once.Damaged) == 0 && Precedes(world, 0, 1) && Precedes(world, 1, 0);

    private bool Precedes(World world, int first, int second)
    {
        var roles = configuration.Plans[first].Roles;
        for (var role = 0; role < roles.Length; role++)
        {
            var stream = roles[role].Place;
            if (roles[role].Part is not (Part.Read or Part.Write))
            {
                continue;
            }

            for (var version = world.Slot(first, role)[1] + 1; version <= world.StreamLength(stream); version++)
            {
                if (world.StreamRowAt(stream, version) == (StreamRow.Events | (second << 2)))
                {
                    return true;
                }
            }
        }

        return false;
    }

    /// <summary>V4: everything begun is decided and known to all, and nobody holds anything any more.</summary>
    public bool IsEnded(World world)
    {
        for (var transaction = 0; transaction < configuration.Plans.Length; transaction++)
        {
            if (world.ClientPhase(transaction) != 0 && (world.History(transaction) & Once.Damaged) == 0 && !IsEnded(world, transaction))
            {
                return false;
            }
        }

        for (var stream = 0; stream < configuration.StreamCount; stream++)
        {
            var length = world.StreamLength(stream);
            if (length > 0 && (world.StreamRowAt(stream, length) & 3) == StreamRow.Held
                && (world.History((world.StreamRowAt(stream, length) >> 2) & 7) & Once.Damaged) == 0)
            {
                return false;
            }
        }

        for (var shard = 0; shard < configuration.ShardCount; shard++)
        {
            if (!IsIdle(world, shard))
            {
                return false;
            }
        }

        return true;
    }

    private bool IsEnded(World world, int transaction)
    {
        var known = configuration.Retention ? Client.Committed | Client.Aborted | Client.Withheld : Client.Committed | Client.Aborted;
        if ((world.Told(transaction) & known) == 0)
        {
            return false;
        }

        var roles = configuration.Plans[transaction].Roles;
        for (var role = 0; role < roles.Length; role++)
        {
            var slot = world.Slot(transaction, role);
            var open = roles[role].Part switch
            {
                Part.External => slot[0] == External.Prepared,
                Part.Resource => slot[0] == Marker.Commit && (world.History(transaction) & Once.Committed) == 0,
                _ => slot[0] != 0 && machines.Participation(slot[0]).Phase is ParticipationPhase.Prepared,
            };
            if (open)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Somebody owns the shard and has nothing more to do there.</summary>
    private bool IsIdle(World world, int shard)
    {
        for (var owner = 0; owner < world.OwnerCount; owner++)
        {
            if (world.OwnerShard(owner) != shard || machines.Ownership(world.Ownership(owner)).Phase is not OwnershipPhase.Owned
                || world.QueueLength(owner) > 0 || world.GroupOf(owner, 0) != 0 || world.GroupOf(owner, 1) != 0)
            {
                continue;
            }

            var open = false;
            for (var transaction = 0; transaction < configuration.Plans.Length; transaction++)
            {
                var state = world.Commit(owner, transaction);
                open |= state != 0 && !machines.Commit(state).CanForget;
            }

            if (!open)
            {
                return true;
            }
        }

        return false;
    }
}
