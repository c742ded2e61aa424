using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Xunit;

namespace Coordinator.Tests;

/// <summary>The shape of the repository, read from the built assemblies, the project files and the sources.</summary>
public sealed partial class ArchitectureTests
{
    /// <summary>Which src project may know which. An arrow that is not here does not exist; a new project needs a row.</summary>
    private static readonly Dictionary<string, string[]> AllowedReferences = new()
    {
        ["Coordinator.Protocol"] = [],
        ["Coordinator"] = ["Coordinator.Protocol"],
        ["Coordinator.AdoNet"] = ["Coordinator", "Coordinator.Protocol"],
        ["Coordinator.Orleans"] = ["Coordinator", "Coordinator.Protocol"],
        ["Coordinator.Sqlite"] = ["Coordinator.AdoNet", "Coordinator", "Coordinator.Protocol"],
        ["Coordinator.PostgreSql"] = ["Coordinator.AdoNet", "Coordinator", "Coordinator.Protocol"],
        ["Coordinator.Testing"] = ["Coordinator", "Coordinator.Protocol", "Coordinator.AdoNet"],
    };

    private static readonly string[] AllowedTopLevel =
    [
        "src", "tests", "chaos", "samples", "docs",
        "Coordinator.sln", "global.json", "nuget.config", "README.md",
        "Directory.Build.props", "Directory.Build.targets", "Directory.Packages.props", "Directory.Solution.targets",
        ".build", ".ci", ".editorconfig", ".gitattributes", ".gitignore",
        // Not in the repository, but beside it in a working copy.
        ".DS_Store", ".git", ".idea", ".vs", ".vscode",
    ];

    private static readonly string[] BannedInProtocol =
        ["async", "Task", "ILogger", "DateTime.UtcNow", "Guid.NewGuid", "Random"];

    private static readonly string Root = FindRoot();

    public static TheoryData<string> SourceProjects => [.. AllowedReferences.Keys];

    /// <summary>Those that this project is built with. Coordinator.Orleans is built only where the package feed has Orleans.</summary>
    public static TheoryData<string> AssembliesHere => [.. AllowedReferences.Keys.Where(static project => project != "Coordinator.Orleans")];

    [Fact]
    public void Every_source_project_has_a_row_in_the_table_of_references()
    {
        var projects = Directory.GetDirectories(Path.Combine(Root, "src")).Select(Path.GetFileName);

        Assert.Equal(AllowedReferences.Keys.Order(), projects.Order());
    }

    [Theory]
    [MemberData(nameof(SourceProjects))]
    public void A_source_project_declares_only_the_references_of_the_table(string project)
    {
        var declared = ItemsOf(project, "ProjectReference").ToList();

        Assert.All(declared, path => Assert.Equal(Path.Combine(Root, "src"), DirectoryAbove(ProjectPath(project), path)));
        Assert.Empty(declared.Select(NameOf).Except(AllowedReferences[project]));
    }

    [Theory]
    [MemberData(nameof(AssembliesHere))]
    public void A_built_assembly_references_only_what_the_table_allows(string project)
    {
        var ours = ReferencedAssemblies(project).Where(IsOurs);

        Assert.Empty(ours.Except(AllowedReferences[project]));
    }

    [Fact]
    public void The_protocol_assembly_references_only_system_assemblies() =>
        Assert.All(
            ReferencedAssemblies("Coordinator.Protocol"),
            name => Assert.StartsWith("System.", name, StringComparison.Ordinal));

    [Theory]
    [InlineData("PackageReference")]
    [InlineData("FrameworkReference")]
    [InlineData("ProjectReference")]
    [InlineData("Reference")]
    public void The_protocol_project_declares_no_reference(string kind) =>
        Assert.Empty(ItemsOf("Coordinator.Protocol", kind));

    [Fact]
    public void The_shipped_test_kit_needs_no_test_framework() =>
        Assert.DoesNotContain(
            ReferencedAssemblies("Coordinator.Testing").Concat(ItemsOf("Coordinator.Testing", "PackageReference")),
            name => name.StartsWith("xunit", StringComparison.OrdinalIgnoreCase));

    [Theory]
    [MemberData(nameof(AssembliesHere))]
    public void No_type_is_named_like_the_namespace(string project) =>
        Assert.DoesNotContain("Coordinator", TypeNames(project));

    [Fact]
    public void The_top_level_holds_only_what_belongs_there() =>
        Assert.Empty(Directory.GetFileSystemEntries(Root).Select(Path.GetFileName).Except(AllowedTopLevel));

    [Fact]
    public void No_protocol_source_uses_tasks_logging_clock_or_randomness()
    {
        var found =
            from file in SourceFiles("Coordinator.Protocol")
            from token in BannedTokensIn(File.ReadAllText(file))
            select $"{Path.GetRelativePath(Root, file)}: {token}";

        Assert.Empty(found);
    }

    // The banned symbols of the build find what is called, not what is only declared.
    [Fact]
    public void The_protocol_assembly_names_no_task_clock_logger_or_randomness() =>
        Assert.DoesNotContain(ReferencedTypes("Coordinator.Protocol"), IsBannedInProtocol);

    [Fact]
    public void The_ban_on_types_of_the_protocol_finds_a_task() =>
        Assert.True(IsBannedInProtocol(typeof(Task).FullName!) && ReferencedTypes("Coordinator.Tests").Any(IsBannedInProtocol));

    [Theory]
    [InlineData("async void M() { }", "async")]
    [InlineData("Task<int> M();", "Task")]
    [InlineData("var random = new Random(7);", "Random")]
    [InlineData("var now = DateTime . UtcNow;", "DateTime.UtcNow")]
    [InlineData("var id = System.Guid.NewGuid();", "Guid.NewGuid")]
    [InlineData("var text = \"// no comment\"; ILogger log;", "ILogger")]
    [InlineData("var c = '\"'; Task t; // \"", "Task")]
    public void The_token_scan_finds_a_banned_token(string source, string token) =>
        Assert.Equal([token], BannedTokensIn(source));

    [Theory]
    [InlineData("// an async Task is the shell's business")]
    [InlineData("/* Random\n Guid.NewGuid */ int x;")]
    [InlineData("throw new InvalidOperationException(\"Random \\\" Task\");")]
    [InlineData("var text = @\"C:\\Task\\\"; var other = \"\"\"Task \"Random\" \"\"\";")]
    [InlineData("record TaskId(int asynchronous);")]
    public void The_token_scan_passes_over_comments_strings_and_longer_words(string source) =>
        Assert.Empty(BannedTokensIn(source));

    [Fact]
    public void The_reading_of_an_assembly_sees_its_types_and_references()
    {
        Assert.Contains(nameof(ArchitectureTests), TypeNames("Coordinator.Tests"));
        Assert.Contains("xunit.v3.assert", ReferencedAssemblies("Coordinator.Tests"));
    }

    private static IEnumerable<string> BannedTokensIn(string source)
    {
        var code = CommentOrLiteral().Replace(source, " ");
        return BannedInProtocol.Where(token =>
            Regex.IsMatch(code, $@"\b{token.Replace(".", @"\s*\.\s*", StringComparison.Ordinal)}\b"));
    }

    // Comments, then raw, verbatim, ordinary strings and characters: whichever starts first wins.
    [GeneratedRegex(
        """"
        //[^\n]* | /\*.*?\*/ | (?<q>"{3,}).*?\k<q> | (?:@\$?|\$@)"(?:[^"]|"")*" | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])+'
        """",
        RegexOptions.Singleline | RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex CommentOrLiteral();

    private static IEnumerable<string> SourceFiles(string project) =>
        Directory.EnumerateFiles(Path.Combine(Root, "src", project), "*.cs", SearchOption.AllDirectories)
            .Where(file => !Path.GetRelativePath(Path.Combine(Root, "src", project), file)
                .Split(Path.DirectorySeparatorChar)
                .Any(part => part is "bin" or "obj"));

    private static string ProjectPath(string project) => Path.Combine(Root, "src", project, project + ".csproj");

    private static IEnumerable<string> ItemsOf(string project, string kind) =>
        XDocument.Load(ProjectPath(project)).Descendants(kind).Select(item => item.Attribute("Include")!.Value);

    private static string NameOf(string projectReference) =>
        Path.GetFileNameWithoutExtension(projectReference.Replace('\\', '/'));

    // The folder that holds the folder of a referenced project.
    private static string DirectoryAbove(string project, string reference) =>
        Path.GetFullPath(
            Path.Combine(Path.GetDirectoryName(project)!, Path.GetDirectoryName(reference.Replace('\\', '/'))!, ".."));

    private static bool IsOurs(string assembly) =>
        assembly == "Coordinator" || assembly.StartsWith("Coordinator.", StringComparison.Ordinal) || assembly == "Shop";

    private static List<string> ReferencedAssemblies(string assembly) =>
        Read(assembly, reader => reader.AssemblyReferences
            .Select(handle => reader.GetString(reader.GetAssemblyReference(handle).Name)));

    private static List<string> ReferencedTypes(string assembly) =>
        Read(assembly, reader => reader.TypeReferences
            .Select(handle => reader.GetTypeReference(handle))
            .Select(type => $"{reader.GetString(type.Namespace)}.{reader.GetString(type.Name)}"));

    private static bool IsBannedInProtocol(string type) =>
        type is "System.Random" or "System.TimeProvider" or "System.Diagnostics.Stopwatch"
        || type.StartsWith("System.Threading.Tasks.", StringComparison.Ordinal)
        || type.StartsWith("Microsoft.Extensions.Logging.", StringComparison.Ordinal);

    private static List<string> TypeNames(string assembly) =>
        Read(assembly, reader => reader.TypeDefinitions
            .Select(handle => reader.GetString(reader.GetTypeDefinition(handle).Name)));

    private static List<string> Read(string assembly, Func<MetadataReader, IEnumerable<string>> read)
    {
        using var file = new PEReader(File.OpenRead(Path.Combine(AppContext.BaseDirectory, assembly + ".dll")));
        return [.. read(file.GetMetadataReader())];
    }

    private static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Coordinator.sln")))
        {
            folder = Path.GetDirectoryName(folder)
                ?? throw new InvalidOperationException("The tests do not run inside the repository: no Coordinator.sln above them.");
        }

        return folder;
    }
}
