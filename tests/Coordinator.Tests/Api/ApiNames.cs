using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Reflection;

namespace Coordinator.Tests.Api;

/// <summary>Types and values as people write them.</summary>
internal static class ApiNames
{
    private static readonly Dictionary<Type, string> Keywords = new()
    {
        [typeof(void)] = "void", [typeof(object)] = "object", [typeof(string)] = "string", [typeof(bool)] = "bool", [typeof(char)] = "char",
        [typeof(byte)] = "byte", [typeof(short)] = "short", [typeof(ushort)] = "ushort", [typeof(int)] = "int", [typeof(uint)] = "uint",
        [typeof(long)] = "long", [typeof(ulong)] = "ulong", [typeof(double)] = "double", [typeof(decimal)] = "decimal",
    };

    /// <summary>The line that declares a type.</summary>
    public static string Header(Type type)
    {
        var bases = type.GetInterfaces().Except(type.BaseType?.GetInterfaces() ?? []).Where(one => !(IsRecord(type) && one.Name == "IEquatable`1"))
            .Select(Of).Order(StringComparer.Ordinal).ToList();
        if (type.BaseType is { } parent && parent != typeof(object) && parent != typeof(ValueType) && parent != typeof(Enum) && parent != typeof(MulticastDelegate))
        {
            bases.Insert(0, Of(parent));
        }

        var inherits = bases.Count == 0 || type.IsEnum || type.IsAssignableTo(typeof(Delegate)) ? string.Empty : " : " + string.Join(", ", bases);
        return $"{Kind(type)} {type.Namespace}.{Of(type)}{inherits}{string.Concat(type.GetGenericArguments().Select(Constraints))}{Marks(type)}";
    }

    /// <summary>The name of a type, without its namespace.</summary>
    public static string Of(Type type)
    {
        if (type.IsByRef)
        {
            return Of(type.GetElementType()!);
        }

        if (type.IsArray)
        {
            return Of(type.GetElementType()!) + "[]";
        }

        if (Nullable.GetUnderlyingType(type) is { } value)
        {
            return Of(value) + "?";
        }

        return Keywords.TryGetValue(type, out var keyword) ? keyword : Named(type, type.GetGenericArguments().Select(Of));
    }

    /// <summary>The type of a member, with what may be null.</summary>
    public static string Of(NullabilityInfo info)
    {
        var type = info.Type.IsByRef ? info.Type.GetElementType()! : info.Type;
        var mark = !type.IsValueType && (info.ReadState is NullabilityState.Nullable || info.WriteState is NullabilityState.Nullable) ? "?" : string.Empty;
        if (info.ElementType is { } element)
        {
            return $"{Of(element)}[]{mark}";
        }

        return type.IsGenericType && Nullable.GetUnderlyingType(type) is null && info.GenericTypeArguments.Length == type.GetGenericArguments().Length
            ? Named(type, info.GenericTypeArguments.Select(Of)) + mark
            : Of(type) + mark;
    }

    /// <summary>What a type parameter must be; empty for any.</summary>
    public static string Constraints(Type parameter)
    {
        if (!parameter.IsGenericParameter)
        {
            return string.Empty;
        }

        var attributes = parameter.GenericParameterAttributes;
        var demands = parameter.GetGenericParameterConstraints().Where(one => one != typeof(ValueType)).Select(Of).Order(StringComparer.Ordinal).ToList();
        if (attributes.HasFlag(GenericParameterAttributes.ReferenceTypeConstraint))
        {
            demands.Insert(0, "class");
        }

        if (attributes.HasFlag(GenericParameterAttributes.NotNullableValueTypeConstraint))
        {
            demands.Insert(0, "struct");
        }
        else if (attributes.HasFlag(GenericParameterAttributes.DefaultConstructorConstraint))
        {
            demands.Add("new()");
        }

        // notnull is the one constraint that only the attribute of nullability tells.
        if (demands.Count == 0 && parameter.CustomAttributes.Any(one => one.AttributeType.Name == "NullableAttribute" && one.ConstructorArguments is [{ Value: (byte)1 }]))
        {
            demands.Add("notnull");
        }

        return demands.Count == 0 ? string.Empty : $" where {parameter.Name} : {string.Join(", ", demands)}";
    }

    /// <summary>A constant as code.</summary>
    public static string Value(object? value) => value switch
    {
        null => "null",
        string text => $"\"{text}\"",
        bool flag => flag ? "true" : "false",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    /// <summary>That a member is on its way out, or not here to stay yet.</summary>
    public static string Marks(MemberInfo member) =>
        (member.GetCustomAttribute<ObsoleteAttribute>() is { } obsolete ? $" [Obsolete: {obsolete.Message}]" : string.Empty)
        + (member.GetCustomAttribute<ExperimentalAttribute>() is { } experimental ? $" [Experimental: {experimental.DiagnosticId}]" : string.Empty);

    /// <summary>True for what the compiler gives the members of a record.</summary>
    public static bool IsRecord(Type type) =>
        type.GetMethod("<Clone>$", BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance) is not null
        || (type.IsValueType && type.GetMethod("PrintMembers", BindingFlags.NonPublic | BindingFlags.Instance) is not null);

    private static string Kind(Type type) => type switch
    {
        { IsEnum: true } => "enum",
        { IsInterface: true } => "interface",
        { IsValueType: true } => (type.IsDefined(typeof(System.Runtime.CompilerServices.IsReadOnlyAttribute)) ? "readonly " : string.Empty) + (IsRecord(type) ? "record struct" : "struct"),
        _ when type.IsAssignableTo(typeof(Delegate)) => $"delegate {Of(type.GetMethod("Invoke")!.ReturnType)}",
        _ => $"{(type.IsAbstract && type.IsSealed ? "static " : type.IsAbstract ? "abstract " : type.IsSealed ? "sealed " : string.Empty)}{(IsRecord(type) ? "record" : "class")}",
    };

    private static string Named(Type type, IEnumerable<string> arguments)
    {
        var own = arguments.ToList();
        var name = type.Name.Split('`')[0];
        var prefix = type is { IsNested: true, IsGenericParameter: false } ? Of(type.DeclaringType!) + "." : string.Empty;
        return prefix + (own.Count == 0 || !type.IsGenericType ? name : $"{name}<{string.Join(", ", own)}>");
    }
}
