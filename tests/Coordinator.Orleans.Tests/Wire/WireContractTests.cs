using System.Reflection;
using System.Text;
using Coordinator.Orleans.Wire;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Tests;
using Orleans.Concurrency;
using Xunit;

namespace Coordinator.Orleans.Tests;

/// <summary>
/// Silos of different versions talk to each other during an upgrade, so what is on the wire changes only by additions: a member never changes its number
/// or its type, a number is never used again, and what means something else has another alias.
/// </summary>
public sealed class WireContractTests
{
    private const string Page = "src/Coordinator.Orleans/WireContracts.txt";

    private static readonly Assembly s_assembly = typeof(WireHeader).Assembly;

    // They travel as numbers, so that a member inserted before others would make silos of two versions take one for the other.
    private static readonly Type[] s_numbers = [typeof(AbortReason), typeof(Ballot), typeof(Decision), typeof(EnlistmentRefusal), typeof(ParticipantKind)];

    private static readonly Dictionary<Type, Type> s_surrogates = s_assembly.GetTypes()
        .SelectMany(static type => type.GetInterfaces())
        .Where(static one => one.IsGenericType && one.GetGenericTypeDefinition() == typeof(IConverter<,>))
        .ToDictionary(static one => one.GenericTypeArguments[0], static one => one.GenericTypeArguments[1]);

    [Fact]
    public void The_wire_contracts_are_those_that_were_reviewed()
    {
        var actual = Describe();
        var beside = Path.Combine(AppContext.BaseDirectory, Path.GetFileName(Page));
        File.WriteAllText(beside, actual);
        Assert.True(
            File.ReadAllText(Path.Combine(RepositoryFiles.Root, Page)) == actual,
            $"{Page} differs from what the types say, which is in {beside}. If the change is meant, and is one that silos of the last version understand, copy it there.");
    }

    [Fact]
    public void Everything_on_the_wire_has_an_alias_with_a_version()
    {
        foreach (var type in WireTypes().Concat(Interfaces()))
        {
            Assert.Matches(@"^coordinator\.[a-z-]+\.v\d+$", AliasOf(type) ?? $"{type} has none");
        }
    }

    [Fact]
    public void No_alias_is_used_twice() =>
        Assert.Equal(WireTypes().Concat(Interfaces()).Select(AliasOf).Distinct(StringComparer.Ordinal).Count(), WireTypes().Concat(Interfaces()).Count());

    private static string Describe()
    {
        var text = new StringBuilder();
        foreach (var type in Interfaces().OrderBy(AliasOf, StringComparer.Ordinal))
        {
            text.Append($"interface {AliasOf(type)}\n");
            foreach (var method in type.GetMethods().OrderBy(AliasOf, StringComparer.Ordinal))
            {
                var parameters = string.Join(", ", method.GetParameters().Select(static parameter => NameOf(parameter.ParameterType)));
                text.Append($"  {AliasOf(method) ?? "!! no alias"}({parameters}) -> {NameOf(method.ReturnType)}{(method.IsDefined(typeof(OneWayAttribute)) ? ", one-way" : string.Empty)}\n");
            }
        }

        foreach (var type in WireTypes().OrderBy(AliasOf, StringComparer.Ordinal))
        {
            var isDerived = type.BaseType is { } parent && parent.IsDefined(typeof(GenerateSerializerAttribute));
            text.Append($"type {AliasOf(type)}{(isDerived ? $" : {AliasOf(type.BaseType!)}" : string.Empty)}\n");
            foreach (var (id, member, memberType) in MembersOf(type).OrderBy(static member => member.Id))
            {
                text.Append($"  {id} {member} {NameOf(memberType)}\n");
            }
        }

        foreach (var type in s_numbers)
        {
            text.Append($"numbers {type.Name}\n");
            foreach (var value in Enum.GetValuesAsUnderlyingType(type))
            {
                text.Append($"  {value} {Enum.GetName(type, value)}\n");
            }
        }

        return text.ToString();
    }

    private static IEnumerable<Type> WireTypes() => s_assembly.GetTypes().Where(static type => type.IsDefined(typeof(GenerateSerializerAttribute), inherit: false));

    private static IEnumerable<Type> Interfaces() => s_assembly.GetTypes().Where(static type => type.IsInterface && typeof(IAddressable).IsAssignableFrom(type));

    private static IEnumerable<(uint Id, string Name, Type Type)> MembersOf(Type type)
    {
        const BindingFlags Own = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;
        return type.GetProperties(Own).Select(static property => (Member: (MemberInfo)property, property.PropertyType))
            .Concat(type.GetFields(Own).Select(static field => (Member: (MemberInfo)field, field.FieldType)))
            .Where(static member => member.Member.IsDefined(typeof(IdAttribute)))
            .Select(static member => (member.Member.GetCustomAttribute<IdAttribute>()!.Id, member.Member.Name, member.Item2));
    }

    private static string? AliasOf(MemberInfo member) => member.GetCustomAttribute<AliasAttribute>(inherit: false)?.Alias;

    /// <summary>By its alias where it has one: the name of a type of ours may change, what is written may not.</summary>
    private static string NameOf(Type type) => type switch
    {
        { IsArray: true } => NameOf(type.GetElementType()!) + "[]",
        { IsGenericType: true } => $"{type.Name.Split('`')[0]}<{string.Join(", ", type.GenericTypeArguments.Select(NameOf))}>",
        _ => AliasOf(type) ?? (s_surrogates.TryGetValue(type, out var surrogate) ? AliasOf(surrogate) : null) ?? type.Name,
    };
}
