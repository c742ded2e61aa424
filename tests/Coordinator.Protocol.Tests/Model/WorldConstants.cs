namespace Coordinator.Protocol.Tests.Model;

/// <summary>Kinds of shard rows. 0 is a hole, which no correct run has.</summary>
internal static class RowKind
{
    public const byte Owned = 1;
    public const byte Event = 2;
    public const byte Empty = 3;
}

/// <summary>Kinds of rows in participant streams.</summary>
internal static class StreamRow
{
    public const byte Events = 0;
    public const byte Held = 1;
    public const byte Released = 2;
}

/// <summary>Kinds of SQL transactions that the store has in hand.</summary>
internal static class FlightKind
{
    public const byte Group = 1;
    public const byte Empty = 2;
    public const byte Claim = 3;
}

/// <summary>What the store has said of a flight and its sender has not heard yet.</summary>
internal static class Reply
{
    public const byte None = 0;
    public const byte Awaited = 1;
    public const byte Acknowledged = 2;
    public const byte RolledBack = 3;
    public const byte Unclear = 4;
    public const byte InTheWay = 5;
}

/// <summary>Counters at the head of a world: what is left of each budget, the generation, the claims so far.</summary>
internal static class Fault
{
    public const int Generation = 0;
    public const int Claims = 1;
    public const int Steal = 2;
    public const int OwnerCrash = 3;
    public const int MemoryLoss = 4;
    public const int Unclear = 5;
    public const int Rollback = 6;
    public const int StoreCrash = 7;
    public const int Restore = 8;
    public const int UndeclaredRestore = 9;
    public const int Unreadable = 10;
    public const int Count = 12;
}

internal static class Client
{
    public const byte Asked = 100;
    public const byte GaveUp = 101;

    // What it was told, one bit each.
    public const byte Committed = 1;
    public const byte Aborted = 2;
    public const byte Unknown = 4;

    /// <summary>Forgotten, or held for an operator.</summary>
    public const byte Withheld = 8;
}

/// <summary>What has been durable at some time, one bit each.</summary>
internal static class Once
{
    public const byte Committed = 1;
    public const byte Aborted = 2;

    /// <summary>A restore or an unreadable row has taken away what the log knew: an operator decides.</summary>
    public const byte Damaged = 4;
}

/// <summary>A fixed size of the encoding is too small: the search stops rather than cut states off silently.</summary>
internal sealed class BoundExceededException(string what) : Exception($"The encoding has no room for more {what}.");
