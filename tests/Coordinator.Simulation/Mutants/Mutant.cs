using Coordinator.Log;
using Coordinator.Shards;
using Coordinator.Testing.Simulation;

namespace Coordinator.Simulation;

/// <summary>A bug planted between the engine and the world, to see that the checks find it. The plain one plants none.</summary>
internal abstract class Mutant
{
    public static Mutant None { get; } = new Plain();

    public virtual ILogStore Over(Cluster cluster, SimulatedProcess process, ILogStore store) => store;

    public virtual ITransport Over(Cluster cluster, SimulatedProcess process, ITransport transport) => transport;

    private sealed class Plain : Mutant;
}
