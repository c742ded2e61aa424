using System.Collections.Immutable;

namespace Coordinator.Testing.Histories;

/// <summary>
/// One thing that a transaction did to one key. A key is a list, to which elements are appended, or a register, which holds one value;
/// never both. What is written to a key is written to it once in a whole history: that is what tells who wrote what was read.
/// </summary>
public abstract record MicroOperation
{
    private MicroOperation(string key) => Key = key;

    /// <summary>Names the list or register; holds no white space and no comma.</summary>
    public string Key { get; init; }

    /// <summary>Appends an element to a list.</summary>
    /// <param name="Key">The list.</param>
    /// <param name="Element">Appended to this list once in the whole history.</param>
    public sealed record Append(string Key, long Element) : MicroOperation(Key);

    /// <summary>Reads a list.</summary>
    /// <param name="Key">The list.</param>
    /// <param name="Elements">All of it, in its order; default if the result is not known, and then it says nothing.</param>
    public sealed record ReadList(string Key, ImmutableArray<long> Elements) : MicroOperation(Key);

    /// <summary>Writes a register.</summary>
    /// <param name="Key">The register.</param>
    /// <param name="Value">Written to this register once in the whole history.</param>
    /// <param name="Version">The number of this value among all values of the register, where the store tells it.</param>
    public sealed record Write(string Key, long Value, long? Version = null) : MicroOperation(Key);

    /// <summary>Reads a register.</summary>
    /// <param name="Key">The register.</param>
    /// <param name="Value">What it held; null before the first write.</param>
    /// <param name="Version">The number of that value, where the store tells it; 0 before the first write.</param>
    public sealed record Read(string Key, long? Value, long? Version = null) : MicroOperation(Key);

    /// <inheritdoc/>
    public sealed override string ToString() => HistoryText.Format(this);
}
