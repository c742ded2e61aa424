namespace Coordinator.Testing.Histories;

/// <summary>What is known of the order of a key's committed versions, each named by the value that made it.</summary>
internal sealed class VersionOrder(KeyIndex key)
{
    public KeyIndex Key => key;

    /// <summary>Which version came before which; null is the beginning.</summary>
    public List<(long? Before, long After)> Successions { get; } = [];

    /// <summary>Which committed transaction read which version.</summary>
    public List<(int Transaction, long? Value)> Reads { get; } = [];
}
