using Coordinator.Protocol;

namespace Coordinator.Orleans.Wire;

/// <summary>Why a transaction was aborted.</summary>
[GenerateSerializer, Immutable, Alias("coordinator.cause.v1")]
internal struct AbortCauseSurrogate
{
    [Id(0)]
    public int Reason;

    [Id(1)]
    public string? Participant;

    [Id(2)]
    public string? Detail;
}

/// <summary>
/// A reason that a newer silo knows and this one doesn't stays what it is, a number: why something was aborted is told to people, and must not be lost
/// with what carries it.
/// </summary>
[RegisterConverter]
internal sealed class AbortCauseConverter : IConverter<AbortCause, AbortCauseSurrogate>
{
    public AbortCause ConvertFromSurrogate(in AbortCauseSurrogate surrogate) => new(
        (AbortReason)surrogate.Reason,
        StreamName.TryCreate(surrogate.Participant, out var participant) ? new ParticipantId(participant) : null,
        surrogate.Detail);

    public AbortCauseSurrogate ConvertToSurrogate(in AbortCause value) => new()
    {
        Reason = (int)value.Reason,
        Participant = value.Participant?.Address.Value,
        Detail = value.Detail,
    };
}

/// <summary>Committed.</summary>
[GenerateSerializer, Immutable, Alias("coordinator.committed.v1")]
internal struct CommittedSurrogate
{
    [Id(0)]
    public TransactionId Id;

    [Id(1)]
    public bool IsEarlierAttempt;
}

/// <inheritdoc cref="CommittedSurrogate"/>
[RegisterConverter]
internal sealed class CommittedConverter : IConverter<TransactionOutcome.Committed, CommittedSurrogate>
{
    public TransactionOutcome.Committed ConvertFromSurrogate(in CommittedSurrogate surrogate) => new(surrogate.Id) { IsEarlierAttempt = surrogate.IsEarlierAttempt };

    public CommittedSurrogate ConvertToSurrogate(in TransactionOutcome.Committed value) => new() { Id = value.Id, IsEarlierAttempt = value.IsEarlierAttempt };
}

/// <summary>Aborted.</summary>
[GenerateSerializer, Immutable, Alias("coordinator.aborted.v1")]
internal struct AbortedSurrogate
{
    [Id(0)]
    public TransactionId Id;

    [Id(1)]
    public AbortCause Cause;
}

/// <inheritdoc cref="AbortedSurrogate"/>
[RegisterConverter]
internal sealed class AbortedConverter : IConverter<TransactionOutcome.Aborted, AbortedSurrogate>
{
    public TransactionOutcome.Aborted ConvertFromSurrogate(in AbortedSurrogate surrogate) => new(surrogate.Id, surrogate.Cause);

    public AbortedSurrogate ConvertToSurrogate(in TransactionOutcome.Aborted value) => new() { Id = value.Id, Cause = value.Cause };
}

/// <summary>Joined.</summary>
[GenerateSerializer, Immutable, Alias("coordinator.joined.v1")]
internal struct JoinedSurrogate
{
    [Id(0)]
    public TransactionId Id;
}

/// <inheritdoc cref="JoinedSurrogate"/>
[RegisterConverter]
internal sealed class JoinedConverter : IConverter<TransactionOutcome.Joined, JoinedSurrogate>
{
    public TransactionOutcome.Joined ConvertFromSurrogate(in JoinedSurrogate surrogate) => new(surrogate.Id);

    public JoinedSurrogate ConvertToSurrogate(in TransactionOutcome.Joined value) => new() { Id = value.Id };
}

/// <summary>Unknown.</summary>
[GenerateSerializer, Immutable, Alias("coordinator.unknown.v1")]
internal struct UnknownSurrogate
{
    [Id(0)]
    public TransactionId Id;

    [Id(1)]
    public string Why;
}

/// <inheritdoc cref="UnknownSurrogate"/>
[RegisterConverter]
internal sealed class UnknownConverter : IConverter<TransactionOutcome.Unknown, UnknownSurrogate>
{
    public TransactionOutcome.Unknown ConvertFromSurrogate(in UnknownSurrogate surrogate) => new(surrogate.Id, surrogate.Why);

    public UnknownSurrogate ConvertToSurrogate(in TransactionOutcome.Unknown value) => new() { Id = value.Id, Why = value.Why };
}

/// <summary>An idempotency key, with the request whose hash it takes.</summary>
[GenerateSerializer, Immutable, Alias("coordinator.idempotency-key.v1")]
internal struct IdempotencyKeySurrogate
{
    [Id(0)]
    public string Value;

    [Id(1)]
    public string? Tenant;

    [Id(2)]
    public byte[] Request;

    [Id(3)]
    public DateTimeOffset? IssuedAt;
}

/// <inheritdoc cref="IdempotencyKeySurrogate"/>
[RegisterConverter]
internal sealed class IdempotencyKeyConverter : IConverter<IdempotencyKey, IdempotencyKeySurrogate>
{
    public IdempotencyKey ConvertFromSurrogate(in IdempotencyKeySurrogate surrogate) => new(surrogate.Value)
    {
        Tenant = surrogate.Tenant,
        Request = surrogate.Request,
        IssuedAt = surrogate.IssuedAt,
    };

    public IdempotencyKeySurrogate ConvertToSurrogate(in IdempotencyKey value) => new()
    {
        Value = value.Value,
        Tenant = value.Tenant,
        Request = value.Request.ToArray(),
        IssuedAt = value.IssuedAt,
    };
}
