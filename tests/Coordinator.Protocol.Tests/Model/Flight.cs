using System.Buffers.Binary;

namespace Coordinator.Protocol.Tests.Model;

/// <summary>A flight: one SQL transaction in the store's hands, whose sender may or may not still wait for its answer.</summary>
internal struct Flight
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

    public static Flight Read(ReadOnlySpan<byte> from) => new()
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
