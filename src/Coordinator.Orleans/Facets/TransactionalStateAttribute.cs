namespace Coordinator;

/// <summary>
/// Gives a constructor parameter of type <see cref="ITransactionalState{T}"/> a state of the grain that transactions read and change. The grain
/// class must be [Reentrant], so that a call which waits for a lock does not keep out the one that holds it.
/// </summary>
/// <param name="name">
/// Names the state among those of its grain class, and in its stream: 1 to 50 ASCII letters, digits, '-' and '_'. Never changes.
/// </param>
[AttributeUsage(AttributeTargets.Parameter)]
public sealed class TransactionalStateAttribute(string name) : Attribute, IFacetMetadata
{
    /// <summary>The state's name.</summary>
    public string Name { get; } = name;
}
