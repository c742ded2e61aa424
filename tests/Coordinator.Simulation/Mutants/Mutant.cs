using Coordinator.Client;
using Coordinator.Hosting;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Shards;
using Coordinator.Testing.Simulation;

namespace Coordinator.Simulation;

/// <summary>A bug planted between the engine and the world, to see that the checks find it. The plain one plants none.</summary>
internal abstract class Mutant
{
    public static Mutant None { get; } = new Plain();

    public virtual ILogStore Over(Cluster cluster, SimulatedProcess process, ILogStore store) => store;

    public virtual ITransport Over(Cluster cluster, SimulatedProcess process, ITransport transport) => transport;

    /// <summary>The terms on which a host takes part in what another one coordinates.</summary>
    public virtual TransactionHeader HeaderAt(TransactionEngine engine, TransactionHeader header) => header;

    /// <summary>A stream's place at this host is given up.</summary>
    public virtual void Release(TransactionEngine engine, StreamName stream) => engine.Participants.Release(stream);

    /// <summary>A process of the cluster has been started.</summary>
    public virtual void Started(Cluster cluster, Host host)
    {
    }

    private sealed class Plain : Mutant;
}
