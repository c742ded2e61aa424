using System.Reflection;
using Coordinator.Aggregates;
using Coordinator.Hosting;
using Coordinator.Protocol;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;

namespace Coordinator.Orleans.Facets;

/// <summary>Makes the plain states of grains.</summary>
internal sealed class TransactionalStateMapper : IAttributeToFactoryMapper<TransactionalStateAttribute>
{
    private static readonly MethodInfo s_create = typeof(TransactionalStateMapper).GetMethod(nameof(Create), BindingFlags.NonPublic | BindingFlags.Static)!;

    /// <inheritdoc/>
    public Factory<IGrainContext, object> GetFactory(ParameterInfo parameter, TransactionalStateAttribute metadata) =>
        FacetParameter.FactoryOf(parameter, typeof(ITransactionalState<>), s_create, metadata.Name);

    private static TransactionalStateFacet<T> Create<T>(IGrainContext grain, string name)
        where T : class, new()
    {
        var stream = FacetNames.StateStream(grain.GrainId, name);
        FacetParameter.KeepWithGrain(grain, stream, static engine => engine.Aggregates.ValueOf<T>());
        return new TransactionalStateFacet<T>(stream, grain.ActivationServices.GetRequiredService<DeepCopier<T>>());
    }
}

/// <summary>Makes the aggregates of grains.</summary>
internal sealed class AggregateStateMapper : IAttributeToFactoryMapper<AggregateStateAttribute>
{
    private static readonly MethodInfo s_create = typeof(AggregateStateMapper).GetMethod(nameof(Create), BindingFlags.NonPublic | BindingFlags.Static)!;

    /// <inheritdoc/>
    public Factory<IGrainContext, object> GetFactory(ParameterInfo parameter, AggregateStateAttribute metadata) =>
        FacetParameter.FactoryOf(parameter, typeof(IAggregateState<>), s_create, string.Empty);

    private static AggregateStateFacet<T> Create<T>(IGrainContext grain, string name)
        where T : class, IAggregate<T>
    {
        var id = FacetNames.AggregateId(grain.GrainId, T.Category);
        FacetParameter.KeepWithGrain(grain, AggregateTypes.StreamOf<T>(id), static engine => engine.Aggregates.KindOf<T>());
        return new AggregateStateFacet<T>(id);
    }
}

/// <summary>What the mappers share.</summary>
internal static class FacetParameter
{
    /// <summary>Makes facets for a constructor parameter.</summary>
    /// <param name="parameter">The parameter.</param>
    /// <param name="kind">The generic interface that it must be of.</param>
    /// <param name="create">A generic method of the same argument.</param>
    /// <param name="name">What it is given beside the grain.</param>
    /// <exception cref="ArgumentException">The parameter is of another type.</exception>
    public static Factory<IGrainContext, object> FactoryOf(ParameterInfo parameter, Type kind, MethodInfo create, string name)
    {
        var type = parameter.ParameterType;
        if (!type.IsGenericType || type.GetGenericTypeDefinition() != kind)
        {
            throw new ArgumentException($"Parameter '{parameter.Name}' of {parameter.Member.DeclaringType} must be of type {kind.Name[..kind.Name.IndexOf('`', StringComparison.Ordinal)]}<T>.", nameof(parameter));
        }

        var closed = create.MakeGenericMethod(type.GenericTypeArguments).CreateDelegate<Func<IGrainContext, string, object>>();
        return grain => closed(grain, name);
    }

    /// <summary>
    /// The silo keeps a stream's state in memory from the activation of its grain to the deactivation: no other silo changes it meanwhile, and the next
    /// activation may be elsewhere.
    /// </summary>
    public static void KeepWithGrain(IGrainContext grain, StreamName stream, Func<TransactionEngine, StateKind> kind)
    {
        var engine = grain.ActivationServices.GetRequiredService<TransactionEngine>();
        grain.ObservableLifecycle.Subscribe(
            nameof(TransactionEngine),
            GrainLifecycleStage.SetupState,
            _ =>
            {
                engine.Anchor(stream, kind(engine));
                return Task.CompletedTask;
            },
            cancellation => engine.ReleaseAsync(stream, cancellation));
    }
}
