using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;

namespace Coordinator.Diagnostics;

/// <summary>
/// Listeners are other people's code, called on the engine's threads: one that throws must cost a measurement, not the shard whose pump it was
/// called in.
/// </summary>
internal sealed partial class ListenerGuard(ILogger logger)
{
    private int _told;

    public void Add(Counter<long> counter, params ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (!counter.Enabled)
        {
            return;
        }

        try
        {
            counter.Add(1, tags);
        }
        catch (Exception error)
        {
            Failed(error);
        }
    }

    public void Record<T>(Histogram<T> histogram, T value, params ReadOnlySpan<KeyValuePair<string, object?>> tags)
        where T : struct
    {
        if (!histogram.Enabled)
        {
            return;
        }

        try
        {
            histogram.Record(value, tags);
        }
        catch (Exception error)
        {
            Failed(error);
        }
    }

    /// <summary>Said once: the next one comes with the next transaction.</summary>
    public void Failed(Exception error)
    {
        if (Interlocked.Exchange(ref _told, 1) == 0)
        {
            ListenerThrew(logger, error.GetType().Name);
        }
    }

    [LoggerMessage(1501, LogLevel.Warning, "A listener of telemetry threw {Error}: what it was to be told is lost. This is said once.")]
    private static partial void ListenerThrew(ILogger logger, string error);
}
