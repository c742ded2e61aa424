using Coordinator.Hosting;

namespace Coordinator.Testing.Simulation;

/// <summary>Chance from a seed (SplitMix64), the same on every version of the runtime.</summary>
internal sealed class SeededRandom(ulong seed) : IRandomSource
{
    private ulong _state = seed;

    /// <inheritdoc/>
    public ulong Next()
    {
        _state += 0x9E3779B97F4A7C15;
        var bits = _state;
        bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9;
        bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB;
        return bits ^ (bits >> 31);
    }

    /// <summary>From 0 on, below <paramref name="bound"/>.</summary>
    public int Below(int bound) => (int)Math.BigMul(Next(), (ulong)bound, out _);

    /// <summary>From <paramref name="min"/> on, below <paramref name="bound"/>.</summary>
    public int Between(int min, int bound) => min + Below(bound - min);

    /// <summary>From 0 on, below 1.</summary>
    public double Share() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>True in this share of cases.</summary>
    public bool Chance(double share) => share > 0 && Share() < share;

    /// <summary>An instant between two.</summary>
    public TimeSpan Between(TimeSpan min, TimeSpan max) => min + TimeSpan.FromTicks((long)((max - min).Ticks * Share()));

    /// <summary>One of them.</summary>
    public T Of<T>(params ReadOnlySpan<T> choices) => choices[Below(choices.Length)];

    /// <summary>Another source, so that what one part draws does not shift what another part draws.</summary>
    public SeededRandom Fork() => new(Next());
}
