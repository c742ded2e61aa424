using System.Collections.Concurrent;
using Coordinator.Orleans.Wire;
using Orleans.Runtime.Services;

namespace Coordinator.Orleans.Links;

/// <summary>Calls the coordinators of other silos.</summary>
internal sealed class CoordinatorServiceClient(IServiceProvider services) : GrainServiceClient<ICoordinatorService>(services), IBatchSender
{
    private readonly ConcurrentDictionary<SiloAddress, ICoordinatorService> _references = new();

    /// <summary>The coordinator of a silo.</summary>
    public ICoordinatorService Of(SiloAddress silo) => _references.GetOrAdd(silo, static (silo, self) => self.GetGrainService(silo), this);

    /// <inheritdoc/>
    public void Send(SiloAddress silo, HostBatch batch) => Of(silo).Deliver(batch).Ignore();
}
