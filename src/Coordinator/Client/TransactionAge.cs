using Coordinator.Protocol;

namespace Coordinator;

/// <summary>
/// When the work of a transaction was first begun. Where two transactions want one lock the older one gets it: it waits for nobody
/// younger, so nobody waits in a circle, and work that is run again under its first age becomes the oldest in time.
/// </summary>
/// <remarks>Wound-wait: Rosenkrantz, Stearns, Lewis, System Level Concurrency Control for Distributed Database Systems, 1978.</remarks>
public sealed class TransactionAge
{
    private readonly long _ticks;

    internal TransactionAge(DateTimeOffset begun, TransactionId first)
    {
        _ticks = begun.UtcTicks;
        First = first;
    }

    /// <summary>When the first attempt began, by the clock of its host. Nothing but the order in queues rests on it.</summary>
    public DateTimeOffset Begun => new(_ticks, TimeSpan.Zero);

    /// <summary>The first attempt.</summary>
    internal TransactionId First { get; }

    /// <summary>One order for all, whatever their clocks say: ids are unique.</summary>
    internal bool IsOlderThan(TransactionAge other) => _ticks != other._ticks ? _ticks < other._ticks : First < other.First;
}
