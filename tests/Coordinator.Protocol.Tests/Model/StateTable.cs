using System.Buffers.Binary;

namespace Coordinator.Protocol.Tests.Model;

/// <summary>The states seen so far, by a 128-bit hash of their encoding (for 10^7 states a collision has a chance of 10^-25).</summary>
internal sealed class StateTable
{
    private UInt128[] _hashes = new UInt128[1 << 12];
    private int[] _buckets = new int[1 << 14];

    public int Count { get; private set; }

    public UInt128 this[int state] => _hashes[state];

    public static UInt128 HashOf(ReadOnlySpan<byte> data)
    {
        ulong low = 0x9E3779B97F4A7C15;
        ulong high = 0xD6E8FEB86659FD93;
        for (var at = 0; at < data.Length; at += 8)
        {
            var word = BinaryPrimitives.ReadUInt64LittleEndian(data[at..]);
            low = Mix(low ^ word, 0xA0761D6478BD642F);
            high = Mix(high + word, 0xE7037ED1A0B428DB);
        }

        return new UInt128(Mix(high, 0x8EBC6AF09C88C6E3) ^ low, Mix(low, 0x589965CC75374CC3) ^ high);
    }

    /// <summary>The number of the state with this hash; true if it is new.</summary>
    public bool Add(UInt128 hash, out int state)
    {
        var mask = _buckets.Length - 1;
        var bucket = (int)(ulong)hash & mask;
        while (_buckets[bucket] != 0)
        {
            state = _buckets[bucket] - 1;
            if (_hashes[state] == hash)
            {
                return false;
            }

            bucket = (bucket + 1) & mask;
        }

        state = Count++;
        if (state == _hashes.Length)
        {
            Array.Resize(ref _hashes, 2 * state);
        }

        _hashes[state] = hash;
        _buckets[bucket] = Count;
        if (Count * 2 > _buckets.Length)
        {
            Grow();
        }

        return true;
    }

    private void Grow()
    {
        _buckets = new int[_buckets.Length * 2];
        var mask = _buckets.Length - 1;
        for (var state = 0; state < Count; state++)
        {
            var bucket = (int)(ulong)_hashes[state] & mask;
            while (_buckets[bucket] != 0)
            {
                bucket = (bucket + 1) & mask;
            }

            _buckets[bucket] = state + 1;
        }
    }

    private static ulong Mix(ulong left, ulong right)
    {
        var high = Math.BigMul(left ^ 0x2545F4914F6CDD1D, right, out var low);
        return high ^ low;
    }
}
