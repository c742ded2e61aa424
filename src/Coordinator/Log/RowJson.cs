using System.Text.Json;

namespace Coordinator.Log;

/// <summary>
/// How the engine's own JSON is read out of rows. One place, so that all readers take the same for odd: what is not what was written makes
/// the row unreadable (<see cref="LogCorruptException"/>), and nothing else ever comes of it.
/// </summary>
internal static class RowJson
{
    // Of two members of one name the engine wrote neither. Which one a reader believes must not depend on the reader.
    private static readonly JsonDocumentOptions Options = new() { AllowDuplicateProperties = false };

    /// <summary>Reads the payload of a row.</summary>
    /// <exception cref="LogCorruptException">It is not what was written.</exception>
    public static T Read<T>(LogRow row, Func<LogRow, JsonElement, T> read)
    {
        try
        {
            using var document = JsonDocument.Parse(row.Payload, Options);
            return read(row, document.RootElement);
        }
        catch (Exception error) when (IsOdd(error))
        {
            throw new LogCorruptException(row.Stream, row.Version, error.Message);
        }
    }

    /// <summary>A text that is there.</summary>
    /// <exception cref="FormatException">It is null.</exception>
    public static string Text(JsonElement element, string name) =>
        element.GetProperty(name).GetString() ?? throw new FormatException($"'{name}' is null");

    /// <summary>A whole number of one range.</summary>
    /// <exception cref="FormatException">It is another one.</exception>
    public static long Number(JsonElement element, string name, long min, long max) =>
        element.GetProperty(name).GetInt64() is var number && number >= min && number <= max
            ? number
            : throw new FormatException($"'{name}' is {number}, which was never written");

    /// <summary>What the reading of a payload throws where it is not what was written.</summary>
    public static bool IsOdd(Exception error) => error is
        JsonException or FormatException or OverflowException or KeyNotFoundException or InvalidOperationException or ArgumentException;
}
