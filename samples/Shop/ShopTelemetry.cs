using Coordinator;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Shop;

/// <summary>
/// Metrics, traces and logs over OTLP. Where to, how, and how often is OpenTelemetry's own business: its standard variables say so.
/// </summary>
public sealed class ShopTelemetry : IDisposable
{
    private readonly MeterProvider _metrics = Sdk.CreateMeterProviderBuilder()
        .ConfigureResource(Describe)
        .AddMeter(CoordinatorTelemetry.MeterName)
        .AddOtlpExporter()
        .Build();

    private readonly TracerProvider _traces = Sdk.CreateTracerProviderBuilder()
        .ConfigureResource(Describe)
        .AddSource(CoordinatorTelemetry.ActivitySourceName)
        .AddOtlpExporter()
        .Build();

    private ShopTelemetry()
    {
    }

    /// <summary>True if somebody said where telemetry goes. Otherwise no code of OpenTelemetry runs.</summary>
    public static bool IsWanted => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("OTEL_EXPORTER_OTLP_ENDPOINT"));

    /// <summary>Listens from now on, if it is wanted. What was heard is sent at the latest when it is disposed.</summary>
    public static IDisposable? StartIfWanted() => IsWanted ? new ShopTelemetry() : null;

    /// <summary>Sends the logs too, more of them than the console shows; they are sent at the latest when the host is disposed.</summary>
    public static void AddTo(ILoggingBuilder logging) => logging
        .AddFilter<OpenTelemetryLoggerProvider>("Coordinator", LogLevel.Information)
        .AddOpenTelemetry(options => options
            .SetResourceBuilder(Described())
            .AddOtlpExporter());

    /// <inheritdoc/>
    public void Dispose()
    {
        _traces.Dispose();
        _metrics.Dispose();
    }

    private static ResourceBuilder Described()
    {
        var builder = ResourceBuilder.CreateDefault();
        Describe(builder);
        return builder;
    }

    private static void Describe(ResourceBuilder resource) => resource.AddService("shop");
}
