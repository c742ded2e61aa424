using System.Diagnostics;
using System.Diagnostics.Metrics;
using Coordinator.Diagnostics;

namespace Coordinator.Tests;

/// <summary>One measurement as a listener is told of it.</summary>
internal sealed record Measured(string Instrument, double Value, IReadOnlyDictionary<string, object?> Labels);

/// <summary>Listens to one engine and to no other, so that tests may run side by side.</summary>
internal sealed class Listening : IDisposable
{
    private readonly Lock _gate = new();
    private readonly MeterListener _meters = new();
    private readonly ActivityListener _activities;
    private readonly List<Measured> _measured = [];
    private readonly List<Activity> _spans = [];

    public Listening(EngineTelemetry telemetry, bool traces = true)
    {
        _meters.InstrumentPublished = (instrument, listener) =>
        {
            if (ReferenceEquals(instrument.Meter, telemetry.Meter))
            {
                Instruments.Add(instrument);
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _meters.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
        _meters.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument, value, tags));
        _meters.Start();
        _activities = new ActivityListener
        {
            ShouldListenTo = source => traces && ReferenceEquals(source, telemetry.Source),
            Sample = (ref ActivityCreationOptions<ActivityContext> options) => Sampling?.Invoke(options.Name) ?? ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = span =>
            {
                lock (_gate)
                {
                    _spans.Add(span);
                }

                Stopped?.Invoke(span);
            },
        };
        ActivitySource.AddActivityListener(_activities);
    }

    public List<Instrument> Instruments { get; } = [];

    /// <summary>Says which spans are recorded; all are unless a test says otherwise.</summary>
    public Func<string, ActivitySamplingResult>? Sampling { get; set; }

    /// <summary>Told of every measurement.</summary>
    public Action? Measuring { get; set; }

    /// <summary>Told of every span that ends.</summary>
    public Action<Activity>? Stopped { get; set; }

    /// <summary>The spans that have ended.</summary>
    public IReadOnlyList<Activity> Spans
    {
        get
        {
            lock (_gate)
            {
                return [.. _spans];
            }
        }
    }

    /// <summary>All measurements, observed ones included.</summary>
    public IReadOnlyList<Measured> All
    {
        get
        {
            lock (_gate)
            {
                return [.. _measured];
            }
        }
    }

    public IReadOnlyList<Measured> Of(InstrumentName instrument) => [.. All.Where(measured => measured.Instrument == instrument.Name)];

    /// <summary>What was measured with this value of this label.</summary>
    public IReadOnlyList<double> Of(InstrumentName instrument, MetricLabel label, string value) =>
        [.. Of(instrument).Where(measured => measured.Labels.GetValueOrDefault(label.Name) as string == value).Select(measured => measured.Value)];

    /// <summary>Looks at an observed instrument now.</summary>
    public double Look(InstrumentName instrument)
    {
        _meters.RecordObservableInstruments();
        return Of(instrument)[^1].Value;
    }

    public IReadOnlyList<Activity> Named(SpanName name) => [.. Spans.Where(span => span.OperationName == name.Name)];

    public void Dispose()
    {
        _meters.Dispose();
        _activities.Dispose();
    }

    private void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var measured = new Measured(instrument.Name, value, tags.ToArray().ToDictionary());
        lock (_gate)
        {
            _measured.Add(measured);
        }

        Measuring?.Invoke();
    }
}
