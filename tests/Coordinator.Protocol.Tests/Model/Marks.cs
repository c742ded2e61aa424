using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Ownership;
using Coordinator.Protocol.Participation;

namespace Coordinator.Protocol.Tests.Model;

/// <summary>Situations that a search must have met to say anything about them; a test demands that all of them occur.</summary>
[Flags]
internal enum Mark
{
    None = 0,
    ToldCommitted = 1 << 0,
    ToldAborted = 1 << 1,
    ToldUnknown = 1 << 2,
    ToldWithheld = 1 << 3,
    RowNotDurable = 1 << 4,
    GroupFencing = 1 << 5,
    GroupConfirming = 1 << 6,
    ClaimConfirming = 1 << 7,
    TwoObjectsBelieveToOwn = 1 << 8,
    GroupOfTwo = 1 << 9,
    LandingLate = 1 << 10,
    StreamHeld = 1 << 11,
    StreamReleased = 1 << 12,
    MarkerCommit = 1 << 13,
    MarkerAbort = 1 << 14,
    PrefixRemoved = 1 << 15,
    SecondGeneration = 1 << 16,
    RowUnreadable = 1 << 17,
    ExternalCommitted = 1 << 18,
    ExternalLostItsWork = 1 << 19,
    ParticipantLostItsMemory = 1 << 20,
    VotedReadOnly = 1 << 21,
    TwoCommitted = 1 << 22,
    RecoveredLastResource = 1 << 23,
    All = (1 << 24) - 1,
}

/// <summary>Which marks a state bears.</summary>
internal static class Marks
{
    public static Mark Of(World world, Configuration configuration, Machines machines)
    {
        var marks = world[Fault.Generation] > 1 ? Mark.SecondGeneration : Mark.None;
        for (var shard = 0; shard < configuration.ShardCount; shard++)
        {
            marks |= OfShard(world, shard, machines);
        }

        for (var owner = 0; owner < world.OwnerCount; owner++)
        {
            marks |= OfOwner(world, owner, configuration, machines);
        }

        for (var stream = 0; stream < configuration.StreamCount; stream++)
        {
            var length = world.StreamLength(stream);
            marks |= length == 0 ? Mark.None : (world.StreamRowAt(stream, length) & 3) switch
            {
                StreamRow.Held => Mark.StreamHeld,
                StreamRow.Released => Mark.StreamReleased,
                _ => Mark.None,
            };
        }

        for (var i = 0; i < world.FlightCount; i++)
        {
            marks |= world.FlightAt(i).Awaited ? Mark.None : Mark.LandingLate;
        }

        var committed = 0;
        for (var transaction = 0; transaction < configuration.Plans.Length; transaction++)
        {
            marks |= (Mark)(world.Told(transaction) & 15);
            committed += (world.History(transaction) & Once.Committed) != 0 ? 1 : 0;
            for (var role = 0; role < configuration.Plans[transaction].Roles.Length; role++)
            {
                marks |= OfSlot(world.Slot(transaction, role), configuration.Plans[transaction].Roles[role].Part, machines);
            }
        }

        return committed > 1 ? marks | Mark.TwoCommitted : marks;
    }

    private static Mark OfShard(World world, int shard, Machines machines)
    {
        var marks = world.FirstVersion(shard) > 1 ? Mark.PrefixRemoved : Mark.None;
        for (var version = world.FirstVersion(shard); version <= world.RowCount(shard); version++)
        {
            marks |= world.IsVolatile(shard, version) ? Mark.RowNotDurable : Mark.None;
            marks |= world.IsUnreadable(shard, version) ? Mark.RowUnreadable : Mark.None;
        }

        var owned = 0;
        for (var owner = 0; owner < world.OwnerCount; owner++)
        {
            owned += world.OwnerShard(owner) == shard && machines.Ownership(world.Ownership(owner)).Phase is OwnershipPhase.Owned ? 1 : 0;
        }

        return owned > 1 ? marks | Mark.TwoObjectsBelieveToOwn : marks;
    }

    private static Mark OfOwner(World world, int owner, Configuration configuration, Machines machines)
    {
        var marks = machines.Ownership(world.Ownership(owner)).Phase is OwnershipPhase.Confirming ? Mark.ClaimConfirming : Mark.None;
        marks |= world.GroupSizeOf(owner, 0) > 1 ? Mark.GroupOfTwo : Mark.None;
        if (world.GroupOf(owner, 0) is not 0 and var group)
        {
            marks |= machines.Group(group).Phase switch
            {
                GroupPhase.Fencing => Mark.GroupFencing,
                GroupPhase.Confirming => Mark.GroupConfirming,
                _ => Mark.None,
            };
        }

        for (var transaction = 0; transaction < configuration.Plans.Length; transaction++)
        {
            var state = world.Commit(owner, transaction);
            var recovered = state != 0 && world.Claim(transaction) != world.OwnerClaim(owner);
            marks |= recovered && machines.Commit(state).Phase is CommitPhase.LastResourceCommitting ? Mark.RecoveredLastResource : Mark.None;
        }

        return marks;
    }

    private static Mark OfSlot(ReadOnlySpan<byte> slot, Part part, Machines machines) => (part, slot[0]) switch
    {
        (Part.External, External.Committed) => Mark.ExternalCommitted,
        (Part.External, External.Lost) => Mark.ExternalLostItsWork,
        (Part.Resource, Marker.Commit) => Mark.MarkerCommit,
        (Part.Resource, Marker.Abort) => Mark.MarkerAbort,
        (Part.Write or Part.Read, 0) => slot[4] > 0 ? Mark.ParticipantLostItsMemory : Mark.None,
        (Part.Write or Part.Read, var state) => machines.Participation(state).Phase is ParticipationPhase.ReadOnly ? Mark.VotedReadOnly : Mark.None,
        _ => Mark.None,
    };
}
