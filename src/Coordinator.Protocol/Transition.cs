using System.Collections.Immutable;

namespace Coordinator.Protocol;

/// <summary>What a machine makes of an input in its present phase: each (phase, input) pair has exactly one of these.</summary>
internal enum Disposition
{
    /// <summary>The input moves the machine on.</summary>
    Advanced,

    /// <summary>The input is late, repeated or early; the state stays as it is, though an answer may go out.</summary>
    Ignored,

    /// <summary>No correct peer sends this here. The state stays as it is and the shell raises an alarm.</summary>
    Violation,
}

/// <summary>
/// What one step of a machine yields. The shell hands <see cref="Append"/> to the log before anything else and sends
/// <see cref="Messages"/> at once: a machine only ever yields messages that rest on events already durable.
/// </summary>
internal readonly record struct Transition<TState, TEvent, TMessage>(
    Disposition Disposition,
    TState State,
    TEvent? Append,
    ImmutableArray<TMessage> Messages,
    string? Why)
    where TEvent : class
{
    public static Transition<TState, TEvent, TMessage> To(TState state, TEvent? append, params ImmutableArray<TMessage> messages) =>
        new(Disposition.Advanced, state, append, messages, null);

    public static Transition<TState, TEvent, TMessage> Ignore(TState state, string why, params ImmutableArray<TMessage> answers) =>
        new(Disposition.Ignored, state, null, answers, why);

    public static Transition<TState, TEvent, TMessage> Violate(TState state, string why) =>
        new(Disposition.Violation, state, null, [], why);
}
