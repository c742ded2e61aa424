using System.Text.RegularExpressions;
using Coordinator.Protocol;
using Coordinator.Testing.Checkers;
using Xunit;

namespace Coordinator.Tests;

/// <summary>The bugs that a build can be made with, their page, and that this is no such build.</summary>
public sealed partial class PlantedBugTests
{
    private static readonly string Sources = Path.Combine(Repository.Root, "src");

    private static readonly string[] Checkers =
    [
        BankSumChecker.Name, AgreementChecker.Name, EventsChecker.Name, RetryChecker.Name, InDoubtChecker.Name, LockChecker.Name, SerializabilityChecker.Name,
        ProgressChecker.Name,
    ];

    private static IReadOnlyList<string[]> Page => RepositoryFiles.Table("docs/planted-bugs.md", "bug", "what is wrong", "rule", "place", "checker that must find it", "simulation");

    [Fact]
    public void A_normal_build_has_no_planted_bugs()
    {
        Assert.Null(typeof(Invariant).Assembly.GetType("Coordinator.Protocol.PlantedBugs"));
        Assert.DoesNotContain("planted", System.Reflection.CustomAttributeExtensions.GetCustomAttribute<System.Reflection.AssemblyInformationalVersionAttribute>(typeof(Invariant).Assembly)!.InformationalVersion, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_bug_is_planted_once_and_has_its_row()
    {
        var body = File.ReadAllText(Path.Combine(Sources, "Coordinator.Protocol", "PlantedBugs.cs")).Split('{', '}')[1];
        var bugs = BugName().Matches(body).Select(match => match.Value).Where(name => name != "None").ToList();

        Assert.True(bugs.Count >= 12, $"{bugs.Count} bugs");
        Assert.Equal(bugs, Page.Select(row => row[0]));
        Assert.All(Page, row => Assert.Equal([Path.GetFileName(row[3].Trim('`'))], PlacesOf(row[0]).Distinct()));
    }

    [Fact]
    public void Every_bug_has_a_checker_that_there_is() => Assert.All(Page, row => Assert.All(row[4].Split(", "), checker => Assert.Contains(checker, Checkers)));

    [Fact]
    public void What_is_planted_is_only_in_builds_that_ask_for_it()
    {
        var inside = 0;
        foreach (var (file, line) in SourceFiles().SelectMany(file => File.ReadLines(file).Select(line => (file, line.Trim()))))
        {
            inside = line switch { "#if PLANTED_BUGS" => 1, "#endif" or "#else" => 0, _ => inside };
            Assert.True(inside == 1 || !line.Contains("PlantedBug", StringComparison.Ordinal), $"{file}: {line}");
        }
    }

    private static IEnumerable<string> PlacesOf(string bug) => SourceFiles()
        .Where(file => File.ReadAllText(file).Contains($"PlantedBugs.Has(PlantedBug.{bug})", StringComparison.Ordinal))
        .Select(file => Path.GetFileName(file));

    private static IEnumerable<string> SourceFiles() => Directory.EnumerateFiles(Sources, "*.cs", SearchOption.AllDirectories)
        .Where(static file => !file.Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj"));

    [GeneratedRegex("[A-Z][A-Za-z]+")]
    private static partial Regex BugName();
}
