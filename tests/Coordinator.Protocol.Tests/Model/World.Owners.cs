namespace Coordinator.Protocol.Tests.Model;

/// <summary>The owner objects' part of the encoding.</summary>
internal sealed partial class World
{
    // Owner objects, in the order of their claims: which slot one lives in has no meaning.
    public int OwnerCount => Data[_owners];

    public int OwnerClaim(int owner) => Data[Owner(owner)];

    public int OwnerShard(int owner) => Data[Owner(owner) + 1];

    public int Ownership(int owner) => Word(Owner(owner) + 2);

    public void SetOwnership(int owner, int state) => SetWord(Owner(owner) + 2, state);

    public byte ClaimReply(int owner) => Data[Owner(owner) + 4];

    public void SetClaimReply(int owner, byte reply, int version = 0)
    {
        Data[Owner(owner) + 4] = reply;
        Data[Owner(owner) + 5] = (byte)version;
    }

    public int ClaimVersion(int owner) => Data[Owner(owner) + 5];

    public int Commit(int owner, int transaction) => Word(Owner(owner) + 6 + (2 * transaction));

    public void SetCommit(int owner, int transaction, int state) => SetWord(Owner(owner) + 6 + (2 * transaction), state);

    public int QueueLength(int owner) => Data[Queue(owner)];

    public int Queued(int owner, int index) => Word(Queue(owner) + 1 + (2 * index));

    public void Enqueue(int owner, int committed)
    {
        var length = QueueLength(owner);
        if (length == QueueMax)
        {
            throw new BoundExceededException("queue");
        }

        SetWord(Queue(owner) + 1 + (2 * length), committed);
        Data[Queue(owner)]++;
    }

    public void ClearQueue(int owner) => Data.AsSpan(Queue(owner), 1 + (2 * QueueMax)).Clear();

    public int GroupOf(int owner, int slot) => Word(Group(owner, slot));

    public byte GroupReply(int owner, int slot) => Data[Group(owner, slot) + 2];

    public int GroupConflicts(int owner, int slot) => Data[Group(owner, slot) + 3];

    public int GroupSizeOf(int owner, int slot) => Data[Group(owner, slot) + 4];

    public int GroupMember(int owner, int slot, int index) => Word(Group(owner, slot) + 5 + (2 * index));

    public void SetGroup(int owner, int slot, int state) => SetWord(Group(owner, slot), state);

    public void SetGroupReply(int owner, int slot, byte reply, int conflicts = 0)
    {
        Data[Group(owner, slot) + 2] = reply;
        Data[Group(owner, slot) + 3] = (byte)conflicts;
    }

    public void AddGroupMember(int owner, int slot, int committed)
    {
        var size = GroupSizeOf(owner, slot);
        if (size == MembersMax)
        {
            throw new BoundExceededException("group members");
        }

        SetWord(Group(owner, slot) + 5 + (2 * size), committed);
        Data[Group(owner, slot) + 4]++;
    }

    public void ClearGroup(int owner, int slot) => Data.AsSpan(Group(owner, slot), GroupSize).Clear();

    public int AddOwner(int claim, int shard)
    {
        var owner = OwnerCount;
        if (owner == _ownersMax)
        {
            throw new BoundExceededException("owners");
        }

        Data[Owner(owner)] = (byte)claim;
        Data[Owner(owner) + 1] = (byte)shard;
        Data[_owners]++;
        return owner;
    }

    public void RemoveOwner(int owner)
    {
        var last = OwnerCount - 1;
        Data.AsSpan(Owner(owner + 1), (last - owner) * _ownerSize).CopyTo(Data.AsSpan(Owner(owner)));
        Data.AsSpan(Owner(last), _ownerSize).Clear();
        Data[_owners] = (byte)last;
    }

    public int FindOwner(int claim)
    {
        for (var owner = 0; owner < OwnerCount; owner++)
        {
            if (OwnerClaim(owner) == claim)
            {
                return owner;
            }
        }

        return -1;
    }
}
