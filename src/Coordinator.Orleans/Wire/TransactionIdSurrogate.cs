using System.Buffers.Binary;
using Coordinator.Protocol;

namespace Coordinator.Orleans.Wire;

/// <summary>A transaction's id: its 24 bytes as three numbers.</summary>
[GenerateSerializer, Immutable, Alias("coordinator.transaction-id.v1")]
internal struct TransactionIdSurrogate
{
    [Id(0)]
    public ulong First;

    [Id(1)]
    public ulong Second;

    [Id(2)]
    public ulong Third;
}

/// <summary>Ids are arguments and results of users' own calls, too.</summary>
[RegisterConverter]
internal sealed class TransactionIdConverter : IConverter<TransactionId, TransactionIdSurrogate>
{
    public TransactionId ConvertFromSurrogate(in TransactionIdSurrogate surrogate)
    {
        Span<byte> bytes = stackalloc byte[TransactionId.ByteLength];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, surrogate.First);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], surrogate.Second);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[16..], surrogate.Third);
        return TransactionId.TryRead(bytes, out var id) ? id : default;
    }

    public TransactionIdSurrogate ConvertToSurrogate(in TransactionId value)
    {
        Span<byte> bytes = stackalloc byte[TransactionId.ByteLength];
        value.WriteTo(bytes);
        return new TransactionIdSurrogate
        {
            First = BinaryPrimitives.ReadUInt64BigEndian(bytes),
            Second = BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]),
            Third = BinaryPrimitives.ReadUInt64BigEndian(bytes[16..]),
        };
    }
}
