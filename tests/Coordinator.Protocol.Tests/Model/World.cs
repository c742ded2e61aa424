using System.Buffers.Binary;

namespace Coordinator.Protocol.Tests.Model;

/// <summary>
/// One state of everything: log, owners, participants, client, network. It is its own canonical encoding, a flat array of
/// bytes; machines appear as numbers of interned production states (<see cref="Machines"/>).
/// </summary>
internal sealed partial class World
{
    private const int RowSize = 7;
    private const int RowsMax = 14;
    private const int StreamRowsMax = 6;
    private const int FlightsMax = 6;
    private const int MembersMax = 3;
    private const int FlightSize = 8 + (2 * MembersMax);
    private const int QueueMax = 5;
    private const int GroupSize = 5 + (2 * MembersMax);
    private const int TransactionSize = 6;
    private const int SlotSize = 6;

    private readonly int _shards;
    private readonly int _streams;
    private readonly int _flights;
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
        _flights = _streams + (configuration.StreamCount * (1 + StreamRowsMax));
        _owners = _flights + 1 + (FlightsMax * FlightSize);
        _groupsAt = 6 + (2 * _transactionCount) + 1 + (2 * QueueMax);
        _ownerSize = _groupsAt + (2 * GroupSize);
        _transactions = _owners + 1 + (_ownersMax * _ownerSize);
        _slots = _transactions + (_transactionCount * TransactionSize);
        _network = _slots + (_transactionCount * _roles * SlotSize);
        Data = new byte[(_network + 16 + 7) / 8 * 8];
    }

    public byte[] Data { get; }

    public void CopyFrom(ReadOnlySpan<byte> data) => data.CopyTo(Data);

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
    public int FlightCount => Data[_flights];

    public Flight FlightAt(int index) => Flight.Read(Data.AsSpan(_flights + 1 + (index * FlightSize), FlightSize));

    public void SetFlight(int index, Flight flight) =>
        flight.Write(Data.AsSpan(_flights + 1 + (index * FlightSize), FlightSize));

    public void AddFlight(Flight flight)
    {
        if (FlightCount == FlightsMax)
        {
            throw new BoundExceededException("flights");
        }

        SetFlight(FlightCount, flight);
        Data[_flights]++;
    }

    public void RemoveFlight(int index)
    {
        var last = FlightCount - 1;
        var source = Data.AsSpan(_flights + 1 + ((index + 1) * FlightSize), (last - index) * FlightSize);
        source.CopyTo(Data.AsSpan(_flights + 1 + (index * FlightSize)));
        Data.AsSpan(_flights + 1 + (last * FlightSize), FlightSize).Clear();
        Data[_flights] = (byte)last;
    }

    /// <summary>The order in which flights were opened has no meaning: sorting them merges states that differ only in it.</summary>
    public void SortFlights()
    {
        Span<byte> held = stackalloc byte[FlightSize];
        for (var i = 1; i < FlightCount; i++)
        {
            for (var j = i; j > 0; j--)
            {
                var low = Data.AsSpan(_flights + 1 + ((j - 1) * FlightSize), FlightSize);
                var high = Data.AsSpan(_flights + 1 + (j * FlightSize), FlightSize);
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
