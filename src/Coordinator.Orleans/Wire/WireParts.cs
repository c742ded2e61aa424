namespace Coordinator.Orleans.Wire;

/// <summary>What a participant wants appended. Whether the row it expects is durable yet, only its own silo knows: that stays there.</summary>
[GenerateSerializer, Immutable, Alias("coordinator.redo.v1")]
internal sealed class WireRedo
{
    [Id(0)]
    public required string Stream { get; init; }

    [Id(1)]
    public required long ExpectedVersion { get; init; }

    [Id(2)]
    public required WirePosition Previous { get; init; }

    [Id(3)]
    public required WireEvent[] Events { get; init; }
}

/// <summary>One event as the log keeps it.</summary>
[GenerateSerializer, Immutable, Alias("coordinator.event.v1")]
internal sealed class WireEvent
{
    [Id(0)]
    public required string Type { get; init; }

    [Id(1)]
    public required int TypeVersion { get; init; }

    [Id(2)]
    public required byte[] Payload { get; init; }
}

/// <summary>Where a batch stands in the log.</summary>
[GenerateSerializer, Immutable, Alias("coordinator.position.v1")]
internal struct WirePosition
{
    [Id(0)]
    public ushort Shard;

    [Id(1)]
    public ulong Position;
}
