using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace Coordinator.Log;

/// <summary>
/// CRC-32C over all of a row. A shard row's is seeded with the previous row's, so that a row removed or replaced by hand
/// breaks the chain; ShardOwned's is not, and leaves out what only the server knows (version, epoch, position), which the
/// next row's seed carries.
/// </summary>
internal static class RowChecksum
{
    /// <summary>The checksum a row must carry.</summary>
    /// <param name="row">The row; its own <see cref="LogRow.Checksum"/> is not read.</param>
    /// <param name="seed">Of a shard row: <see cref="SeedAfter(LogRow)"/> of the row before it. 0 for all others.</param>
    public static uint Of(LogRow row, uint seed)
    {
        Span<byte> header = stackalloc byte[112];
        var known = row.Kind is not RowKind.ShardOwned;
        BinaryPrimitives.WriteInt64LittleEndian(header, known ? row.Version : 0);
        BinaryPrimitives.WriteInt64LittleEndian(header[8..], known ? row.Epoch : 0);
        BinaryPrimitives.WriteUInt64LittleEndian(header[16..], known ? row.Position.Position : 0);
        BinaryPrimitives.WriteUInt64LittleEndian(header[24..], row.Previous.Position);
        BinaryPrimitives.WriteUInt16LittleEndian(header[32..], row.Position.Shard);
        BinaryPrimitives.WriteUInt16LittleEndian(header[34..], row.Previous.Shard);
        BinaryPrimitives.WriteInt32LittleEndian(header[36..], row.TypeVersion);
        BinaryPrimitives.WriteInt64LittleEndian(header[40..], row.WrittenAt);
        BinaryPrimitives.WriteUInt64LittleEndian(header[48..], row.AppendId.Writer);
        BinaryPrimitives.WriteUInt64LittleEndian(header[56..], row.AppendId.Number);
        row.Transaction.WriteTo(header[64..]);
        header[88] = (byte)row.Kind;
        BinaryPrimitives.WriteInt32LittleEndian(header[92..], row.Payload.Length);
        BinaryPrimitives.WriteInt32LittleEndian(header[96..], row.Type.Length);
        BinaryPrimitives.WriteInt64LittleEndian(header[104..], row.Checkpoint);

        var crc = Extend(~(known ? seed : 0), header);
        crc = Extend(crc, row.Stream.Value);
        crc = Extend(crc, row.Type);
        return ~Extend(crc, row.Payload.Span);
    }

    /// <summary>The seed for the shard row that follows this one.</summary>
    public static uint SeedAfter(uint checksum, RowKind kind, long version) =>
        kind is RowKind.ShardOwned ? BitOperations.Crc32C(checksum, (ulong)version) : checksum;

    /// <summary>The seed for the shard row that follows this one.</summary>
    public static uint SeedAfter(LogRow row) => SeedAfter(row.Checksum, row.Kind, row.Version);

    /// <summary>Carries a CRC on over a text.</summary>
    internal static uint Extend(uint crc, string text)
    {
        Span<byte> bytes = stackalloc byte[192]; // 64 characters are at most 192 bytes of UTF-8
        var rest = text.AsSpan();
        while (!rest.IsEmpty)
        {
            var part = rest[..Math.Min(64, rest.Length)];
            crc = Extend(crc, bytes[..Encoding.UTF8.GetBytes(part, bytes)]);
            rest = rest[part.Length..];
        }

        return crc;
    }

    /// <summary>Carries a CRC on over bytes.</summary>
    internal static uint Extend(uint crc, ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length >= sizeof(ulong))
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[sizeof(ulong)..];
        }

        foreach (var one in bytes)
        {
            crc = BitOperations.Crc32C(crc, one);
        }

        return crc;
    }
}
