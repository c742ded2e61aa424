using System.Collections.Concurrent;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Coordinator.Log;
using Coordinator.Protocol;

namespace Coordinator;

/// <summary>
/// Declares the name and version under which events of a type are stored. Neither ever changes: a changed event is a new
/// version with a type of its own, and the old one stays readable.
/// </summary>
/// <param name="name">For instance <c>account.deposited</c>; 1 to 100 printable ASCII characters without blanks.</param>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Struct, Inherited = false)]
public sealed class EventTypeAttribute(string name) : Attribute
{
    /// <summary>The stored name.</summary>
    public string Name { get; } = name;

    /// <summary>The stored version. Default 1.</summary>
    public int Version { get; init; } = 1;
}

/// <summary>
/// The event types a process knows, by their declared names: a CLR type name is never stored. Events are JSON.
/// </summary>
public sealed class EventTypes
{
    private const int NameLengthMax = 100;

    private readonly ConcurrentDictionary<Type, EventType> _byType = new();
    private readonly ConcurrentDictionary<(string Name, int Version), EventType> _byName = new();

    /// <summary>
    /// How events become JSON. Give it a source-generated context as TypeInfoResolver where reflection is not wanted; set it
    /// before the first event is added. Default: <see cref="JsonSerializerDefaults.Web"/>, by reflection.
    /// </summary>
    /// <exception cref="InvalidOperationException">Events were added already, and would go on without it.</exception>
    public JsonSerializerOptions Json
    {
        get;
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            field = _byType.IsEmpty
                ? value
                : throw new InvalidOperationException(
                    $"{nameof(Json)} is set after events were added, which are not stored by it: set it in a {nameof(CoordinatorBuilder.ConfigureEvents)} before {nameof(CoordinatorBuilder.AddEventsFrom)} and every Add.");
        }
    } = new(JsonSerializerDefaults.Web) { TypeInfoResolver = new DefaultJsonTypeInfoResolver() };

    internal EventTypes()
    {
    }

    /// <summary>Adds a type under a name and a version.</summary>
    /// <exception cref="ArgumentException">The name or version is taken by another type, or is no name.</exception>
    public EventTypes Add<T>(string name, int version = 1)
        where T : notnull => Add(typeof(T), name, version);

    /// <summary>Adds a type that carries <see cref="EventTypeAttribute"/>.</summary>
    /// <exception cref="ArgumentException">It carries none, or its name is taken by another type.</exception>
    public EventTypes Add<T>()
        where T : notnull => Add(typeof(T));

    /// <summary>Adds every type of an assembly that carries <see cref="EventTypeAttribute"/>.</summary>
    public EventTypes AddFrom(Assembly assembly)
    {
        ArgumentNullException.ThrowIfNull(assembly);
        foreach (var type in assembly.GetTypes().Where(type => type.IsDefined(typeof(EventTypeAttribute))))
        {
            Add(type);
        }

        return this;
    }

    /// <summary>What is stored of an event. The first one of each type is read back.</summary>
    /// <exception cref="ArgumentException">Its type was not added, or it would not be read back as it is.</exception>
    internal EventData Serialize(object value)
    {
        if (!_byType.TryGetValue(value.GetType(), out var type))
        {
            throw NotAdded(value.GetType());
        }

        var payload = JsonSerializer.SerializeToUtf8Bytes(value, type.Json);
        if (!type.IsProven)
        {
            EventRoundTrip.Ensure(payload, type.Type, type.Json);
            type.IsProven = true;
        }

        return new EventData(type.Name, type.Version, payload);
    }

    /// <summary>Reads the event of a row back, or null if this process does not know its type.</summary>
    /// <exception cref="EventUnreadableException">What is stored does not fit the type.</exception>
    internal object? TryRead(LogRow row)
    {
        if (!_byName.TryGetValue((row.Type, row.TypeVersion), out var type))
        {
            return null;
        }

        object? read = null;
        Exception? why = null;
        try
        {
            read = JsonSerializer.Deserialize(row.Payload.Span, type.Json);
        }
        catch (Exception error) // of the serializer, or of the user's own constructor or converter: whatever it is, the event can't be had
        {
            why = error;
        }

        return read ?? throw EventUnreadableException.Unfit(row.Stream, row.Version, row.Type, row.TypeVersion, type.Type.ToString(), why);
    }

    /// <summary>It could be stored by its attribute, but the process that reads it after a restart would not know it.</summary>
    private static ArgumentException NotAdded(Type type) => new(
        $"{type} is not among the coordinator's event types, and nobody could read it back after a restart: "
        + (type.IsDefined(typeof(EventTypeAttribute), inherit: false) ? string.Empty : "put [EventType(\"name\")] on it, and ")
        + $"add its assembly with {nameof(CoordinatorBuilder.AddEventsFrom)}, or the type itself with {nameof(CoordinatorBuilder.ConfigureEvents)}(events => events.Add<{type.Name}>()).",
        nameof(type));

    private EventTypes Add(Type type) => type.GetCustomAttribute<EventTypeAttribute>() is { } declared
        ? Add(type, declared.Name, declared.Version)
        : throw new ArgumentException(
            $"{type} has no declared event name: put [EventType(\"name\")] on it, or add it with a name to the coordinator's event types.", nameof(type));

    private EventTypes Add(Type type, string name, int version)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name.Length > NameLengthMax || !StreamName.TryCreate(name, out _))
        {
            throw new ArgumentException($"'{name}' is no event name: 1 to {NameLengthMax} printable ASCII characters without blanks.", nameof(name));
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(version, 1);
        var added = new EventType(name, version, type, Json.GetTypeInfo(type));
        var byName = _byName.GetOrAdd((name, version), added);
        var byType = _byType.GetOrAdd(type, added);
        if (byName.Type != type || byType.Name != name || byType.Version != version)
        {
            throw new ArgumentException(
                $"{type} can't be '{name}' version {version}: "
                + (byName.Type != type ? $"{byName.Type} is that already." : $"it is '{byType.Name}' version {byType.Version} already."),
                nameof(name));
        }

        return this;
    }

    private sealed record EventType(string Name, int Version, Type Type, JsonTypeInfo Json)
    {
        private volatile bool _isProven;

        /// <summary>One event of the type was read back, and was what it had been.</summary>
        public bool IsProven
        {
            get => _isProven;
            set => _isProven = value;
        }
    }
}
