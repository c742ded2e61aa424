using System.Globalization;

namespace Coordinator.Benchmarks;

/// <summary>Named arguments of one case: <c>--name value</c>.</summary>
internal sealed class Arguments(string[] arguments)
{
    public string Text(string name, string fallback)
    {
        var at = Array.IndexOf(arguments, "--" + name);
        return at >= 0 && at + 1 < arguments.Length ? arguments[at + 1] : fallback;
    }

    /// <summary>True if <c>--name</c> is there.</summary>
    public bool Has(string name) => arguments.Contains("--" + name, StringComparer.Ordinal);

    /// <summary>A number above 0, or 0 if it is not given.</summary>
    public int NumberOrNone(string name) => Text(name, string.Empty).Length == 0 ? 0 : Number(name, 0);

    public int Number(string name, int fallback) =>
        int.TryParse(Text(name, fallback.ToString(CultureInfo.InvariantCulture)), CultureInfo.InvariantCulture, out var value) && value > 0
            ? value
            : throw new UsageException($"--{name} must be a whole number above 0.");

    public TimeSpan Seconds(string name, int fallback) => TimeSpan.FromSeconds(Number(name, fallback));
}

/// <summary>The arguments make no sense; the message says which.</summary>
internal sealed class UsageException(string message) : Exception(message);
