using System.Collections.Immutable;
using Coordinator.Log;
using Coordinator.Protocol.Ownership;
using Microsoft.Extensions.Logging;

namespace Coordinator.Hosting;

/// <summary>
/// This host's own beat, and what it saw of the others'. Driven by ticks; one round at a time, so that a store that stalls is
/// seen as beats that are not acknowledged. It decides nothing.
/// </summary>
internal sealed partial class Heartbeat(
    IHostBeats beats, ulong host, HostProcess process, MonotonicClock clock, Func<ImmutableArray<ushort>> livingShards, ILogger logger)
{
    private static readonly TimeSpan ForgetAfter = TimeSpan.FromMinutes(1);

    private readonly Dictionary<ulong, (long Count, TimeSpan Since)> _heard = [];
    private ImmutableArray<HostBeat> _seen = [];
    private TimeSpan _nextRound;
    private long _count;
    private long _acknowledged;
    private long _acknowledgedAt;
    private int _running;
    private int _failures;

    /// <summary>Rounds in which the store took the own beat and then showed all others.</summary>
    public long AcknowledgedCount => Volatile.Read(ref _acknowledged);

    /// <summary>When the last such round ended; zero if there was none.</summary>
    public TimeSpan AcknowledgedAt => TimeSpan.FromTicks(Volatile.Read(ref _acknowledgedAt));

    /// <summary>All hosts' beats as of the last such round.</summary>
    public ImmutableArray<HostBeat> Seen
    {
        get
        {
            lock (_heard)
            {
                return _seen;
            }
        }
    }

    /// <summary>Beats if it is time to.</summary>
    public void Tick()
    {
        if (clock.Now >= _nextRound && Interlocked.Exchange(ref _running, 1) == 0)
        {
            _nextRound = clock.Now + StandbyProtocol.BeatPeriod;
            _ = RunRoundAsync();
        }
    }

    /// <summary>Takes the own row away: nobody needs to wait for this host's silence.</summary>
    public async ValueTask LeaveAsync(CancellationToken cancellation)
    {
        try
        {
            await beats.ForgetBeatAsync(host, cancellation).ConfigureAwait(false);
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            BeatFailed(logger, error.Message); // the row stays behind and is removed by another host
        }
    }

    private async Task RunRoundAsync()
    {
        try
        {
            await beats.BeatAsync(new HostBeat(host, ++_count, process, livingShards()), CancellationToken.None).ConfigureAwait(false);
            var seen = await beats.ReadBeatsAsync(CancellationToken.None).ConfigureAwait(false);
            lock (_heard)
            {
                _seen = seen;
            }

            Volatile.Write(ref _acknowledgedAt, clock.Now.Ticks);
            Interlocked.Increment(ref _acknowledged);
            _failures = 0;
            await ForgetDeadAsync(seen).ConfigureAwait(false);
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            if (_failures++ % 20 == 0)
            {
                BeatFailed(logger, error.Message); // no evidence in either direction: the next round tries again
            }
        }
        finally
        {
            Volatile.Write(ref _running, 0);
        }
    }

    /// <summary>Removes rows that have not changed for long, on this host's own evidence. One that wakes writes its row anew.</summary>
    private async ValueTask ForgetDeadAsync(ImmutableArray<HostBeat> seen)
    {
        foreach (var beat in seen)
        {
            if (!_heard.TryGetValue(beat.Host, out var heard) || heard.Count != beat.Count)
            {
                _heard[beat.Host] = (beat.Count, clock.Now);
            }
            else if (beat.Host != host && clock.Now - heard.Since > ForgetAfter)
            {
                _heard.Remove(beat.Host);
                await beats.ForgetBeatAsync(beat.Host, CancellationToken.None).ConfigureAwait(false);
            }
        }
    }

    [LoggerMessage(1310, LogLevel.Warning, "This host's heartbeat is not taken: {Error} While that lasts it takes nothing over from others, and they may take over from it.")]
    private static partial void BeatFailed(ILogger logger, string error);
}
