using System.Diagnostics;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace Coordinator.Benchmarks;

/// <summary>
/// The OpenTelemetry SDK as an application has it, batches and periodic reader included, but for the network: what would be exported is walked
/// through and dropped.
/// </summary>
internal sealed class BenchmarkTelemetry : IDisposable
{
    private const double SampledShare = 0.1;
    private const int ExportPeriodMs = 100; // far more often than anybody would, so that a short window has its share

    private readonly MeterProvider _metrics;
    private readonly TracerProvider? _traces;

    private BenchmarkTelemetry(Sampler? sampler)
    {
        _metrics = Sdk.CreateMeterProviderBuilder()
            .AddMeter(CoordinatorTelemetry.MeterName)
            .AddReader(new PeriodicExportingMetricReader(new DroppedMetrics(), ExportPeriodMs))
            .Build();
        _traces = sampler is null ? null : Sdk.CreateTracerProviderBuilder()
            .AddSource(CoordinatorTelemetry.ActivitySourceName)
            .SetSampler(sampler)
            .AddProcessor(new BatchActivityExportProcessor(new DroppedSpans()))
            .Build();
    }

    /// <summary>Listens as asked for.</summary>
    /// <param name="how">off; metrics; on: metrics and a tenth of the traces, as samplers by parent do it; all: metrics and all traces.</param>
    public static BenchmarkTelemetry? Start(string how) => how switch
    {
        "off" => null,
        "metrics" => new BenchmarkTelemetry(null),
        "on" => new BenchmarkTelemetry(new ParentBasedSampler(new TraceIdRatioBasedSampler(SampledShare))),
        "all" => new BenchmarkTelemetry(new ParentBasedSampler(new AlwaysOnSampler())),
        _ => throw new UsageException($"--telemetry must be off, metrics, on or all, not '{how}'."),
    };

    public void Dispose()
    {
        _traces?.Dispose();
        _metrics.Dispose();
    }

    private sealed class DroppedMetrics : BaseExporter<Metric>
    {
        public override ExportResult Export(in Batch<Metric> batch)
        {
            foreach (var metric in batch)
            {
                foreach (ref readonly var point in metric.GetMetricPoints())
                {
                    GC.KeepAlive(point.EndTime);
                }
            }

            return ExportResult.Success;
        }
    }

    private sealed class DroppedSpans : BaseExporter<Activity>
    {
        public override ExportResult Export(in Batch<Activity> batch)
        {
            foreach (var span in batch)
            {
                GC.KeepAlive(span);
            }

            return ExportResult.Success;
        }
    }
}
