using Coordinator.Hosting;

namespace Coordinator.Testing.Simulation;

/// <summary>
/// One process of a simulated cluster: what it runs, its clocks and timers. It can be crashed (nothing of it runs any more) and
/// stalled (nothing of it runs for a while, then all of it, as after SIGSTOP and SIGCONT: a zombie).
/// </summary>
/// <remarks>
/// An effect of a process leaves it only through the simulated store and network, which ask <see cref="IsCrashed"/> and
/// <see cref="WhenRunning"/>: so a crash inside a call into them is a crash at that very point.
/// </remarks>
internal sealed class SimulatedProcess : TimeProvider, IDispatcher
{
    private readonly SimulationLoop _loop;
    private readonly List<Action> _held = [];

    internal SimulatedProcess(SimulationLoop loop, int number, string name)
    {
        _loop = loop;
        Number = number;
        Name = name;
    }

    /// <summary>Counts the processes of a simulation, from 1.</summary>
    public int Number { get; }

    /// <summary>For people.</summary>
    public string Name { get; }

    /// <summary>True once it was killed.</summary>
    public bool IsCrashed { get; private set; }

    /// <summary>True while it is stopped.</summary>
    public bool IsStalled { get; private set; }

    /// <summary>How often it was stopped.</summary>
    public int StallCount { get; private set; }

    /// <summary>How far its wall clock is off. It may jump at any time, also back.</summary>
    public TimeSpan WallClockOffset { get; set; }

    /// <summary>What its monotonic clock showed when the world began: each machine counts from its own start.</summary>
    public TimeSpan MonotonicStart { get; init; }

    /// <summary>Told of the named points that the process passes; may crash or stall it there.</summary>
    public Action<SimulatedProcess, string>? PointPassed { get; set; }

    /// <inheritdoc/>
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <inheritdoc/>
    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    /// <inheritdoc/>
    public override long GetTimestamp() => (_loop.Time.Now + MonotonicStart).Ticks;

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => _loop.Time.GetUtcNow() + WallClockOffset;

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ArgumentNullException.ThrowIfNull(callback);
        return new Timer(this, callback, state, dueTime, period);
    }

    /// <summary>kill -9: whatever it still had to do never happens. What it has on the wire may still arrive.</summary>
    public void Crash()
    {
        IsCrashed = true;
        _held.Clear();
    }

    /// <summary>SIGSTOP.</summary>
    public void Stall()
    {
        IsStalled = true;
        StallCount++;
    }

    /// <summary>SIGCONT.</summary>
    public void Resume()
    {
        IsStalled = false;
        foreach (var action in _held)
        {
            _loop.Post(this, action);
        }

        _held.Clear();
    }

    /// <summary>Runs something of this process soon.</summary>
    public void Post(Action action)
    {
        if (!IsCrashed)
        {
            _loop.Post(this, action);
        }
    }

    /// <summary>Runs something of this process after a while.</summary>
    public void After(TimeSpan delay, Action action) => _loop.After(delay, () => Post(action));

    /// <summary>Completes after a while, if the process lives.</summary>
    public Task DelayAsync(TimeSpan delay)
    {
        var over = new TaskCompletionSource();
        After(delay, over.SetResult);
        return over.Task;
    }

    /// <summary>Lets others run.</summary>
    public Task YieldAsync()
    {
        var turn = new TaskCompletionSource();
        Post(turn.SetResult);
        return turn.Task;
    }

    /// <summary>Starts asynchronous work in this process; an exception of it is a failure of the simulation.</summary>
    public void Start(Func<Task> work) => Post(() => _loop.Start(work));

    /// <summary>An effect that leaves the process: now, once it runs again, or never.</summary>
    public void WhenRunning(Action effect)
    {
        if (IsStalled)
        {
            _held.Add(effect);
        }
        else if (!IsCrashed)
        {
            effect();
        }
    }

    /// <summary>The process is at a named point of its code.</summary>
    public void Pass(string point)
    {
        if (!IsCrashed && !IsStalled)
        {
            PointPassed?.Invoke(this, point);
        }
    }

    void IDispatcher.Queue(IThreadPoolWorkItem item) => Post(item.Execute);

    /// <summary>False if the action must not run now; it is kept for later where there is a later.</summary>
    internal bool MayRun(Action action)
    {
        if (IsStalled && !IsCrashed)
        {
            _held.Add(action);
        }

        return !IsStalled && !IsCrashed;
    }

    /// <summary>
    /// A timer of the process. What falls due while the process is stopped runs once when it goes on, as with the timers of the
    /// runtime; a callback that is due already may still run after the timer was disposed, as there.
    /// </summary>
    private sealed class Timer : ITimer
    {
        private readonly SimulatedProcess _process;
        private readonly TimerCallback _callback;
        private readonly object? _state;
        private readonly ITimer _inner;
        private bool _isDue;

        public Timer(SimulatedProcess process, TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            _process = process;
            _callback = callback;
            _state = state;
            _inner = process._loop.Time.CreateTimer(static self => ((Timer)self!).FallDue(), this, dueTime, period);
        }

        public bool Change(TimeSpan dueTime, TimeSpan period) => _inner.Change(dueTime, period);

        public void Dispose() => _inner.Dispose();

        public ValueTask DisposeAsync() => _inner.DisposeAsync();

        private void FallDue()
        {
            if (_process.IsCrashed)
            {
                _inner.Dispose();
            }
            else if (!_isDue)
            {
                _isDue = true;
                _process.Post(Run);
            }
        }

        private void Run()
        {
            _isDue = false;
            _callback(_state);
        }
    }
}
