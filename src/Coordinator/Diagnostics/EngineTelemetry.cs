using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Reflection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Coordinator.Diagnostics;

/// <summary>
/// Metrics and traces of one engine. Each has its own meter and source, so that two hosts in one process can be told apart by those who made
/// them.
/// </summary>
internal sealed class EngineTelemetry : IDisposable
{
    private static readonly string? Version =
        typeof(EngineTelemetry).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0];

    private readonly Meter? _own;

    /// <summary>Creates it; listeners can hear of it from now on.</summary>
    /// <param name="meters">The application's; it owns the meter. Null: the engine makes one of its own.</param>
    /// <param name="time">The clock of spans.</param>
    /// <param name="logger">Told when a listener throws.</param>
    public EngineTelemetry(IMeterFactory? meters, TimeProvider time, ILogger logger)
    {
        var meter = meters?.Create(CoordinatorTelemetry.MeterName, Version) ?? (_own = new Meter(CoordinatorTelemetry.MeterName, Version));
        var guard = new ListenerGuard(logger);
        Meter = meter;
        Source = new ActivitySource(CoordinatorTelemetry.ActivitySourceName, Version);
        Metrics = new EngineMetrics(meter, guard);
        Traces = new EngineTraces(Source, guard, time);
    }

    /// <summary>
    /// Nobody can listen. For engines that nobody disposes, as those of a simulation, whose processes are killed: meters and sources are kept by
    /// the runtime until they are disposed.
    /// </summary>
    public static EngineTelemetry Off { get; } = NewOff();

    public Meter Meter { get; }

    public ActivitySource Source { get; }

    public EngineMetrics Metrics { get; }

    public EngineTraces Traces { get; }

    public void Dispose()
    {
        _own?.Dispose();
        Source.Dispose();
    }

    private static EngineTelemetry NewOff()
    {
        var off = new EngineTelemetry(null, TimeProvider.System, NullLogger.Instance);
        off.Dispose();
        return off;
    }
}
