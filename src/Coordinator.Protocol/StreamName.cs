using System.Diagnostics.CodeAnalysis;

namespace Coordinator.Protocol;

/// <summary>
/// The name of a stream of events: printable ASCII without blanks, 1 to 200 characters, compared byte by byte in every
/// store (a store that folded case or trimmed would take two streams for one).
/// </summary>
public readonly record struct StreamName : IComparable<StreamName>
{
    /// <summary>The longest name, in characters (each is one byte).</summary>
    public const int LengthMax = 200;

    private readonly string? _value;

    /// <summary>Checks and wraps a name.</summary>
    /// <exception cref="ArgumentException">The name breaks a rule; the message says which.</exception>
    public StreamName(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        _value = Fault(value) is { } fault ? throw new ArgumentException(fault, nameof(value)) : value;
    }

    private StreamName(string value, bool _) => _value = value;

    /// <summary>The name.</summary>
    public string Value => _value ?? string.Empty;

    /// <summary>True for <c>default</c>, which names no stream.</summary>
    public bool IsEmpty => _value is null;

    /// <summary>Checks a name without throwing.</summary>
    public static bool TryCreate([NotNullWhen(true)] string? value, out StreamName name)
    {
        name = value is not null && Fault(value) is null ? new StreamName(value, false) : default;
        return !name.IsEmpty;
    }

    /// <summary>Byte order, the order in which a group's rows are sorted.</summary>
    public int CompareTo(StreamName other) => string.CompareOrdinal(Value, other.Value);

    /// <inheritdoc/>
    public override string ToString() => Value;

    private static string? Fault(string value)
    {
        if (value.Length is 0 or > LengthMax)
        {
            return $"A stream name has 1 to {LengthMax} characters; this one has {value.Length}.";
        }

        for (var i = 0; i < value.Length; i++)
        {
            if (value[i] is <= ' ' or > '~')
            {
                return $"A stream name holds printable ASCII without blanks; character {i + 1} is U+{(int)value[i]:X4}.";
            }
        }

        return null;
    }
}
