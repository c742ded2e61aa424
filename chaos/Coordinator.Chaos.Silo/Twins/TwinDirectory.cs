using System.Collections.Concurrent;
using Orleans.GrainDirectory;

namespace Coordinator.Chaos.Silo.Twins;

/// <summary>A directory of one silo alone: what others have activated is not in it.</summary>
internal sealed class TwinDirectory : IGrainDirectory
{
    public const string Name = "twins";

    private readonly ConcurrentDictionary<GrainId, GrainAddress> _addresses = new();

    /// <summary>What is active here.</summary>
    public IReadOnlyList<GrainId> Grains => [.. _addresses.Keys];

    public Task<GrainAddress?> Register(GrainAddress address) => Task.FromResult<GrainAddress?>(_addresses.GetOrAdd(address.GrainId, address));

    public Task Unregister(GrainAddress address)
    {
        _addresses.TryRemove(KeyValuePair.Create(address.GrainId, address));
        return Task.CompletedTask;
    }

    public Task<GrainAddress?> Lookup(GrainId grainId) => Task.FromResult(_addresses.GetValueOrDefault(grainId));

    /// <summary>Nothing of other silos is in it.</summary>
    public Task UnregisterSilos(List<SiloAddress> siloAddresses) => Task.CompletedTask;
}
