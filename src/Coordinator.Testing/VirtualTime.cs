namespace Coordinator.Testing;

/// <summary>
/// Time that moves only when told: timestamps, the wall clock and timers agree, and a timer fires inside the
/// <see cref="Advance"/> that reaches it, on that thread.
/// </summary>
/// <param name="start">What the wall clock shows at first; 2030-01-01 UTC unless given.</param>
internal sealed class VirtualTime(DateTimeOffset? start = null) : TimeProvider
{
    private readonly DateTimeOffset _start = start ?? new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private readonly Lock _gate = new();
    private readonly SortedSet<Timer> _timers = new(Timer.ByDueTime);
    private TimeSpan _now;
    private long _armed;

    /// <summary>Time since the start.</summary>
    public TimeSpan Now
    {
        get
        {
            lock (_gate)
            {
                return _now;
            }
        }
    }

    /// <summary>When the next timer is due, or null if none is armed.</summary>
    public TimeSpan? NextDue
    {
        get
        {
            lock (_gate)
            {
                return _timers.Min?.Due;
            }
        }
    }

    /// <summary>By how much the clock was set ahead, or back. Timers don't notice.</summary>
    public TimeSpan ClockOffset { get; set; }

    /// <inheritdoc/>
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <inheritdoc/>
    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    /// <inheritdoc/>
    public override long GetTimestamp() => Now.Ticks;

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => _start + Now + ClockOffset;

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ArgumentNullException.ThrowIfNull(callback);
        var timer = new Timer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>
    /// Moves time on and fires what falls due, in the order of due times and of arming. A callback may arm, change and dispose
    /// timers and may itself move time on; time never goes back.
    /// </summary>
    public void Advance(TimeSpan by)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(by, TimeSpan.Zero);
        var target = Now + by;
        while (TakeDue(target) is { } due)
        {
            due.Fire();
        }
    }

    private Timer? TakeDue(TimeSpan target)
    {
        lock (_gate)
        {
            if (_timers.Min is not { } first || first.Due > target)
            {
                _now = target > _now ? target : _now;
                return null;
            }

            _now = first.Due > _now ? first.Due : _now;
            _timers.Remove(first);
            if (first.Period > TimeSpan.Zero)
            {
                Arm(first, first.Due + first.Period);
            }

            return first;
        }
    }

    private void Arm(Timer timer, TimeSpan due)
    {
        timer.Due = due;
        timer.Number = ++_armed;
        _timers.Add(timer);
    }

    private sealed class Timer(VirtualTime time, TimerCallback callback, object? state) : ITimer
    {
        private bool _disposed;

        public static IComparer<Timer> ByDueTime { get; } = Comparer<Timer>.Create(static (left, right) =>
            left.Due != right.Due ? left.Due.CompareTo(right.Due) : left.Number.CompareTo(right.Number));

        public TimeSpan Due { get; set; }

        public TimeSpan Period { get; private set; }

        public long Number { get; set; }

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (time._gate)
            {
                if (_disposed)
                {
                    return false;
                }

                time._timers.Remove(this);
                Period = period;
                if (dueTime >= TimeSpan.Zero)
                {
                    time.Arm(this, time._now + dueTime);
                }

                return true;
            }
        }

        public void Dispose()
        {
            lock (time._gate)
            {
                _disposed = true;
                time._timers.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
