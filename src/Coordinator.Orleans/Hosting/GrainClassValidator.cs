using System.Reflection;
using Coordinator.Orleans.Facets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Orleans.Concurrency;
using Orleans.Configuration;
using Orleans.Serialization;

namespace Coordinator.Orleans.Hosting;

/// <summary>Stops a silo that has a grain class whose transactional state could not work.</summary>
internal sealed class GrainClassValidator(IOptions<GrainTypeOptions> grains, IServiceProvider provider) : IConfigurationValidator
{
    private const string OrleansTransactions = "Orleans.Transactions";
    private const string OrleansTransactionAttribute = "Orleans.TransactionAttribute";

    /// <inheritdoc/>
    public void ValidateConfiguration()
    {
        var classes = grains.Value.Classes
            .Select(static type => (Type: type, Facets: FacetsOf(type)))
            .Where(static grain => grain.Facets.Length > 0)
            .ToArray();
        if (classes.Length == 0)
        {
            return;
        }

        var events = CoordinatorServiceCollectionExtensions.CreateEvents(provider);
        var faults = classes.SelectMany(grain => FaultsOf(grain.Type, grain.Facets, events)).Concat(SharedAggregates(classes)).ToArray();
        if (faults.Length > 0)
        {
            throw new OrleansConfigurationException("Grain classes can't have the transactional state that they declare:" + Environment.NewLine + string.Join(Environment.NewLine, faults));
        }
    }

    private static ParameterInfo[] FacetsOf(Type type) =>
        [.. ParametersOf(type).Where(static parameter => NameOf(parameter) is not null || parameter.IsDefined(typeof(AggregateStateAttribute)))];

    /// <summary>Of the constructor that Orleans calls: the first public one.</summary>
    private static ParameterInfo[] ParametersOf(Type type) => type.GetConstructors().FirstOrDefault()?.GetParameters() ?? [];

    /// <summary>Its facets are in a namespace of its own; the attribute of methods is in that of Orleans.</summary>
    private static bool IsOfOrleansTransactions(Type attribute) =>
        attribute.Namespace?.StartsWith(OrleansTransactions, StringComparison.Ordinal) is true
        || attribute.FullName is OrleansTransactionAttribute
        || attribute.Assembly.GetName().Name is OrleansTransactions;

    /// <summary>
    /// Each grain keeps its aggregate in memory on its silo. Two of different classes are two grains on two silos: each would have to find out by conflicts, and
    /// by nothing else, what the other has committed.
    /// </summary>
    private static IEnumerable<string> SharedAggregates((Type Type, ParameterInfo[] Facets)[] classes) =>
        from grain in classes
        from facet in grain.Facets
        where NameOf(facet) is null && !facet.ParameterType.ContainsGenericParameters
        group grain.Type by facet.ParameterType into users
        let types = users.Distinct().ToArray()
        where types.Length > 1
        select $"- {string.Join(" and ", types.AsEnumerable())}: they take {users.Key}, so that grains of one key would share one aggregate: let one class have it, and the others call that.";

    private static string? NameOf(ParameterInfo parameter) => parameter.GetCustomAttribute<TransactionalStateAttribute>()?.Name;

    private IEnumerable<string> FaultsOf(Type type, ParameterInfo[] facets, EventTypes events) =>
        ClassFaults(type, facets).Concat(facets.SelectMany(facet => FacetFaults(facet, events))).Select(fault => $"- {type}: {fault}");

    private static IEnumerable<string> ClassFaults(Type type, ParameterInfo[] facets)
    {
        if (!type.IsDefined(typeof(ReentrantAttribute)))
        {
            yield return "put [Reentrant] on the class, or a call that waits for a lock keeps out the one that holds it.";
        }

        if (type.IsDefined(typeof(StatelessWorkerAttribute)))
        {
            yield return "a [StatelessWorker] has many activations, and they would contend for one state: use a grain with one.";
        }

        if (ParametersOf(type).SelectMany(static parameter => parameter.GetCustomAttributesData()).Concat(type.GetInterfaces().SelectMany(
            static one => one.GetMethods()).SelectMany(static method => method.GetCustomAttributesData())).Any(static data => IsOfOrleansTransactions(data.AttributeType)))
        {
            yield return "it also uses the transactions of Orleans, whose outcome would be another: move all of its state to one of the two.";
        }

        foreach (var twice in facets.Select(NameOf).OfType<string>().GroupBy(static name => name, StringComparer.Ordinal).Where(static names => names.Count() > 1))
        {
            yield return $"two of its states are named '{twice.Key}', and would be one: give each a name of its own.";
        }

        foreach (var twice in facets.Where(static facet => NameOf(facet) is null).GroupBy(static facet => facet.ParameterType).Where(static facets => facets.Count() > 1))
        {
            yield return $"it takes {twice.Key} twice, which is one aggregate: take it once.";
        }
    }

    private IEnumerable<string> FacetFaults(ParameterInfo facet, EventTypes events)
    {
        var name = NameOf(facet);
        var kind = name is null ? typeof(IAggregateState<>) : typeof(ITransactionalState<>);
        if (!facet.ParameterType.IsGenericType || facet.ParameterType.GetGenericTypeDefinition() != kind)
        {
            yield return $"parameter '{facet.Name}' must be of type {kind.Name.Split('`')[0]}<T>.";
            yield break;
        }

        if (name is null)
        {
            yield break; // an aggregate's events are told when they are raised
        }

        if (!FacetNames.IsStateName(name))
        {
            yield return $"'{name}' is no name of a state: 1 to {FacetNames.StateLengthMax} ASCII letters, digits, '-' and '_'.";
        }

        var value = facet.ParameterType.GenericTypeArguments[0];
        if (FaultOf(value, events) is { } fault)
        {
            yield return $"state '{facet.Name}' of {value} {fault}";
        }
    }

    /// <summary>Stores and copies a new value, as the first update would.</summary>
    private string? FaultOf(Type type, EventTypes events)
    {
        if (type.ContainsGenericParameters)
        {
            return null; // known only once a grain of the generic class is called
        }

        try
        {
            var value = Activator.CreateInstance(type)!;
            events.Serialize(value);
            return ReferenceEquals(provider.GetRequiredService<DeepCopier>().Copy(value), value)
                ? "is not copied by Orleans, so that what an aborted transaction has changed in it would be seen: take [Immutable] from the type, and give it members that can be set."
                : null;
        }
        catch (CodecNotFoundException error)
        {
            return $"can't be copied by Orleans: put [GenerateSerializer] on the type. {error.Message}";
        }
        catch (Exception error) // of the user's own constructor or converters: whatever it is, there can be no such state
        {
            return $"can't be stored: {error.Message}";
        }
    }
}
