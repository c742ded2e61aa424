using System.Collections.Immutable;
using Coordinator.Protocol;

namespace Coordinator;

/// <summary>Where a transaction stands that its owner has in memory: for people who want to know what it waits for.</summary>
[GenerateSerializer, Immutable, Alias("coordinator.progress.v1")]
public sealed record TransactionProgress
{
    /// <summary>Active, Preparing, Committing and so on, as docs/protocol.md names them.</summary>
    [Id(0)]
    public required string Phase { get; init; }

    /// <summary>For how long its owner has had it: since its begin, or since it was recovered.</summary>
    [Id(1)]
    public required TimeSpan Age { get; init; }

    /// <summary>In the order of their enlistment.</summary>
    [Id(2)]
    public required ImmutableArray<ParticipantProgress> Participants { get; init; }

    /// <summary>Why it is being aborted; null if it isn't.</summary>
    [Id(3)]
    public AbortCause? Cause { get; init; }
}

/// <summary>One participant of a transaction.</summary>
[GenerateSerializer, Immutable, Alias("coordinator.participant-progress.v1")]
public sealed record ParticipantProgress
{
    /// <summary>Its address: the stream of a grain's state.</summary>
    [Id(0)]
    public required string Participant { get; init; }

    /// <summary>The silo that it is on, as address, port and generation; null if that is no member any more.</summary>
    [Id(1)]
    public string? Silo { get; init; }

    /// <summary>What it voted: Yes, No or ReadOnly; Pending while that is awaited.</summary>
    [Id(2)]
    public required string Ballot { get; init; }
}
