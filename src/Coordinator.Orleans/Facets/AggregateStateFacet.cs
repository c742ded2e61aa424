using Coordinator.Orleans.Ambient;

namespace Coordinator.Orleans.Facets;

/// <summary>A grain's aggregate: the log-native participant of its stream.</summary>
internal sealed class AggregateStateFacet<T>(string id) : IAggregateState<T>
    where T : class, IAggregate<T>
{
    /// <inheritdoc/>
    public string Id { get; } = id;

    /// <inheritdoc/>
    public Task<AggregateView<T>> ReadAsync(CancellationToken cancellation = default) => CallScope.Required(Id).CallAsync(
        Id, static (work, id, cancellation) => work.ReadAsync<T>(id, cancellation), cancellation).AsTask();

    /// <inheritdoc/>
    public Task<Aggregate<T>> UpdateAsync(CancellationToken cancellation = default) => CallScope.Required(Id).CallAsync(
        Id, static (work, id, cancellation) => work.UpdateAsync<T>(id, cancellation), cancellation).AsTask();
}
