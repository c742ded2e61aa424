using Orleans.Placement;
using Orleans.Runtime.Placement;

namespace Coordinator.Chaos.Silo.Twins;

/// <summary>Where a grain belongs: the same place on every silo that sees the same members, or here if twins are wanted.</summary>
[Serializable]
[GenerateSerializer]
internal sealed class TwinPlacement : PlacementStrategy;

[AttributeUsage(AttributeTargets.Class)]
internal sealed class TwinPlacementAttribute() : PlacementAttribute(new TwinPlacement());

internal sealed class TwinPlacementDirector(TwinSwitch twins) : IPlacementDirector
{
    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context)
    {
        var silos = context.GetCompatibleSilos(target).OrderBy(static silo => silo.Endpoint.Port).ToArray();
        var here = Array.Find(silos, silo => silo.Equals(context.LocalSilo));
        return Task.FromResult(twins.IsOn && here is not null ? here : silos[target.GrainIdentity.GetUniformHashCode() % silos.Length]);
    }
}
