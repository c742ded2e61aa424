using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Coordinator.Protocol;

/// <summary>
/// Names one attempt at a transaction, for ever: never reused, never a secret. 192 bits that say which log (48 bits and
/// its generation, 8), which shard (16), under which ownership of that shard (epoch, 40, and the owner's claim bits, 40)
/// and the number in that ownership (40). The text form is fixed: six lower-case hexadecimal fields joined by dashes,
/// 53 characters.
/// </summary>
public readonly struct TransactionId : IEquatable<TransactionId>, IComparable<TransactionId>, ISpanFormattable, ISpanParsable<TransactionId>
{
    /// <summary>Characters of the text form.</summary>
    public const int TextLength = 53;

    /// <summary>Bytes of the binary form, fields in the order of the text, big-endian.</summary>
    public const int ByteLength = 24;

    internal const ulong Max40 = (1UL << 40) - 1;

    private static readonly int[] FieldDigits = [12, 2, 4, 10, 10, 10];

    private readonly ulong _logAndShard;
    private readonly ulong _epochGenerationClaimHigh;
    private readonly ulong _claimLowSequence;

    internal TransactionId(LogIdentity log, ushort shard, ulong epoch, ulong claimBits, ulong sequence)
    {
        Invariant.Holds(log.LogId >> LogIdentity.LogIdBits == 0, "a log id has 48 bits");
        Invariant.Holds(epoch <= Max40 && claimBits <= Max40 && sequence <= Max40, "epoch, claim bits and sequence have 40 bits each");
        _logAndShard = (log.LogId << 16) | shard;
        _epochGenerationClaimHigh = (epoch << 24) | ((ulong)log.Generation << 16) | (claimBits >> 24);
        _claimLowSequence = ((claimBits & 0xFFFFFF) << 40) | sequence;
    }

    /// <summary>The log whose shard decides, and its generation.</summary>
    internal LogIdentity Log => new(_logAndShard >> 16, (byte)(_epochGenerationClaimHigh >> 16));

    /// <summary>The shard whose owner coordinates the transaction.</summary>
    internal ushort Shard => (ushort)_logAndShard;

    /// <summary>The version of the ShardOwned row under which the transaction was begun.</summary>
    internal ulong Epoch => _epochGenerationClaimHigh >> 24;

    /// <summary>The random bits of that ShardOwned row.</summary>
    internal ulong ClaimBits => ((_epochGenerationClaimHigh & 0xFFFF) << 24) | (_claimLowSequence >> 40);

    /// <summary>The transaction's number in its epoch, from 1.</summary>
    internal ulong Sequence => _claimLowSequence & Max40;

    /// <summary>True for <c>default</c>, which names no transaction.</summary>
    public bool IsEmpty => (_logAndShard | _epochGenerationClaimHigh | _claimLowSequence) == 0;

    /// <inheritdoc/>
    public static bool operator ==(TransactionId left, TransactionId right) => left.Equals(right);

    /// <inheritdoc/>
    public static bool operator !=(TransactionId left, TransactionId right) => !left.Equals(right);

    /// <inheritdoc/>
    public static bool operator <(TransactionId left, TransactionId right) => left.CompareTo(right) < 0;

    /// <inheritdoc/>
    public static bool operator >(TransactionId left, TransactionId right) => left.CompareTo(right) > 0;

    /// <inheritdoc/>
    public static bool operator <=(TransactionId left, TransactionId right) => left.CompareTo(right) <= 0;

    /// <inheritdoc/>
    public static bool operator >=(TransactionId left, TransactionId right) => left.CompareTo(right) >= 0;

    /// <summary>Reads the text form.</summary>
    /// <exception cref="FormatException">The text is not a transaction id; the message says what one looks like.</exception>
    public static TransactionId Parse(ReadOnlySpan<char> s, IFormatProvider? provider = null) =>
        TryParse(s, provider, out var id)
            ? id
            : throw new FormatException(
                "Not a transaction id: expected 53 characters, lower-case hexadecimal fields of 12, 2, 4, 10, 10 and 10 digits joined by '-'.");

    /// <inheritdoc cref="Parse(ReadOnlySpan{char}, IFormatProvider?)"/>
    public static TransactionId Parse(string s, IFormatProvider? provider = null)
    {
        ArgumentNullException.ThrowIfNull(s);
        return Parse(s.AsSpan(), provider);
    }

    /// <inheritdoc/>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out TransactionId result) =>
        TryParse(s.AsSpan(), provider, out result);

    /// <summary>Reads the text form; false for anything else, upper case and surrounding blanks included.</summary>
    public static bool TryParse(ReadOnlySpan<char> s, IFormatProvider? provider, out TransactionId result)
    {
        result = default;
        if (s.Length != TextLength)
        {
            return false;
        }

        Span<ulong> fields = stackalloc ulong[6];
        var at = 0;
        for (var i = 0; i < fields.Length; i++)
        {
            if (!TryParseHexadecimal(s.Slice(at, FieldDigits[i]), out fields[i]))
            {
                return false;
            }

            at += FieldDigits[i];
            if (i < fields.Length - 1 && s[at++] != '-')
            {
                return false;
            }
        }

        result = new TransactionId(new LogIdentity(fields[0], (byte)fields[1]), (ushort)fields[2], fields[3], fields[4], fields[5]);
        return true;
    }

    /// <summary>Reads the binary form; false unless there are exactly 24 bytes.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out TransactionId result)
    {
        result = default;
        if (source.Length != ByteLength)
        {
            return false;
        }

        var logId = BinaryPrimitives.ReadUInt64BigEndian(source) >> 16;
        result = new TransactionId(
            new LogIdentity(logId, source[6]),
            BinaryPrimitives.ReadUInt16BigEndian(source[7..]),
            Read40(source[9..]),
            Read40(source[14..]),
            Read40(source[19..]));
        return true;
    }

    /// <summary>Writes the binary form.</summary>
    /// <exception cref="ArgumentException"><paramref name="destination"/> is shorter than 24 bytes.</exception>
    public void WriteTo(Span<byte> destination)
    {
        if (destination.Length < ByteLength)
        {
            throw new ArgumentException("24 bytes are needed.", nameof(destination));
        }

        BinaryPrimitives.WriteUInt64BigEndian(destination, (Log.LogId << 16) | ((ulong)Log.Generation << 8) | (uint)(Shard >> 8));
        destination[8] = (byte)Shard;
        Write40(destination[9..], Epoch);
        Write40(destination[14..], ClaimBits);
        Write40(destination[19..], Sequence);
    }

    /// <summary>The binary form as a new array.</summary>
    public byte[] ToByteArray()
    {
        var bytes = new byte[ByteLength];
        WriteTo(bytes);
        return bytes;
    }

    /// <inheritdoc/>
    public bool Equals(TransactionId other) =>
        _claimLowSequence == other._claimLowSequence
        && _epochGenerationClaimHigh == other._epochGenerationClaimHigh
        && _logAndShard == other._logAndShard;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is TransactionId other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(_logAndShard, _epochGenerationClaimHigh, _claimLowSequence);

    /// <summary>Orders by the binary form.</summary>
    public int CompareTo(TransactionId other)
    {
        var order = Log.LogId.CompareTo(other.Log.LogId);
        order = order != 0 ? order : Log.Generation.CompareTo(other.Log.Generation);
        order = order != 0 ? order : Shard.CompareTo(other.Shard);
        order = order != 0 ? order : Epoch.CompareTo(other.Epoch);
        order = order != 0 ? order : ClaimBits.CompareTo(other.ClaimBits);
        return order != 0 ? order : Sequence.CompareTo(other.Sequence);
    }

    /// <summary>The text form.</summary>
    public override string ToString() => string.Create(TextLength, this, static (span, id) => id.TryFormat(span, out _, default, null));

    /// <inheritdoc/>
    public string ToString(string? format, IFormatProvider? formatProvider) => ToString();

    /// <inheritdoc/>
    public bool TryFormat(Span<char> destination, out int charsWritten, ReadOnlySpan<char> format, IFormatProvider? provider) =>
        destination.TryWrite(
            CultureInfo.InvariantCulture,
            $"{Log.LogId:x12}-{Log.Generation:x2}-{Shard:x4}-{Epoch:x10}-{ClaimBits:x10}-{Sequence:x10}",
            out charsWritten);

    private static bool TryParseHexadecimal(ReadOnlySpan<char> digits, out ulong value)
    {
        value = 0;
        foreach (var digit in digits)
        {
            // Upper case is refused: one fixed text form, so that ids can be compared as text everywhere.
            var nibble = digit switch
            {
                >= '0' and <= '9' => digit - '0',
                >= 'a' and <= 'f' => digit - 'a' + 10,
                _ => -1,
            };
            if (nibble < 0)
            {
                return false;
            }

            value = (value << 4) | (uint)nibble;
        }

        return true;
    }

    private static ulong Read40(ReadOnlySpan<byte> source) =>
        ((ulong)source[0] << 32) | BinaryPrimitives.ReadUInt32BigEndian(source[1..]);

    private static void Write40(Span<byte> destination, ulong value)
    {
        destination[0] = (byte)(value >> 32);
        BinaryPrimitives.WriteUInt32BigEndian(destination[1..], (uint)value);
    }
}
