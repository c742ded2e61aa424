using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests.Fuzzing;

/// <summary>
/// Feeds a decoder with what nobody wrote. The seed is fixed, so that a build does not hang on chance; another one is given in the
/// environment. Whatever is found becomes a named case of the decoder's own tests.
/// </summary>
internal static class Fuzz
{
    private const string SeedVariable = "COORDINATOR_SEED";
    private const int Cases = 4_000;
    private const long BytesMax = 64 << 20; // allocated by one case: far above any honest one, far below what a length that is believed costs
    private static readonly TimeSpan TimeMax = TimeSpan.FromSeconds(10); // of one case, which takes microseconds: a busy machine is no failure, a decoder that hangs is

    private static readonly string[] Pieces =
    [
        "null", "true", "-1", "0", "256", "275", "65536", "1e309", "NaN", "1.5", "-9223372036854775809", "9223372036854775808", "18446744073709551616",
        "\"\"", "\"\\u0000\"", "\"\\ud800\"", "\"with blank\"", "[]", "{}", "[[]]", "{\"streams\":[]}", ",", "\"streams\":[],", "\"kind\":19,", "\uFEFF", "//", "\0",
    ];

    /// <summary>Any bytes, and damaged copies of good ones: cut, flipped, repeated, spliced, nested, with odd values in place of good ones.</summary>
    public static void Bytes(string test, IReadOnlyList<byte[]> good, Action<byte[]> decode)
    {
        var seed = Seed(test);
        for (var i = 0; i < Cases; i++)
        {
            var random = new SeededRandom(seed + (ulong)i);
            Run(test, i, Damaged(random, good), decode);
        }
    }

    /// <summary>Texts of all kinds.</summary>
    public static void Texts(string test, IReadOnlyList<string> good, Action<string> decode) => Bytes(
        test, [.. good.Select(Encoding.Unicode.GetBytes)], bytes => decode(new string(MemoryMarshal.Cast<byte, char>(bytes)))); // half surrogate pairs included

    /// <summary>Draws values and looks whether each holds.</summary>
    public static void Values(string test, Action<SeededRandom> holds)
    {
        var seed = Seed(test);
        for (var i = 0; i < Cases; i++)
        {
            var random = new SeededRandom(seed + (ulong)i);
            Run(test, i, [], _ => holds(random));
        }
    }

    private static void Run(string test, int at, byte[] input, Action<byte[]> decode)
    {
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        var clock = Stopwatch.StartNew();
        try
        {
            decode(input);
        }
        catch (Exception error)
        {
            Assert.Fail($"{test}, case {at}: {error.GetType().Name} {error.Message}\n{Shown(input)}\n{error.StackTrace}");
        }

        Assert.True(clock.Elapsed < TimeMax, $"{test}, case {at} took {clock.Elapsed}: {Shown(input)}");
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - allocated < BytesMax, $"{test}, case {at} allocated more than {BytesMax} bytes: {Shown(input)}");
    }

    private static string Shown(byte[] input) =>
        $"as text: {Encoding.UTF8.GetString(input, 0, Math.Min(input.Length, 2_000))}\nas bytes: {Convert.ToHexStringLower(input.AsSpan(0, Math.Min(input.Length, 2_000)))}";

    private static ulong Seed(string test)
    {
        var seed = Environment.GetEnvironmentVariable(SeedVariable) is { Length: > 0 } text ? ulong.Parse(text, CultureInfo.InvariantCulture) : 1;
        Console.WriteLine($"{test}: seed {seed}; again: {SeedVariable}={seed} dotnet test tests/Coordinator.Tests --filter {test}");
        return seed << 32;
    }

    private static byte[] Damaged(SeededRandom random, IReadOnlyList<byte[]> good)
    {
        var bytes = good.Count == 0 || Draw(random, 10) == 0 ? Any(random, Draw(random, 200)) : [.. good[Draw(random, good.Count)]];
        for (var times = 1 + Draw(random, 3); times > 0; times--)
        {
            bytes = Damage(random, bytes);
        }

        return bytes;
    }

    private static byte[] Damage(SeededRandom random, byte[] bytes)
    {
        var at = Draw(random, bytes.Length + 1);
        var to = at + Draw(random, bytes.Length - at + 1);
        switch (Draw(random, 8))
        {
            case 0: // cut off
                return bytes[..at];
            case 1: // a part taken out
                return [.. bytes[..at], .. bytes[to..]];
            case 2: // a part twice: members of one name
                return [.. bytes[..to], .. bytes[at..]];
            case 3: // any bytes in between
                return [.. bytes[..at], .. Any(random, 1 + Draw(random, 8)), .. bytes[at..]];
            case 4: // an odd piece in place of a value
                return [.. bytes[..ValueFrom(bytes, at)], .. Encoding.UTF8.GetBytes(Pieces[Draw(random, Pieces.Length)]), .. bytes[ValueTo(bytes, at)..]];
            case 5: // nested deeper than any stack
                var depth = 1 << Draw(random, 17);
                return [.. bytes[..at], .. Enumerable.Repeat((byte)"[{"[Draw(random, 2)], depth), .. bytes[at..]];
            case 6: // a number that is far too long
                return [.. bytes[..at], .. Enumerable.Repeat((byte)('0' + Draw(random, 10)), 1 << Draw(random, 12)), .. bytes[at..]];
            default: // one bit
                if (at < bytes.Length)
                {
                    bytes[at] ^= (byte)(1 << Draw(random, 8));
                }

                return bytes;
        }
    }

    /// <summary>From behind the colon or comma before the place ...</summary>
    private static int ValueFrom(byte[] bytes, int at)
    {
        var from = Math.Min(at, bytes.Length - 1);
        while (from >= 0 && bytes[from] is not ((byte)':' or (byte)',' or (byte)'['))
        {
            from--;
        }

        return from + 1;
    }

    /// <summary>... to what ends the value.</summary>
    private static int ValueTo(byte[] bytes, int at)
    {
        var to = ValueFrom(bytes, at);
        while (to < bytes.Length && bytes[to] is not ((byte)',' or (byte)'}' or (byte)']'))
        {
            to++;
        }

        return to;
    }

    private static byte[] Any(SeededRandom random, int length)
    {
        var bytes = new byte[length];
        for (var i = 0; i < length; i++)
        {
            bytes[i] = (byte)random.Next();
        }

        return bytes;
    }

    private static int Draw(SeededRandom random, int count) => random.Below(Math.Max(1, count));
}
