using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Coordinator.Protocol;

namespace Coordinator.Testing.Simulation;

/// <summary>
/// Everything that happened in a simulation, in order: as a hash, which is the same for the same seed, and on request as text.
/// </summary>
/// <param name="time">Stands in front of each line.</param>
/// <param name="keepsText">Keep the lines; otherwise they are hashed and gone.</param>
internal sealed class SimulationTrace(VirtualTime time, bool keepsText)
{
    private readonly List<string> _lines = [];
    private ulong _hash = 0xCBF29CE484222325;

    /// <summary>Of everything noted so far.</summary>
    public ulong Hash => _hash;

    /// <summary>How many lines there were.</summary>
    public long Count { get; private set; }

    /// <summary>What was kept.</summary>
    public IReadOnlyList<string> Lines => _lines;

    /// <summary>Adds numbers that have no line of their own: which action ran, and which could have.</summary>
    public void Mix(long left, long right) => _hash = Step(Step(_hash, (ulong)left), (ulong)right);

    /// <summary>Adds a line.</summary>
    /// <param name="who">The process, or null for the world around it.</param>
    /// <param name="line">Hashed piece by piece; made into text only if the lines are kept.</param>
    public void Note(SimulatedProcess? who, [InterpolatedStringHandlerArgument("")] ref Line line)
    {
        Count++;
        _hash = Step(Step(line.Hash, (ulong)time.Now.Ticks), (ulong)(who?.Number ?? 0));
        if (keepsText)
        {
            _lines.Add(string.Create(CultureInfo.InvariantCulture, $"{time.Now.TotalSeconds,11:F6} {who?.Name ?? "-",-6} {line.Text}"));
        }
    }

    /// <summary>Adds a line for people only, if lines are kept: what it says follows from what was noted.</summary>
    public void Remark(SimulatedProcess? who, Func<string> text)
    {
        if (keepsText)
        {
            _lines.Add(string.Create(CultureInfo.InvariantCulture, $"{time.Now.TotalSeconds,11:F6} {who?.Name ?? "-",-6}   {text()}"));
        }
    }

    private static ulong Step(ulong hash, ulong value) => (hash ^ value ^ (value >> 29)) * 0x9E3779B97F4A7C15 ^ (hash >> 32);

    private static ulong Step(ulong hash, ReadOnlySpan<char> text)
    {
        while (text.Length >= 4)
        {
            hash = Step(hash, MemoryMarshal.Read<ulong>(MemoryMarshal.AsBytes(text)));
            text = text[4..];
        }

        foreach (var one in text)
        {
            hash = Step(hash, one);
        }

        return hash;
    }

    /// <summary>A line in the making.</summary>
    [InterpolatedStringHandler]
    internal ref struct Line
    {
        private readonly StringBuilder? _text;

        public Line(int literalLength, int formattedCount, SimulationTrace trace)
        {
            Hash = Step(trace._hash, (ulong)(literalLength + (formattedCount << 16)));
            _text = trace.KeepsText ? new StringBuilder(literalLength + (formattedCount * 8)) : null;
        }

        /// <summary>Of what was appended so far.</summary>
        public ulong Hash { get; private set; }

        /// <summary>The line.</summary>
        public readonly string Text => _text?.ToString() ?? string.Empty;

        public void AppendLiteral(string text)
        {
            Hash = Step(Hash, text);
            _text?.Append(text);
        }

        public void AppendFormatted<T>(T value)
        {
            Hash = value switch
            {
                int number => Step(Hash, (ulong)number),
                long number => Step(Hash, (ulong)number),
                ulong number => Step(Hash, number),
                bool truth => Step(Hash, truth ? 1UL : 2UL),
                TimeSpan span => Step(Hash, (ulong)span.Ticks),
                string text => Step(Hash, text),
                StreamName stream => Step(Hash, stream.Value),
                TransactionId id => Step(Step(Step(Hash, id.Epoch), id.ClaimBits), id.Sequence),
                _ => Step(Hash, value?.ToString() ?? string.Empty),
            };
            _text?.Append(value is TransactionId name ? $"T{name.Epoch}.{name.Sequence}" : value?.ToString());
        }
    }

    private bool KeepsText => keepsText;
}
