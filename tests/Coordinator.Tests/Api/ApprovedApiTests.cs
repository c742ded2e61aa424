using System.Reflection;
using System.Runtime.CompilerServices;
using System.Xml.Linq;
using Xunit;

namespace Coordinator.Tests.Api;

/// <summary>What users of each shipped assembly can see, against the list that was reviewed.</summary>
public sealed class ApprovedApiTests
{
    private const string RewriteVariable = "COORDINATOR_WRITE_API";

    private static readonly string[] Namespaces = ["Coordinator", "Coordinator.Protocol", "Microsoft.Extensions.DependencyInjection", "Orleans.Hosting"];

    public static TheoryData<string> Assemblies => [.. ApiAssemblies.Names];

    [Theory]
    [MemberData(nameof(Assemblies))]
    public void The_public_api_is_the_approved_one(string assembly)
    {
        var path = Path.Combine(RepositoryFiles.Root, "tests", "Coordinator.Tests", "Api", assembly + ".txt");
        var actual = ApiList.Of(Assembly.Load(assembly)).ToList();
        if (Environment.GetEnvironmentVariable(RewriteVariable) == "1")
        {
            File.WriteAllText(path, string.Concat(actual.Select(line => line + "\n")));
            return;
        }

        var approved = File.Exists(path) ? File.ReadAllLines(path) : [];
        var gone = approved.Except(actual).Select(line => "- " + line);
        var added = actual.Except(approved).Select(line => "+ " + line);
        var difference = string.Join('\n', gone.Concat(added));
        Assert.True(
            difference.Length == 0 && approved.SequenceEqual(actual),
            $"The public API of {assembly} is not the approved one:\n{difference}\nIs it meant? Then accept it: {RewriteVariable}=1 dotnet test tests/{typeof(ApprovedApiTests).Assembly.GetName().Name} --filter {nameof(The_public_api_is_the_approved_one)}, and review the change of tests/Coordinator.Tests/Api/{assembly}.txt.");
    }

    [Theory]
    [MemberData(nameof(Assemblies))]
    public void Public_types_are_where_users_look_for_them(string assembly) => Assert.All(
        PublicTypes(assembly),
        type => Assert.True(
            Namespaces.Contains(type.Namespace) || type.Namespace!.StartsWith("Coordinator.Testing", StringComparison.Ordinal),
            $"{type} is in no namespace that is meant for users"));

    [Theory]
    [MemberData(nameof(Assemblies))]
    public void Public_classes_are_sealed_static_or_closed(string assembly) => Assert.All(
        PublicTypes(assembly).Where(type => type.IsClass && !type.IsSealed),
        type => Assert.DoesNotContain(
            type.GetConstructors(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic),
            one => one.IsPublic || one.IsFamilyOrAssembly || (one.IsFamily && !IsCopy(one, type))));

    [Theory]
    [MemberData(nameof(Assemblies))]
    public void Exceptions_are_made_by_the_engine_only(string assembly) => Assert.All(
        PublicTypes(assembly).Where(type => type.IsAssignableTo(typeof(Exception)) && assembly != "Coordinator.Testing"),
        type => Assert.Empty(type.GetConstructors()));

    // The build demands a comment (CS1591); this demands that what it wrote says something.
    [Theory]
    [MemberData(nameof(Assemblies))]
    public void Every_public_type_and_member_has_a_comment_that_is_not_empty(string assembly)
    {
        var members = XDocument.Load(Path.Combine(Path.GetDirectoryName(Assembly.Load(assembly).Location)!, assembly + ".xml")).Descendants("member")
            .ToDictionary(member => member.Attribute("name")!.Value, member => member, StringComparer.Ordinal);
        Assert.All(PublicTypes(assembly), type =>
        {
            Assert.True(IsSaid("T:" + NameInComments(type)), $"{type} has no comment");
            var prefix = NameInComments(type) + ".";
            Assert.All(
                members.Keys.Where(key => key[2..].StartsWith(prefix, StringComparison.Ordinal)),
                key => Assert.True(IsSaid(key), $"{key} has no comment"));
        });

        bool IsSaid(string key) => members.TryGetValue(key, out var member)
            && (member.Element("inheritdoc") is not null || member.Element("param") is not null || !string.IsNullOrWhiteSpace(member.Element("summary")?.Value));
    }

    private static bool IsCopy(ConstructorInfo constructor, Type type) =>
        constructor.GetParameters() is [var only] && only.ParameterType == type;

    private static string NameInComments(Type type) => type.FullName!.Replace('+', '.');

    private static IEnumerable<Type> PublicTypes(string assembly) => ApiList.TypesOf(Assembly.Load(assembly))
        .Where(type => !type.IsDefined(typeof(CompilerGeneratedAttribute)));
}
