using System.Text.RegularExpressions;
using Xunit;

namespace Coordinator.Tests.Snippets;

/// <summary>Code on the pages is code of this folder, which is compiled and run.</summary>
public sealed partial class SnippetTests
{
    /// <summary>Each public feature, and the region that shows it.</summary>
    private static readonly Dictionary<string, string> Features = new()
    {
        ["registration"] = "register", ["aggregates"] = "aggregate", ["declared events"] = "events", ["plain values"] = "state",
        ["publishing and RunAsync"] = "run", ["outcomes"] = "outcomes", ["Begin"] = "begin", ["optimistic mode"] = "optimistic",
        ["re-runs by Polly"] = "reruns", ["no re-runs"] = "reruns-once", ["time of one transaction"] = "timeout", ["idempotency keys"] = "key",
        ["outcome by id"] = "outcome-by-id", ["outcome by key"] = "outcome-by-key", ["snapshots"] = "snapshots", ["untransacted reads"] = "read",
        ["reads as of"] = "read-as-of", ["reading events"] = "read-events", ["health checks"] = "health", ["SQLite"] = "sqlite",
        ["PostgreSQL"] = "postgres", ["standby"] = "standby", ["retention"] = "retention", ["declared restore"] = "restored", ["telemetry"] = "telemetry",
        ["a silo"] = "orleans-silo", ["grain state"] = "orleans-state", ["aggregates of grains"] = "orleans-aggregate", ["transactions of a silo"] = "orleans-run",
        ["transactions of a grain"] = "orleans-teller", ["external clients"] = "orleans-client", ["asking by id"] = "orleans-ask", ["snapshots in grain storage"] = "orleans-snapshots",
        ["outside of the transaction in hand"] = "orleans-suppress",
    };

    public static TheoryData<string> Pages =>
        ["README.md", .. Directory.GetFiles(Path.Combine(Repository.Root, "docs"), "*.md").Select(page => "docs/" + Path.GetFileName(page))];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_block_of_code_on_a_page_is_a_compiled_region(string page)
    {
        var regions = Regions().Values.ToHashSet(StringComparer.Ordinal);
        Assert.All(BlocksOf(page), block => Assert.True(
            regions.Contains(block),
            $"This block of {page} is no region of tests/Coordinator.Tests/Snippets: change the region, see it compile, and copy it.\n{block}"));
    }

    [Fact]
    public void Every_feature_is_shown_on_a_page()
    {
        var shown = Pages.SelectMany(page => BlocksOf(page.Data)).ToHashSet(StringComparer.Ordinal);
        var regions = Regions();
        Assert.All(Features, feature => Assert.True(shown.Contains(regions[feature.Value]), $"no page shows {feature.Key} (region {feature.Value})"));
        Assert.Empty(regions.Keys.Except(Features.Values));
    }

    private static IEnumerable<string> BlocksOf(string page) =>
        Block().Matches(File.ReadAllText(Path.Combine(Repository.Root, page))).Select(match => WithoutIndent(match.Groups["code"].Value));

    private static Dictionary<string, string> Regions() => Directory
        .GetFiles(Path.Combine(Repository.Root, "tests", "Coordinator.Tests", "Snippets"), "*.cs")
        .Concat(Directory.GetFiles(Path.Combine(Repository.Root, "tests", "Coordinator.Orleans.Tests", "Snippets"), "*.cs")) // compiled where the feed has Orleans
        .SelectMany(file => Region().Matches(File.ReadAllText(file)))
        .ToDictionary(match => match.Groups["name"].Value, match => WithoutIndent(match.Groups["code"].Value), StringComparer.Ordinal);

    private static string WithoutIndent(string code)
    {
        var lines = code.TrimEnd().Split('\n');
        var indent = lines.Where(line => line.Length > 0).Min(line => line.Length - line.TrimStart().Length);
        return string.Join('\n', lines.Select(line => line.Length < indent ? line : line[indent..]));
    }

    [GeneratedRegex(@"^```csharp\n(?<code>.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Block();

    [GeneratedRegex(@"^ *#region (?<name>\S+)\n(?<code>.*?)^ *#endregion", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Region();
}
