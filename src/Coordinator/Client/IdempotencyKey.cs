using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Coordinator.Log;
using Coordinator.Protocol;

namespace Coordinator;

/// <summary>
/// Names one piece of work, however often it is asked for: at most one transaction commits under a key, and whoever asks again, on whichever host, is told of
/// that one. The key is written with the commit itself, and remembered for <see cref="CoordinatorOptions.IdempotencyWindow"/>.
/// </summary>
public sealed class IdempotencyKey
{
    /// <summary>The longest key, and the longest name of a tenant, in characters.</summary>
    public const int LengthMax = 256;

    /// <summary>Creates it.</summary>
    /// <param name="value">1 to 256 characters, compared one by one.</param>
    /// <exception cref="ArgumentException">It is empty, too long, or no Unicode text.</exception>
    public IdempotencyKey(string value)
    {
        ArgumentException.ThrowIfNullOrEmpty(value);
        Value = Limited(value, nameof(value));
    }

    /// <summary>The key.</summary>
    public string Value { get; }

    /// <summary>Keys of different tenants are different keys. Default null: of none.</summary>
    /// <exception cref="ArgumentException">It is too long, or no Unicode text.</exception>
    public string? Tenant
    {
        get;
        init => field = value is null ? null : Limited(value, nameof(value));
    }

    /// <summary>
    /// What is asked for under the key, for instance the body of the request. Asked again with other bytes it is refused
    /// (<see cref="IdempotencyMismatchException"/>). Only its SHA-256 is kept, taken when it is set. Default empty.
    /// </summary>
    public ReadOnlyMemory<byte> Request
    {
        get;
        init => (field, RequestHash) = (value, SHA256.HashData(value.Span)); // now: the caller may use its buffer again
    }

    /// <summary>
    /// When the key was made. One that is older than <see cref="CoordinatorOptions.IdempotencyWindow"/> is refused, as the log may have forgotten what
    /// was done under it, and so is one that is dated more than 5 minutes ahead. Default null: whoever asks vouches that it is younger.
    /// </summary>
    public DateTimeOffset? IssuedAt { get; init; }

    /// <summary>The stream whose first row is who committed under the key.</summary>
    internal StreamName Stream => new(LogStreams.KeyPrefix + Convert.ToHexStringLower(NameHash()));

    internal byte[] RequestHash { get; private init; } = SHA256.HashData([]);

    /// <summary>
    /// A hash of the key and its tenant, which may be secrets: the same for the same key, and enough to tell two of them apart in a log. It is how the name of
    /// the key's stream begins.
    /// </summary>
    public override string ToString() => $"key {Convert.ToHexStringLower(NameHash().AsSpan(0, 6))}";

    /// <summary>The lengths keep "a" of "bc" and "ab" of "c" apart, and a tenant named "" from none.</summary>
    private byte[] NameHash()
    {
        var bytes = new byte[sizeof(int) + Encoding.UTF8.GetByteCount(Tenant ?? string.Empty) + Encoding.UTF8.GetByteCount(Value)];
        BinaryPrimitives.WriteInt32BigEndian(bytes, Tenant?.Length ?? -1);
        var used = sizeof(int) + Encoding.UTF8.GetBytes(Tenant ?? string.Empty, bytes.AsSpan(sizeof(int)));
        Encoding.UTF8.GetBytes(Value, bytes.AsSpan(used));
        return SHA256.HashData(bytes);
    }

    private static string Limited(string value, string parameter)
    {
        if (value.Length > LengthMax)
        {
            throw new ArgumentException($"A key, and a tenant, has at most {LengthMax} characters; this one has {value.Length}.", parameter);
        }

        // Half a surrogate pair has no bytes in UTF-8: all such keys would be one, and a request would be told of another's commit.
        return IsWellFormed(value)
            ? value
            : throw new ArgumentException("A key, and a tenant, is Unicode text; this one holds half of a surrogate pair.", parameter);
    }

    private static bool IsWellFormed(ReadOnlySpan<char> value)
    {
        while (Rune.DecodeFromUtf16(value, out _, out var used) is System.Buffers.OperationStatus.Done)
        {
            value = value[used..];
        }

        return value.IsEmpty;
    }
}
