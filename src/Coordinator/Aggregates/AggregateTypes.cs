using System.Collections.Concurrent;
using System.Reflection;
using Coordinator.Log;
using Coordinator.Participants;
using Coordinator.Protocol;

namespace Coordinator.Aggregates;

/// <summary>How activations of each kind of state are made, and which stream names belong to aggregates.</summary>
internal sealed class AggregateTypes
{
    private static readonly MethodInfo s_categoryOf = typeof(AggregateTypes).GetMethod(nameof(CategoryOf), BindingFlags.NonPublic | BindingFlags.Static)!;

    private readonly ConcurrentDictionary<Type, StateKind> _aggregates = new();
    private readonly ConcurrentDictionary<Type, StateKind> _values = new();
    private readonly ConcurrentDictionary<string, Type> _categories = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Type> _reserved = new(StringComparer.Ordinal); // not used yet in this process

    public AggregateTypes(EventTypes events, SnapshotTypes? snapshots = null)
    {
        (Events, Snapshots) = (events, snapshots);
        foreach (var type in snapshots?.Types ?? [])
        {
            Reserve(type);
        }
    }

    private EventTypes Events { get; }

    private SnapshotTypes? Snapshots { get; }

    /// <summary>Keeps snapshots; set by the engine before the first activation is made.</summary>
    public SnapshotKeeper? Keeper { get; set; }

    /// <summary>
    /// Keeps the streams of every aggregate of an assembly from other use. Before its first use in a process nobody else would know that
    /// they are an aggregate's, and an event that somebody published there could not be taken back.
    /// </summary>
    public void ReserveFrom(Assembly assembly)
    {
        foreach (var type in assembly.GetTypes().Where(static type => type is { IsClass: true, IsAbstract: false, IsGenericTypeDefinition: false } && Array.Exists(
            type.GetInterfaces(), one => one.IsGenericType && one.GetGenericTypeDefinition() == typeof(IAggregate<>) && one.GenericTypeArguments[0] == type)))
        {
            Reserve(type);
        }
    }

    /// <summary>Makes activations of an aggregate.</summary>
    /// <exception cref="InvalidOperationException">Its category is no name, or belongs to another aggregate.</exception>
    public Func<StreamName, Activation> Factory<T>()
        where T : class, IAggregate<T> => KindOf<T>().Create;

    /// <summary>Makes activations of a plain value: the last event is the value.</summary>
    public Func<StreamName, Activation> StateFactory<T>()
        where T : class => ValueOf<T>().Create;

    /// <summary>What an aggregate's streams have in common.</summary>
    /// <inheritdoc cref="Factory" path="/exception"/>
    public StateKind KindOf<T>()
        where T : class, IAggregate<T> => _aggregates.TryGetValue(typeof(T), out var known) ? known : Add<T>();

    /// <summary>What streams of a plain value have in common.</summary>
    public StateKind ValueOf<T>()
        where T : class => _values.GetOrAdd(typeof(T), static (type, self) => new StateKind(new StateShape(type, self.Events, null, null, null, null)), this);

    /// <summary>The stream of an aggregate.</summary>
    public static StreamName StreamOf<T>(string id)
        where T : class, IAggregate<T>
    {
        ArgumentException.ThrowIfNullOrEmpty(id);
        return new StreamName(string.Concat(T.Category, "/", id));
    }

    /// <summary>Throws if a stream belongs to the engine or to an aggregate.</summary>
    public void EnsurePlain(StreamName stream)
    {
        if (LogStreams.IsReserved(stream))
        {
            throw new ArgumentException($"Stream '{stream}' belongs to the engine: choose a name that does not begin with 'shard/' or 'key/' and is not 'meta'.", nameof(stream));
        }

        var slash = stream.Value.IndexOf('/', StringComparison.Ordinal);
        if (slash > 0 && (_categories.TryGetValue(stream.Value[..slash], out var type) || _reserved.TryGetValue(stream.Value[..slash], out type)))
        {
            throw new ArgumentException($"Stream '{stream}' belongs to the aggregate {type.Name}: open it with ReadAsync or UpdateAsync.", nameof(stream));
        }
    }

    private static string CategoryOf<T>()
        where T : class, IAggregate<T> => T.Category;

    // What is no category, or is another's, is told at the type's first use.
    private void Reserve(Type type) =>
        _reserved.TryAdd((string)s_categoryOf.MakeGenericMethod(type).Invoke(null, BindingFlags.DoNotWrapExceptions, null, null, null)!, type);

    private StateKind Add<T>()
        where T : class, IAggregate<T>
    {
        var category = T.Category;
        if (!StreamName.TryCreate(category, out var name) || category.Contains('/', StringComparison.Ordinal) || LogStreams.IsReserved(new StreamName(name + "/x")) || name == LogStreams.Meta)
        {
            throw new InvalidOperationException($"'{category}' of {typeof(T)} is no category: printable ASCII without blanks or '/', and not 'meta', 'shard' or 'key'.");
        }

        var owner = _categories.GetOrAdd(category, typeof(T));
        if (owner != typeof(T))
        {
            throw new InvalidOperationException($"Category '{category}' belongs to {owner}; give {typeof(T)} another one.");
        }

        return _aggregates.GetOrAdd(
            typeof(T),
            static (type, self) => new StateKind(new StateShape(
                type, self.Events, T.Initial, static (state, @event) => ((T)state!).Apply(@event), self.Snapshots?.Find(type), self.Keeper)),
            this);
    }
}

/// <summary>A type of state, and how its activations are made.</summary>
internal sealed class StateKind(StateShape shape)
{
    public StateShape Shape => shape;

    public Func<StreamName, Activation> Create { get; } = stream => new FoldedActivation(stream, shape);
}
