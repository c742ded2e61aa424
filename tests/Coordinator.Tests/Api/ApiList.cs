using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace Coordinator.Tests.Api;

/// <summary>
/// The public surface of an assembly as lines of text in a stable order: each stands by itself, so that a difference reads like one. What the
/// compiler makes for every record (equality, hash code, printing, copying) is left out: the word record says it.
/// </summary>
internal static class ApiList
{
    private static readonly string[] OfRecords = ["Equals", "GetHashCode", "ToString", "PrintMembers", "<Clone>$", "op_Equality", "op_Inequality", "EqualityContract", "get_EqualityContract", "Deconstruct"];

    /// <summary>The types that are written for users; what Orleans generates beside them it must be able to see as well.</summary>
    public static IEnumerable<Type> TypesOf(Assembly assembly) =>
        assembly.GetExportedTypes().Where(static type => type.Namespace?.StartsWith("OrleansCodeGen", StringComparison.Ordinal) is not true);

    public static IEnumerable<string> Of(Assembly assembly) => TypesOf(assembly)
        .OrderBy(type => type.FullName, StringComparer.Ordinal)
        .SelectMany(type => MembersOf(type).Order(StringComparer.Ordinal).Prepend(ApiNames.Header(type)));

    private static IEnumerable<string> MembersOf(Type type)
    {
        const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        var name = ApiNames.Of(type);
        if (type.IsEnum)
        {
            return type.GetFields(BindingFlags.Public | BindingFlags.Static)
                .Select(value => $"{name}.{value.Name} = {Convert.ToInt64(value.GetRawConstantValue(), CultureInfo.InvariantCulture)}{Marks(value)}");
        }

        if (type.IsAssignableTo(typeof(Delegate)))
        {
            return [];
        }

        var isRecord = ApiNames.IsRecord(type);
        var constructors = type.GetConstructors(Declared).Where(one => IsVisible(one) && !(isRecord && IsCopy(one)))
            .Select(one => $"{name}({Parameters(one)}){Marks(one)}");
        var fields = type.GetFields(Declared).Where(one => one.IsPublic || one.IsFamily || one.IsFamilyOrAssembly).Select(one => Field(name, one));
        var properties = type.GetProperties(Declared).Where(one => !(isRecord && OfRecords.Contains(one.Name)))
            .Where(one => one.GetAccessors(true).Any(IsVisible)).Select(one => Property(name, one));
        var events = type.GetEvents(Declared).Where(one => IsVisible(one.AddMethod!)).Select(one => $"{name}.{one.Name}: event {ApiNames.Of(one.EventHandlerType!)}{Marks(one)}");
        var methods = type.GetMethods(Declared).Where(one => IsVisible(one) && !IsAccessor(one) && !(isRecord && OfRecords.Contains(one.Name) && !IsWritten(one)))
            .Select(one => Method(name, one));
        return constructors.Concat(fields).Concat(properties).Concat(events).Concat(methods);
    }

    private static string Field(string name, FieldInfo field) => field.IsLiteral
        ? $"{name}.{field.Name}: const {ApiNames.Of(field.FieldType)} = {ApiNames.Value(field.GetRawConstantValue())}{Marks(field)}"
        : $"{name}.{field.Name}: {(field.IsStatic ? "static " : "")}{(field.IsInitOnly ? "readonly " : "")}{ApiNames.Of(new NullabilityInfoContext().Create(field))}{Marks(field)}";

    private static string Property(string name, PropertyInfo property)
    {
        var set = property.SetMethod is { } setter && IsVisible(setter)
            ? setter.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)) ? " init;" : " set;"
            : string.Empty;
        var get = property.GetMethod is { } getter && IsVisible(getter) ? " get;" : string.Empty;
        var required = property.IsDefined(typeof(RequiredMemberAttribute)) ? "required " : string.Empty;
        var indexes = property.GetIndexParameters().Length == 0 ? string.Empty : $"[{string.Join(", ", property.GetIndexParameters().Select(Parameter))}]";
        return $"{name}.{property.Name}{indexes}: {Modifiers(property.GetAccessors(true)[0])}{required}{ApiNames.Of(new NullabilityInfoContext().Create(property))} {{{get}{set} }}{Marks(property)}";
    }

    private static string Method(string name, MethodInfo method)
    {
        var generic = method.IsGenericMethodDefinition ? $"<{string.Join(", ", method.GetGenericArguments().Select(one => one.Name))}>" : string.Empty;
        var constraints = string.Concat(method.IsGenericMethodDefinition ? method.GetGenericArguments().Select(ApiNames.Constraints) : []);
        var extension = method.IsDefined(typeof(ExtensionAttribute)) ? "this " : string.Empty;
        return $"{name}.{method.Name}{generic}({extension}{Parameters(method)}): {Modifiers(method)}{ApiNames.Of(new NullabilityInfoContext().Create(method.ReturnParameter))}{constraints}{Marks(method)}";
    }

    private static string Parameters(MethodBase method) => string.Join(", ", method.GetParameters().Select(Parameter));

    private static string Parameter(ParameterInfo parameter)
    {
        var direction = parameter.IsOut ? "out " : parameter.ParameterType.IsByRef ? "ref " : string.Empty;
        var many = parameter.IsDefined(typeof(ParamArrayAttribute)) ? "params " : string.Empty;
        var fallback = parameter.HasDefaultValue ? " = " + (parameter.RawDefaultValue is null && parameter.ParameterType.IsValueType ? "default" : ApiNames.Value(parameter.RawDefaultValue)) : string.Empty;
        return $"{many}{direction}{ApiNames.Of(new NullabilityInfoContext().Create(parameter))} {parameter.Name}{fallback}";
    }

    private static string Modifiers(MethodInfo method) => method switch
    {
        { IsStatic: true, IsAbstract: true } => "static abstract ",
        { IsStatic: true } => "static ",
        { IsAbstract: true, DeclaringType.IsInterface: false } => "abstract ",
        _ when method.GetBaseDefinition() != method => "override ",
        { IsVirtual: true, IsFinal: false, DeclaringType.IsInterface: false } => "virtual ",
        _ => string.Empty,
    };

    private static string Marks(MemberInfo member) => ApiNames.Marks(member);

    private static bool IsVisible(MethodBase method) => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;

    private static bool IsAccessor(MethodInfo method) => method.IsSpecialName && !method.Name.StartsWith("op_", StringComparison.Ordinal);

    private static bool IsCopy(ConstructorInfo constructor) => constructor.GetParameters() is [var only] && only.ParameterType == constructor.DeclaringType;

    /// <summary>By a person: the compiler marks what it writes itself.</summary>
    private static bool IsWritten(MethodInfo method) => !method.IsDefined(typeof(CompilerGeneratedAttribute));
}
