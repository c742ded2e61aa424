using Coordinator.Protocol;

namespace Coordinator.Orleans.Wire;

/// <summary>What an exception of a transaction is made from.</summary>
[GenerateSerializer, Immutable, Alias("coordinator.aborted-exception.v1")]
internal struct AbortedExceptionSurrogate
{
    [Id(0)]
    public TransactionId Id;

    [Id(1)]
    public AbortCause Cause;
}

/// <summary>With its cause, by which the initiator knows whether to run the work again.</summary>
[RegisterConverter]
internal sealed class AbortedExceptionConverter : IConverter<TransactionAbortedException, AbortedExceptionSurrogate>
{
    public TransactionAbortedException ConvertFromSurrogate(in AbortedExceptionSurrogate surrogate) => new(surrogate.Id, surrogate.Cause);

    public AbortedExceptionSurrogate ConvertToSurrogate(in TransactionAbortedException value) => new() { Id = value.TransactionId, Cause = value.Cause };
}

/// <inheritdoc cref="AbortedExceptionSurrogate"/>
[GenerateSerializer, Immutable, Alias("coordinator.not-active-exception.v1")]
internal struct NotActiveExceptionSurrogate
{
    [Id(0)]
    public TransactionId Id;
}

/// <inheritdoc cref="NotActiveExceptionSurrogate"/>
[RegisterConverter]
internal sealed class NotActiveExceptionConverter : IConverter<TransactionNotActiveException, NotActiveExceptionSurrogate>
{
    public TransactionNotActiveException ConvertFromSurrogate(in NotActiveExceptionSurrogate surrogate) => new(surrogate.Id);

    public NotActiveExceptionSurrogate ConvertToSurrogate(in TransactionNotActiveException value) => new() { Id = value.TransactionId };
}

/// <inheritdoc cref="AbortedExceptionSurrogate"/>
[GenerateSerializer, Immutable, Alias("coordinator.refused-exception.v1")]
internal struct RefusedExceptionSurrogate
{
    [Id(0)]
    public TransactionId Id;

    [Id(1)]
    public string Message;
}

/// <inheritdoc cref="RefusedExceptionSurrogate"/>
[RegisterConverter]
internal sealed class RefusedExceptionConverter : IConverter<TransactionRefusedException, RefusedExceptionSurrogate>
{
    public TransactionRefusedException ConvertFromSurrogate(in RefusedExceptionSurrogate surrogate) => new(surrogate.Id, surrogate.Message);

    public RefusedExceptionSurrogate ConvertToSurrogate(in TransactionRefusedException value) => new() { Id = value.TransactionId, Message = value.Message };
}

/// <inheritdoc cref="AbortedExceptionSurrogate"/>
[GenerateSerializer, Immutable, Alias("coordinator.unknown-exception.v1")]
internal struct UnknownExceptionSurrogate
{
    [Id(0)]
    public TransactionId Id;

    [Id(1)]
    public string Why;
}

/// <inheritdoc cref="UnknownExceptionSurrogate"/>
[RegisterConverter]
internal sealed class UnknownExceptionConverter : IConverter<TransactionUnknownException, UnknownExceptionSurrogate>
{
    public TransactionUnknownException ConvertFromSurrogate(in UnknownExceptionSurrogate surrogate) => new(surrogate.Id, surrogate.Why);

    public UnknownExceptionSurrogate ConvertToSurrogate(in TransactionUnknownException value) => new() { Id = value.TransactionId, Why = value.Why };
}

/// <inheritdoc cref="AbortedExceptionSurrogate"/>
[GenerateSerializer, Immutable, Alias("coordinator.idempotency-mismatch-exception.v1")]
internal struct MismatchExceptionSurrogate
{
    [Id(0)]
    public TransactionId Id;

    [Id(1)]
    public IdempotencyKey Key;
}

/// <inheritdoc cref="MismatchExceptionSurrogate"/>
[RegisterConverter]
internal sealed class MismatchExceptionConverter : IConverter<IdempotencyMismatchException, MismatchExceptionSurrogate>
{
    public IdempotencyMismatchException ConvertFromSurrogate(in MismatchExceptionSurrogate surrogate) => new(surrogate.Id, surrogate.Key);

    public MismatchExceptionSurrogate ConvertToSurrogate(in IdempotencyMismatchException value) => new() { Id = value.TransactionId, Key = value.Key };
}

/// <inheritdoc cref="AbortedExceptionSurrogate"/>
[GenerateSerializer, Immutable, Alias("coordinator.required-exception.v1")]
internal struct RequiredExceptionSurrogate
{
    [Id(0)]
    public string State;
}

/// <inheritdoc cref="RequiredExceptionSurrogate"/>
[RegisterConverter]
internal sealed class RequiredExceptionConverter : IConverter<TransactionRequiredException, RequiredExceptionSurrogate>
{
    public TransactionRequiredException ConvertFromSurrogate(in RequiredExceptionSurrogate surrogate) => new(surrogate.State);

    public RequiredExceptionSurrogate ConvertToSurrogate(in TransactionRequiredException value) => new() { State = value.State };
}
