using System.Text.Json;

namespace Coordinator.Diagnostics;

/// <summary>A label of metrics and all values that it can have, one for each member of an enum; made once, so that measuring allocates nothing.</summary>
internal sealed class MetricLabel
{
    private readonly KeyValuePair<string, object?>[] _tags;

    private MetricLabel(string name, IEnumerable<string> values)
    {
        Name = name;
        _tags = [.. values.Select(value => KeyValuePair.Create(name, (object?)value))];
    }

    public string Name { get; }

    public IEnumerable<string> Values => _tags.Select(static tag => (string)tag.Value!);

    /// <summary>The label with the value of an enum's member, whose members count from 0 without gaps.</summary>
    public KeyValuePair<string, object?> this[int member] => _tags[member];

    public static MetricLabel Of<TEnum>(string name)
        where TEnum : struct, Enum => new(name, Enum.GetNames<TEnum>().Select(JsonNamingPolicy.SnakeCaseLower.ConvertName));
}
