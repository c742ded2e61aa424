using System.Collections.Immutable;

namespace Coordinator.Testing.Histories;

/// <summary>Who wrote a value.</summary>
/// <param name="Transaction">Its place in the history.</param>
/// <param name="Number">The place of this write among those of the key.</param>
/// <param name="IsLast">The transaction did not write to the key again: the others are intermediate.</param>
/// <param name="Version">As the writer was told.</param>
internal readonly record struct Written(int Transaction, int Number, bool IsLast, long? Version);

/// <summary>A read: of a list its elements, of a register its value.</summary>
internal readonly record struct KeyRead(int Transaction, ImmutableArray<long> Elements, long? Value, long? Version)
{
    /// <summary>What tells the version that was read: the last element, or the value; null at the beginning.</summary>
    public long? Last => Elements.IsDefault ? Value : Elements.IsEmpty ? null : Elements[^1];
}

/// <summary>A transaction that read a key before it wrote to it.</summary>
/// <param name="Transaction">Its place in the history.</param>
/// <param name="Base">What it read: a list's last element, or the value; null at the beginning.</param>
/// <param name="Value">What it wrote in the end.</param>
internal readonly record struct Update(int Transaction, long? Base, long Value);

/// <summary>All that a history has about one key.</summary>
internal sealed class KeyIndex(string name, bool isList)
{
    public string Name => name;

    public bool IsList => isList;

    /// <summary>By what was written.</summary>
    public Dictionary<long, Written> Writes { get; } = [];

    public List<KeyRead> Reads { get; } = [];

    public List<Update> Updates { get; } = [];
}
