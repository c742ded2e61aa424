using Coordinator.Orleans.Wire;
using Orleans.Concurrency;
using Orleans.Services;

namespace Coordinator.Orleans.Links;

/// <summary>The engine of one silo, as the other silos reach it: by the silo's address, since a directory may go on naming a dead one.</summary>
[Alias("coordinator.service.v1")]
internal interface ICoordinatorService : IGrainService
{
    /// <summary>Hands messages over. Nobody waits: what is lost is sent again by the machines' own deadlines.</summary>
    [OneWay]
    [Alias("Deliver")]
    Task Deliver(HostBatch batch);
}
