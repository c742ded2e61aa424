using System.Globalization;
using System.Text;
using Coordinator.Protocol;

namespace Coordinator.Orleans.Facets;

/// <summary>The streams of grains' states.</summary>
internal static class FacetNames
{
    public const int StateLengthMax = 50;

    /// <summary>The stream of a plain state.</summary>
    /// <exception cref="ArgumentException">The grain's type and key are too long for a stream's name.</exception>
    public static StreamName StateStream(GrainId grain, string state) =>
        Stream(grain, $"{Encode(grain.Type.AsSpan(), escapesSlash: true)}.{state}/{Encode(grain.Key.AsSpan(), escapesSlash: false)}");

    /// <summary>The id of an aggregate of this category.</summary>
    /// <exception cref="ArgumentException">The category and the grain's key are too long for a stream's name.</exception>
    public static string AggregateId(GrainId grain, string category)
    {
        var id = Encode(grain.Key.AsSpan(), escapesSlash: false);
        Stream(grain, $"{category}/{id}");
        return id;
    }

    /// <summary>No '.', so that the type of the grain and the name of the state can be told apart, and no '/'.</summary>
    public static bool IsStateName(string? name) =>
        name is { Length: > 0 and <= StateLengthMax } && name.All(static letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_');

    /// <summary>Printable ASCII without blanks; everything else, and '%' itself, as two hexadecimal digits for each byte. Different keys stay different.</summary>
    private static string Encode(ReadOnlySpan<byte> text, bool escapesSlash)
    {
        var encoded = new StringBuilder(text.Length);
        foreach (var letter in text)
        {
            if (letter is > (byte)' ' and <= (byte)'~' and not (byte)'%' && !(escapesSlash && letter is (byte)'/'))
            {
                encoded.Append((char)letter);
            }
            else
            {
                encoded.Append(CultureInfo.InvariantCulture, $"%{letter:X2}");
            }
        }

        return encoded.ToString();
    }

    private static StreamName Stream(GrainId grain, string name) => StreamName.TryCreate(name, out var stream)
        ? stream
        : throw new ArgumentException(
            $"Grain {grain} can't have a transactional state: its stream '{name}' would have {name.Length} characters, and the limit is {StreamName.LengthMax}. Use shorter keys.",
            nameof(grain));
}
