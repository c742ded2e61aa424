using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Coordinator;

/// <summary>
/// Reads an event back and writes it again: what differs would be there until the process ends, and lost after its restart. It finds what is
/// written and not read (a property without setter), not what is never written, nor what another event of the type alone holds.
/// </summary>
internal static class EventRoundTrip
{
    /// <summary>Does nothing if the event survives.</summary>
    /// <exception cref="ArgumentException">It would not be read back as it was. The message holds names of properties and nothing of the event.</exception>
    public static void Ensure(byte[] @event, Type type, JsonTypeInfo json)
    {
        object? read;
        byte[] again;
        try
        {
            read = JsonSerializer.Deserialize(@event, json);
            again = JsonSerializer.SerializeToUtf8Bytes(read, json);
        }
        catch (Exception error) // of the serializer, or of the user's own constructor or converter
        {
            throw new ArgumentException(
                $"An event of {type} can be written as JSON and not be read back: {error.GetType().Name}. Give it a constructor or setters for all that it writes.", nameof(@event), error);
        }

        if (read is null || !@event.AsSpan().SequenceEqual(again))
        {
            throw new ArgumentException(
                $"An event of {type} is not read back as it was written: {Differing(@event, again)}. Give it a constructor or setters for all that it writes, or [JsonIgnore] what need not be kept.", nameof(@event));
        }
    }

    private static string Differing(byte[] written, byte[] again)
    {
        using var before = JsonDocument.Parse(written);
        using var after = JsonDocument.Parse(again);
        if (before.RootElement.ValueKind is not JsonValueKind.Object || after.RootElement.ValueKind is not JsonValueKind.Object)
        {
            return "its JSON differs";
        }

        var names = before.RootElement.EnumerateObject()
            .Where(property => !after.RootElement.TryGetProperty(property.Name, out var value) || value.GetRawText() != property.Value.GetRawText())
            .Select(property => $"'{property.Name}'");
        return string.Join(", ", names) is { Length: > 0 } lost ? $"{lost} differs" : "its JSON differs";
    }
}
