using Coordinator.Client;
using Coordinator.Protocol;

namespace Coordinator.Orleans.Wire;

/// <summary>
/// What travels with each call that is part of a transaction. It names the transaction and its terms and gives no authority: who has it can ask to
/// take part, and no more.
/// </summary>
[GenerateSerializer, Immutable, Alias("coordinator.header.v1")]
internal sealed class WireHeader
{
    [Id(0)]
    public required TransactionId Id { get; init; }

    /// <summary>The host that coordinates it.</summary>
    [Id(1)]
    public required ulong Home { get; init; }

    /// <summary>When its first attempt began, in ticks.</summary>
    [Id(2)]
    public required long AgeTicks { get; init; }

    /// <summary>Which was its first attempt.</summary>
    [Id(3)]
    public required TransactionId AgeFirst { get; init; }

    /// <summary>How long it may take, in ticks.</summary>
    [Id(4)]
    public required long TimeoutTicks { get; init; }

    [Id(5)]
    public required bool IsOptimistic { get; init; }

    // What it was made of, or what was read of it: calls on the same silo share one object.
    [NonSerialized]
    private TransactionHeader? _header;

    public static WireHeader Of(TransactionHeader header) => new()
    {
        _header = header,
        Id = header.Id,
        Home = header.Home,
        AgeTicks = header.Age.Begun.UtcTicks,
        AgeFirst = header.Age.First,
        TimeoutTicks = header.Timeout.Ticks,
        IsOptimistic = header.IsOptimistic,
    };

    /// <summary>What the engine is told of it.</summary>
    /// <exception cref="TransactionRefusedException">It makes no sense.</exception>
    public TransactionHeader Read() => _header ??= ReadFields();

    private TransactionHeader ReadFields()
    {
        if (Id.IsEmpty || Home == 0 || AgeTicks < 0 || AgeTicks > DateTimeOffset.MaxValue.UtcTicks
            || TimeoutTicks <= 0 || TimeoutTicks > CoordinatorOptions.TimeoutMax.Ticks)
        {
            throw new TransactionRefusedException(
                Id, $"The call names transaction {Id} with terms that no transaction has: leave the request context entries that begin with 'coordinator.' alone.");
        }

        return new TransactionHeader(
            Id, Home, new TransactionAge(new DateTimeOffset(AgeTicks, TimeSpan.Zero), AgeFirst), TimeSpan.FromTicks(TimeoutTicks), IsOptimistic);
    }
}
