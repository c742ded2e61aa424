using Coordinator.Log;
using Coordinator.Protocol;

namespace Coordinator.Aggregates;

/// <summary>What all activations of one type have in common: how events become its state, and whether that is kept in snapshots.</summary>
/// <param name="type">Of the state.</param>
/// <param name="events">How events are read.</param>
/// <param name="initial">The state before the first event; null for a plain value.</param>
/// <param name="fold">The state with one more event; null for a plain value, which is its last event.</param>
/// <param name="snapshots">How it is kept in snapshots; null if it isn't.</param>
/// <param name="keeper">Keeps snapshots.</param>
internal sealed class StateShape(
    Type type, EventTypes events, object? initial, Func<object?, object, object>? fold, SnapshotType? snapshots, SnapshotKeeper? keeper)
{
    public Type Type => type;

    public bool IsValue => fold is null;

    /// <summary>Before the first event.</summary>
    public StateAt Initial { get; } = new(0, LogPosition.None, initial);

    /// <summary>How snapshots are made; null where none are kept.</summary>
    public SnapshotType? Snapshots { get; } = keeper is { IsOff: false } ? snapshots : null;

    /// <summary>Has meaning where <see cref="Snapshots"/> are kept.</summary>
    public SnapshotKeeper Keeper => keeper!;

    /// <summary>The state with one more event.</summary>
    /// <exception cref="InvalidOperationException">The user's Apply returned null.</exception>
    public object Fold(object? state, object @event) => fold is null
        ? @event
        : fold(state, @event) ?? throw new InvalidOperationException($"Apply of {type} returned null for {@event}: it must return the new state.");

    /// <summary>The event of a row.</summary>
    /// <exception cref="EventUnreadableException">This process can't read it, or it is no value of the type that is asked for.</exception>
    public object Read(LogRow row)
    {
        var read = events.TryRead(row) ?? throw EventUnreadableException.UnknownType(row.Stream, row.Version, row.Type, row.TypeVersion);
        return !IsValue || type.IsInstanceOfType(read)
            ? read
            : throw EventUnreadableException.OtherType(row.Stream, row.Version, row.Type, row.TypeVersion, read.GetType(), type);
    }
}

/// <summary>A state and the row it ends with.</summary>
/// <param name="Version">Of the last row that is part of it.</param>
/// <param name="Position">Of that row.</param>
/// <param name="State">The state.</param>
internal readonly record struct StateAt(long Version, LogPosition Position, object? State);
