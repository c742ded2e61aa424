using Orleans.GrainDirectory;

namespace Coordinator.Orleans.Grains;

/// <summary>
/// Of grains that are on every silo: nobody is asked where they are. Orleans looks even those up in its directory, whose part of an id may be kept by a silo
/// that has just died; and what became of a transaction is asked most when one has.
/// </summary>
internal sealed class NoDirectory : IGrainDirectory
{
    /// <summary>What grain classes name it by.</summary>
    public const string Name = "coordinator.none";

    /// <inheritdoc/>
    public Task<GrainAddress?> Register(GrainAddress address) => Task.FromResult<GrainAddress?>(address);

    /// <inheritdoc/>
    public Task Unregister(GrainAddress address) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task<GrainAddress?> Lookup(GrainId grainId) => Task.FromResult<GrainAddress?>(null);

    /// <inheritdoc/>
    public Task UnregisterSilos(List<SiloAddress> siloAddresses) => Task.CompletedTask;
}
