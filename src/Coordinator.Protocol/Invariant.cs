using System.Diagnostics.CodeAnalysis;

namespace Coordinator.Protocol;

/// <summary>Assertions that stay on in release builds: a broken promise stops the owner before it can lie.</summary>
internal static class Invariant
{
    /// <summary>Throws <see cref="InvariantViolationException"/> unless <paramref name="condition"/> holds.</summary>
    public static void Holds([DoesNotReturnIf(false)] bool condition, string promise)
    {
        if (!condition)
        {
            Break(promise);
        }
    }

    [DoesNotReturn]
    private static void Break(string promise) => throw new InvariantViolationException(promise);
}

/// <summary>
/// A promise of the engine does not hold. It is a bug or a damaged log, never an expected failure: who meets it stops
/// and drops its volatile state; nothing catches it to carry on.
/// </summary>
public sealed class InvariantViolationException : Exception
{
    internal InvariantViolationException(string promise)
        : base("Invariant violated: " + promise)
    {
    }
}
