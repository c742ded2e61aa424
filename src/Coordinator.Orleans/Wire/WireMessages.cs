using Coordinator.Protocol;

namespace Coordinator.Orleans.Wire;

/// <summary>
/// What one silo's engine has for another's. Any batch may be lost, come twice or late: the machines at both ends bear that.
/// </summary>
[GenerateSerializer, Immutable, Alias("coordinator.host-batch.v1")]
internal sealed class HostBatch
{
    /// <summary>Who sends: whom to answer, even where the membership here does not list it yet.</summary>
    [Id(0)]
    public required SiloAddress From { get; init; }

    [Id(1)]
    public required WireMessage[] Messages { get; init; }
}

/// <summary>One message of the commit protocol. All that travel name a transaction and one enlistment of one participant.</summary>
[GenerateSerializer, Immutable, Alias("coordinator.message.v1")]
internal abstract class WireMessage
{
    [Id(0)]
    public required TransactionId Transaction { get; init; }

    [Id(1)]
    public required string Participant { get; init; }

    [Id(2)]
    public required ulong Incarnation { get; init; }

    /// <summary>The host that the participant lives on.</summary>
    [Id(3)]
    public required ulong IncarnationHost { get; init; }

    /// <summary>About how large it is on the wire, where that matters.</summary>
    public virtual long PayloadBytes => 0;
}

/// <summary>To the coordinator.</summary>
[GenerateSerializer, Immutable, Alias("coordinator.enlist-requested.v1")]
internal sealed class WireEnlistRequested : WireMessage
{
    [Id(0)]
    public required byte Kind { get; init; }

    [Id(1)]
    public required int ParticipantsMax { get; init; }
}

/// <summary>To the coordinator.</summary>
[GenerateSerializer, Immutable, Alias("coordinator.vote-received.v1")]
internal sealed class WireVoteReceived : WireMessage
{
    [Id(0)]
    public required byte Ballot { get; init; }

    [Id(1)]
    public WireRedo? Redo { get; init; }

    [Id(2)]
    public AbortCause? Cause { get; init; }

    /// <inheritdoc/>
    public override long PayloadBytes => Redo?.Events.Sum(static @event => (long)@event.Payload.Length) ?? 0;
}

/// <summary>To the coordinator, from a participant in doubt.</summary>
[GenerateSerializer, Immutable, Alias("coordinator.outcome-inquired.v1")]
internal sealed class WireOutcomeInquired : WireMessage;

/// <summary>To the participant.</summary>
[GenerateSerializer, Immutable, Alias("coordinator.enlistment-answered.v1")]
internal sealed class WireEnlistmentAnswered : WireMessage
{
    /// <summary>Null: it is enlisted.</summary>
    [Id(0)]
    public byte? Refusal { get; init; }
}

/// <summary>To the participant.</summary>
[GenerateSerializer, Immutable, Alias("coordinator.prepare-requested.v1")]
internal sealed class WirePrepareRequested : WireMessage;

/// <summary>To the participant.</summary>
[GenerateSerializer, Immutable, Alias("coordinator.decision-delivered.v1")]
internal sealed class WireDecisionDelivered : WireMessage
{
    [Id(0)]
    public required byte Decision { get; init; }

    [Id(1)]
    public required WirePosition Position { get; init; }
}

/// <summary>To the participant.</summary>
[GenerateSerializer, Immutable, Alias("coordinator.inquiry-answered.v1")]
internal sealed class WireInquiryAnswered : WireMessage
{
    [Id(0)]
    public required byte Decision { get; init; }
}

/// <summary>To the participant.</summary>
[GenerateSerializer, Immutable, Alias("coordinator.outcome-not-on-record.v1")]
internal sealed class WireOutcomeNotOnRecord : WireMessage;
