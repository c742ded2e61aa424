using Coordinator.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace Coordinator.Orleans.Hosting;

/// <summary>
/// Starts the engine with the silo and stops it. It starts when the silo can reach others and is no member yet, so that no grain is called before; and it
/// stops, letting what is in flight end, when the last grain of the silo is deactivated and the silo can still be reached.
/// </summary>
internal sealed class SiloEngine(IServiceProvider services) : ILifecycleParticipant<ISiloLifecycle>
{
    // Orleans deactivates grains in the stop of GrainDeactivation, which is above this, and stops its messages in that of RuntimeServices, below.
    private const int Stage = ServiceLifecycleStage.AfterRuntimeGrainServices;

    // Not before the silo's configuration was validated: without a log there is no engine, and its absence is for the validator to tell.
    private TransactionEngine Engine => services.GetRequiredService<TransactionEngine>();

    /// <inheritdoc/>
    public void Participate(ISiloLifecycle observer) =>
        observer.Subscribe(nameof(TransactionEngine), Stage, cancellation => Engine.StartAsync(cancellation), cancellation => Engine.StopAsync(cancellation));
}
