namespace Coordinator;

/// <summary>
/// The state of an event-sourced aggregate: the fold of its events. Immutable: <see cref="Apply"/> returns a new state, so
/// that a transaction's changes are its own until they commit.
/// </summary>
/// <typeparam name="TSelf">The state's own type.</typeparam>
public interface IAggregate<TSelf>
    where TSelf : class, IAggregate<TSelf>
{
    /// <summary>First part of the stream name: <c>account</c> for <c>account/alice</c>. Never changes.</summary>
    static abstract string Category { get; }

    /// <summary>The state before the first event.</summary>
    static abstract TSelf Initial { get; }

    /// <summary>
    /// The state after an event. Called for every event of the stream, also years later: it must not throw on an event that
    /// was once raised, read a clock, or call out.
    /// </summary>
    TSelf Apply(object @event);
}
