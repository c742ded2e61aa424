using System.Globalization;
using System.Text.RegularExpressions;
using Xunit;

namespace Coordinator.Tests;

/// <summary>
/// docs/faults-covered.md names what is there. That the counters of the simulation which it names are demanded of every run is tested where
/// they are: SimulationTests.
/// </summary>
public sealed partial class FaultsCoveredTests
{
    private const int CoveredMin = 110;
    private const string NotYet = "not yet: ", ByDesign = "by design: ";

    /// <summary>How many points of each letter the catalogue has, in the order of the page.</summary>
    private static readonly (char Letter, int Count)[] s_matrix = [('C', 34), ('L', 18), ('P', 38), ('N', 14), ('A', 10), ('M', 12), ('G', 11), ('S', 24), ('O', 15)];

    private static readonly string[] s_page = File.ReadAllLines(Path.Combine(Repository.Root, "docs", "faults-covered.md"));
    private static readonly (string Point, string What, string By)[] s_rows =
        [.. s_page.Where(line => PointRow().IsMatch(line)).Select(line => line.Trim('|').Split('|')).Select(cells => (cells[0].Trim(), cells[1].Trim(), cells[2].Trim()))];

    private static readonly HashSet<string> s_tests = TestsOf("tests");

    /// <summary>What a name begins with, and the texts of the sources among which it must be.</summary>
    private static readonly Dictionary<string, HashSet<string>> s_texts = new(StringComparer.Ordinal)
    {
        ["store: "] = TextsOf("src/Coordinator.Testing/Logs"),
        ["model: "] = TextsOf("tests/Coordinator.Protocol.Tests/Model"),
        ["chaos: "] = TextsOf("chaos", static file => file.EndsWith("Faults.cs", StringComparison.Ordinal) || Path.GetFileName(file) is "CrashPoint.cs" or "ClientProcess.cs"),
        ["simulation: "] = [],
    };

    [Fact]
    public void Every_point_is_there_once_and_in_order() => Assert.Equal(
        s_matrix.SelectMany(one => Enumerable.Range(1, one.Count).Select(number => string.Create(CultureInfo.InvariantCulture, $"{one.Letter}{number:00}"))),
        s_rows.Select(row => row.Point));

    [Fact]
    public void The_heading_says_how_many_are_covered_and_they_are_enough()
    {
        var covered = s_rows.Count(row => !row.By.StartsWith(NotYet, StringComparison.Ordinal));
        Assert.Equal($"# Faults covered: {covered} of {s_rows.Length}", s_page[0]);
        Assert.True(covered >= CoveredMin, $"only {covered} points are covered");
    }

    [Fact]
    public void Every_row_says_what_happens_and_names_what_covers_it_or_why_nothing_does() => Assert.All(s_rows, row =>
    {
        Assert.InRange(row.What.Split(' ').Length, 2, 16);
        Assert.True(row.By.StartsWith(NotYet, StringComparison.Ordinal) ? row.By.Length > NotYet.Length : NamesOf(row.By).Any(), $"{row.Point} names nothing");
        Assert.True(!row.By.StartsWith(ByDesign, StringComparison.Ordinal) || NamesOf(row.By).Any(s_tests.Contains), $"{row.Point}: no test shows the design");
    });

    [Fact]
    public void Whatever_is_named_exists() => Assert.All(
        s_rows.SelectMany(row => NamesOf(row.By).Select(name => (row.Point, Name: name))),
        one => Assert.True(Exists(one.Name), $"{one.Point}: there is no '{one.Name}'"));

    /// <summary>The test above can fail.</summary>
    [Theory]
    [InlineData("TransactionTests.Nobody_has_written_this")]
    [InlineData("StoreTests.What_commits_is_in_the_log_and_visible")] // of another class
    [InlineData("FaultsCoveredTests.Exists")] // no test
    [InlineData("store: A log of one's own")]
    [InlineData("model: append.after")] // of the chaos runs
    [InlineData("chaos: owner in love")]
    [InlineData("chaos: transfer")] // a word of the driver's, and no fault
    [InlineData("rumour: owner killed")]
    public void What_nobody_has_written_does_not_exist(string name) => Assert.False(Exists(name));

    private static bool Exists(string name) =>
        s_texts.FirstOrDefault(one => name.StartsWith(one.Key, StringComparison.Ordinal)) is ({ } kind, var texts)
            ? kind == "simulation: " || texts.Contains(name[kind.Length..])
            : s_tests.Contains(name);

    private static IEnumerable<string> NamesOf(string cell) => CodeSpan().Matches(cell).Select(match => match.Groups["it"].Value);

    /// <summary>Class and method of each test, of projects that are not built on this machine too.</summary>
    private static HashSet<string> TestsOf(string folder)
    {
        var tests = new HashSet<string>(StringComparer.Ordinal);
        foreach (var file in SourcesIn(folder))
        {
            var (type, isTest) = (string.Empty, false);
            foreach (var line in File.ReadLines(file))
            {
                type = TopLevelClass().Match(line) is { Success: true } declared ? declared.Groups["it"].Value : type;
                isTest |= TestAttribute().IsMatch(line);
                if (isTest && Method().Match(line) is { Success: true } method)
                {
                    tests.Add($"{type}.{method.Groups["it"].Value}");
                    isTest = false;
                }
            }
        }

        return tests;
    }

    private static HashSet<string> TextsOf(string folder, Func<string, bool>? isOne = null) =>
        SourcesIn(folder).Where(isOne ?? (static _ => true)).SelectMany(file => Literal().Matches(File.ReadAllText(file))).Select(match => match.Groups["it"].Value).ToHashSet(StringComparer.Ordinal);

    private static IEnumerable<string> SourcesIn(string folder) =>
        Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal));

    [GeneratedRegex(@"^\| [A-Z][0-9]{2} \|")]
    private static partial Regex PointRow();

    [GeneratedRegex("`(?<it>[^`]+)`")]
    private static partial Regex CodeSpan();

    [GeneratedRegex(@"^(?:public|internal) .*\bclass (?<it>\w+)")]
    private static partial Regex TopLevelClass();

    [GeneratedRegex(@"^\s*\[(?:Fact|Theory)\b")]
    private static partial Regex TestAttribute();

    [GeneratedRegex(@"^\s+(?:public|internal) [^=]*?\b(?<it>\w+)\(")]
    private static partial Regex Method();

    [GeneratedRegex("\"(?<it>(?:[^\"\\\\\r\n]|\\\\.)*)\"")]
    private static partial Regex Literal();
}
