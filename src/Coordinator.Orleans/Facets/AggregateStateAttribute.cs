namespace Coordinator;

/// <summary>
/// Gives a constructor parameter of type <see cref="IAggregateState{T}"/> the aggregate whose id is the grain's key. The grain class must be
/// [Reentrant], so that a call which waits for a lock does not keep out the one that holds it.
/// </summary>
[AttributeUsage(AttributeTargets.Parameter)]
public sealed class AggregateStateAttribute : Attribute, IFacetMetadata;
