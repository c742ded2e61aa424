using System.Buffers.Binary;

namespace Coordinator.Protocol.Tests.Model;

/// <summary>Kinds of shard rows. 0 is a hole, which no correct run has.</summary>
internal static class RowKind
{
    public const byte Owned = 1;
    public const byte Event = 2;
    public const byte Empty = 3;
}

/// <summary>Kinds of rows in participant streams.</summary>
internal static class StreamRow
{
    public const byte Events = 0;
    public const byte Held = 1;
    public const byte Released = 2;
}

/// <summary>Kinds of SQL transactions that the store has in hand.</summary>
internal static class SessionKind
{
    public const byte Group = 1;
    public const byte Empty = 2;
    public const byte Claim = 3;
}

/// <summary>What the store has said of a session and its sender has not heard yet.</summary>
internal static class Reply
{
    public const byte None = 0;
    public const byte Awaited = 1;
    public const byte Acknowledged = 2;
    public const byte RolledBack = 3;
    public const byte Unclear = 4;
    public const byte InTheWay = 5;
}

/// <summary>
/// One state of everything: log, owners, participants, client, network. It is its own canonical encoding, a flat array of
/// bytes; machines appear as numbers of interned production states (<see cref="Machines"/>).
/// </summary>
internal sealed class World
{
    private const int RowSize = 7;
    private const int RowsMax = 14;
    private const int StreamRowsMax = 6;
    private const int SessionsMax = 6;
    private const int MembersMax = 3;
    private const int SessionSize = 8 + (2 * MembersMax);
    private const int QueueMax = 5;
    private const int GroupSize = 5 + (2 * MembersMax);
    private const int TransactionSize = 6;
    private const int SlotSize = 6;

    private readonly int _shards;
    private readonly int _streams;
    private readonly int _sessions;
    private readonly int _owners;
    private readonly int _ownerSize;
    private readonly int _groupsAt;
    private readonly int _transactions;
    private readonly int _slots;
    private readonly int _roles;
    private readonly int _network;
    private readonly int _ownersMax;
    private readonly int _transactionCount;

    public World(Configuration configuration)
    {
        _transactionCount = configuration.Plans.Length;
        _ownersMax = configuration.Owners * configuration.ShardCount;
        _roles = configuration.RolesMax;
        _shards = Fault.Count;
        _streams = _shards + (configuration.ShardCount * (2 + (RowsMax * RowSize)));
        _sessions = _streams + (configuration.StreamCount * (1 + StreamRowsMax));
        _owners = _sessions + 1 + (SessionsMax * SessionSize);
        _groupsAt = 6 + (2 * _transactionCount) + 1 + (2 * QueueMax);
        _ownerSize = _groupsAt + (2 * GroupSize);
        _transactions = _owners + 1 + (_ownersMax * _ownerSize);
        _slots = _transactions + (_transactionCount * TransactionSize);
        _network = _slots + (_transactionCount * _roles * SlotSize);
        Data = new byte[(_network + 16 + 7) / 8 * 8];
    }

    public byte[] Data { get; }

    public void CopyFrom(ReadOnlySpan<byte> data) => data.CopyTo(Data);

    public int OwnersMax => _ownersMax;

    // Budgets and counters.
    public byte this[int counter]
    {
        get => Data[counter];
        set => Data[counter] = value;
    }

    // Shard streams.
    public int RowCount(int shard) => Data[Shard(shard)];

    public int FirstVersion(int shard) => Data[Shard(shard) + 1] + 1;

    public Span<byte> Row(int shard, int version) => Data.AsSpan(RowAt(shard, version), RowSize);

    public byte KindOf(int shard, int version) => Data[RowAt(shard, version)];

    public bool IsVolatile(int shard, int version) => (Data[RowAt(shard, version) + 6] & 1) != 0;

    public bool IsUnreadable(int shard, int version) => (Data[RowAt(shard, version) + 6] & 2) != 0;

    public void MarkUnreadable(int shard, int version) => Data[RowAt(shard, version) + 6] |= 2;

    public int EpochOf(int shard, int version) => Data[RowAt(shard, version) + 1];

    public int ClaimOf(int shard, int version) => Data[RowAt(shard, version) + 2];

    public int NumberOf(int shard, int version) => Data[RowAt(shard, version) + 3];

    public int EventOf(int shard, int version) => Word(RowAt(shard, version) + 4);

    public void PutRow(int shard, int version, byte kind, int epoch, int claim, int number, int committed, bool isVolatile)
    {
        if (version > RowsMax)
        {
            throw new BoundExceededException("shard rows");
        }

        var row = Row(shard, version);
        row[0] = kind;
        row[1] = (byte)epoch;
        row[2] = (byte)claim;
        row[3] = (byte)number;
        BinaryPrimitives.WriteUInt16LittleEndian(row[4..], (ushort)committed);
        row[6] = isVolatile ? (byte)1 : (byte)0;
        Data[Shard(shard)] = (byte)Math.Max(Data[Shard(shard)], version);
    }

    public void SetRowCount(int shard, int count)
    {
        for (var version = RowCount(shard); version > count; version--)
        {
            Row(shard, version).Clear();
        }

        Data[Shard(shard)] = (byte)count;
    }

    public void RemovePrefix(int shard, int below)
    {
        for (var version = FirstVersion(shard); version < below; version++)
        {
            Row(shard, version).Clear();
        }

        Data[Shard(shard) + 1] = (byte)(below - 1);
    }

    public void Harden(int shard, int version) => Data[RowAt(shard, version) + 6] &= 0xFE;

    // Participant streams; a row is kind | transaction << 2 | volatile << 7.
    public int StreamLength(int stream) => Data[Stream(stream)];

    public byte StreamRowAt(int stream, int version) => Data[Stream(stream) + version];

    public void AppendStreamRow(int stream, byte kind, int transaction, bool isVolatile)
    {
        var version = StreamLength(stream) + 1;
        if (version > StreamRowsMax)
        {
            throw new BoundExceededException("stream rows");
        }

        Data[Stream(stream) + version] = (byte)(kind | (transaction << 2) | (isVolatile ? 0x80 : 0));
        Data[Stream(stream)] = (byte)version;
    }

    public void HardenStreamRow(int stream, int version) => Data[Stream(stream) + version] &= 0x7F;

    public void RemoveStreamRow(int stream, int version)
    {
        var at = Stream(stream);
        var length = Data[at];
        for (var i = version; i < length; i++)
        {
            Data[at + i] = Data[at + i + 1];
        }

        Data[at + length] = 0;
        Data[at] = (byte)(length - 1);
    }

    // SQL transactions in the store's hands.
    public int SessionCount => Data[_sessions];

    public Session SessionAt(int index) => Session.Read(Data.AsSpan(_sessions + 1 + (index * SessionSize), SessionSize));

    public void SetSession(int index, Session session) =>
        session.Write(Data.AsSpan(_sessions + 1 + (index * SessionSize), SessionSize));

    public void AddSession(Session session)
    {
        if (SessionCount == SessionsMax)
        {
            throw new BoundExceededException("sessions");
        }

        SetSession(SessionCount, session);
        Data[_sessions]++;
    }

    public void RemoveSession(int index)
    {
        var last = SessionCount - 1;
        var source = Data.AsSpan(_sessions + 1 + ((index + 1) * SessionSize), (last - index) * SessionSize);
        source.CopyTo(Data.AsSpan(_sessions + 1 + (index * SessionSize)));
        Data.AsSpan(_sessions + 1 + (last * SessionSize), SessionSize).Clear();
        Data[_sessions] = (byte)last;
    }

    /// <summary>The order in which sessions were opened has no meaning: sorting them merges states that differ only in it.</summary>
    public void SortSessions()
    {
        Span<byte> held = stackalloc byte[SessionSize];
        for (var i = 1; i < SessionCount; i++)
        {
            for (var j = i; j > 0; j--)
            {
                var low = Data.AsSpan(_sessions + 1 + ((j - 1) * SessionSize), SessionSize);
                var high = Data.AsSpan(_sessions + 1 + (j * SessionSize), SessionSize);
                if (low.SequenceCompareTo(high) <= 0)
                {
                    break;
                }

                low.CopyTo(held);
                high.CopyTo(low);
                held.CopyTo(high);
            }
        }
    }

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

    // Transactions as client and checker see them.
    public int Epoch(int transaction) => Data[At(transaction)];

    public int Claim(int transaction) => Data[At(transaction) + 1];

    public int Generation(int transaction) => Data[At(transaction) + 2];

    public void SetIdentity(int transaction, int epoch, int claim, int generation)
    {
        Data[At(transaction)] = (byte)epoch;
        Data[At(transaction) + 1] = (byte)claim;
        Data[At(transaction) + 2] = (byte)generation;
    }

    /// <summary>0: not begun; 1 + n: about to call participant n; <see cref="Client.Asked"/>; <see cref="Client.GaveUp"/>.</summary>
    public byte ClientPhase(int transaction) => Data[At(transaction) + 3];

    public void SetClientPhase(int transaction, byte phase) => Data[At(transaction) + 3] = phase;

    public byte Told(int transaction) => Data[At(transaction) + 4];

    public void Tell(int transaction, byte outcome) => Data[At(transaction) + 4] |= outcome;

    public byte History(int transaction) => Data[At(transaction) + 5];

    public void Record(int transaction, byte fact) => Data[At(transaction) + 5] |= fact;

    // One participant of one transaction. Log-native: interned state, expected version, changes made, last incarnation, calls that ended well.
    public Span<byte> Slot(int transaction, int role) =>
        Data.AsSpan(_slots + (((transaction * _roles) + role) * SlotSize), SlotSize);

    // Network: a set. What is in it may be delivered any number of times, late, in any order, or never.
    public bool IsSent(int message) => (Data[_network + (message >> 3)] & (1 << (message & 7))) != 0;

    public void Send(int message) => Data[_network + (message >> 3)] |= (byte)(1 << (message & 7));

    public UInt128 Network => BinaryPrimitives.ReadUInt128LittleEndian(Data.AsSpan(_network, 16));

    private int Shard(int shard) => _shards + (shard * (2 + (RowsMax * RowSize)));

    private int RowAt(int shard, int version) => Shard(shard) + 2 + ((version - 1) * RowSize);

    private int Stream(int stream) => _streams + (stream * (1 + StreamRowsMax));

    private int Owner(int owner) => _owners + 1 + (owner * _ownerSize);

    private int Queue(int owner) => Owner(owner) + 6 + (2 * _transactionCount);

    private int Group(int owner, int slot) => Owner(owner) + _groupsAt + (slot * GroupSize);

    private int At(int transaction) => _transactions + (transaction * TransactionSize);

    private int Word(int at) => BinaryPrimitives.ReadUInt16LittleEndian(Data.AsSpan(at));

    private void SetWord(int at, int value) => BinaryPrimitives.WriteUInt16LittleEndian(Data.AsSpan(at), checked((ushort)value));
}

/// <summary>One SQL transaction in the store's hands.</summary>
internal struct Session
{
    public byte Kind;
    public byte Claim;
    public byte Shard;
    public byte Version;

    /// <summary>Of a claim: the epoch that its guard demands.</summary>
    public byte Epoch;

    /// <summary>Append id of the first member, those of the others follow.</summary>
    public byte Number;

    /// <summary>Its sender still waits for an answer.</summary>
    public bool Awaited;

    /// <summary>Its reads were checked and its rows are not inserted yet: only where a mutant tears the two apart.</summary>
    public bool Checked;

    public byte Count;
    public ushort First;
    public ushort Second;
    public ushort Third;

    public readonly int Member(int index) => index == 0 ? First : index == 1 ? Second : Third;

    public static Session Read(ReadOnlySpan<byte> from) => new()
    {
        Kind = from[0],
        Claim = from[1],
        Shard = from[2],
        Version = from[3],
        Epoch = from[4],
        Number = from[5],
        Awaited = (from[6] & 1) != 0,
        Checked = (from[6] & 2) != 0,
        Count = from[7],
        First = BinaryPrimitives.ReadUInt16LittleEndian(from[8..]),
        Second = BinaryPrimitives.ReadUInt16LittleEndian(from[10..]),
        Third = BinaryPrimitives.ReadUInt16LittleEndian(from[12..]),
    };

    public readonly void Write(Span<byte> to)
    {
        to[0] = Kind;
        to[1] = Claim;
        to[2] = Shard;
        to[3] = Version;
        to[4] = Epoch;
        to[5] = Number;
        to[6] = (byte)((Awaited ? 1 : 0) | (Checked ? 2 : 0));
        to[7] = Count;
        BinaryPrimitives.WriteUInt16LittleEndian(to[8..], First);
        BinaryPrimitives.WriteUInt16LittleEndian(to[10..], Second);
        BinaryPrimitives.WriteUInt16LittleEndian(to[12..], Third);
    }
}

/// <summary>Counters at the head of a world: what is left of each budget, the generation, the claims so far.</summary>
internal static class Fault
{
    public const int Generation = 0;
    public const int Claims = 1;
    public const int Steal = 2;
    public const int OwnerCrash = 3;
    public const int MemoryLoss = 4;
    public const int Unclear = 5;
    public const int Rollback = 6;
    public const int StoreCrash = 7;
    public const int Restore = 8;
    public const int UndeclaredRestore = 9;
    public const int Unreadable = 10;
    public const int Count = 12;
}

internal static class Client
{
    public const byte Asked = 100;
    public const byte GaveUp = 101;

    // What it was told, one bit each.
    public const byte Committed = 1;
    public const byte Aborted = 2;
    public const byte Unknown = 4;

    /// <summary>Forgotten, or held for an operator.</summary>
    public const byte Withheld = 8;
}

/// <summary>What has been durable at some time, one bit each.</summary>
internal static class Once
{
    public const byte Committed = 1;
    public const byte Aborted = 2;

    /// <summary>A restore or an unreadable row has taken away what the log knew: an operator decides.</summary>
    public const byte Damaged = 4;
}

/// <summary>A fixed size of the encoding is too small: the search stops rather than cut states off silently.</summary>
internal sealed class BoundExceededException(string what) : Exception($"The encoding has no room for more {what}.");
