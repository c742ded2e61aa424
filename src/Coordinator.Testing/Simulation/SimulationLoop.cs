using Coordinator.Hosting;

namespace Coordinator.Testing.Simulation;

/// <summary>
/// One thread on which everything runs, the test and the engine alike: one seed gives one order. Time moves only when
/// nothing can run any more, straight to the next timer, so that a test never waits and a hang is found at once.
/// </summary>
/// <remarks>
/// There is no synchronization context: with one, the runtime would hand continuations to the thread pool. Nothing under test
/// may do so either (Task.Run, Task.Yield, CancelAsync). What belongs to no <see cref="SimulatedProcess"/> is the world
/// around them: the test itself, the wire, the store.
/// </remarks>
internal sealed class SimulationLoop : IDispatcher
{
    private readonly Lock _gate = new();
    private readonly List<Work> _ready = [];
    private readonly List<Action> _idle = [];
    private readonly SeededRandom? _order;
    private readonly TimeSpan _timeMax;
    private readonly List<SimulatedProcess> _processes = [];

    private SimulationLoop(SeededRandom? order, TimeSpan timeMax, bool keepsTrace)
    {
        _order = order;
        _timeMax = timeMax;
        Trace = new SimulationTrace(Time, keepsTrace);
    }

    private readonly record struct Work(SimulatedProcess? Process, Action Action);

    /// <summary>The time of the world. A process has its own clocks upon it.</summary>
    public VirtualTime Time { get; } = new();

    /// <summary>What happened.</summary>
    public SimulationTrace Trace { get; }

    /// <summary>How often what happened.</summary>
    public SimulationCounters Counters { get; } = new();

    /// <summary>What no code of the test or of the engine may do: exceptions that nobody awaits. Empty if all is well.</summary>
    public List<string> Failures { get; } = [];

    /// <summary>Runs a test in the order in which things become ready.</summary>
    public static void Run(Func<SimulationLoop, Task> test) => Run(null, test);

    /// <summary>Runs a test in an order drawn from a seed, or in that in which things become ready.</summary>
    /// <param name="order">Draws the order; null: first come, first served.</param>
    /// <param name="test">What runs first.</param>
    /// <param name="timeMax">How much virtual time the test may take; 30 minutes unless given.</param>
    /// <param name="keepsTrace">Keep the trace as text.</param>
    public static void Run(SeededRandom? order, Func<SimulationLoop, Task> test, TimeSpan? timeMax = null, bool keepsTrace = false)
    {
        var outer = SynchronizationContext.Current;
        var loop = new SimulationLoop(order, timeMax ?? TimeSpan.FromMinutes(30), keepsTrace);
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            var main = test(loop);
            loop.RunUntil(main);
            main.GetAwaiter().GetResult();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(outer);
        }
    }

    void IDispatcher.Queue(IThreadPoolWorkItem item) => Post(null, item.Execute);

    /// <summary>A new process, which runs until it is crashed.</summary>
    /// <param name="name">For people.</param>
    /// <param name="monotonicStart">What its monotonic clock shows at the beginning of the world.</param>
    public SimulatedProcess Spawn(string name, TimeSpan monotonicStart = default)
    {
        var process = new SimulatedProcess(this, _processes.Count + 1, name) { MonotonicStart = monotonicStart };
        _processes.Add(process);
        return process;
    }

    /// <summary>A process by its number.</summary>
    public SimulatedProcess ProcessOf(int number) => _processes[number - 1];

    /// <summary>Runs something soon.</summary>
    /// <param name="process">Whose it is; null: the world's.</param>
    /// <param name="action">What to run.</param>
    public void Post(SimulatedProcess? process, Action action)
    {
        lock (_gate)
        {
            _ready.Add(new Work(process, action));
        }
    }

    /// <summary>Runs something of the world after a while.</summary>
    public void After(TimeSpan delay, Action action)
    {
        if (delay <= TimeSpan.Zero)
        {
            Post(null, action);
            return;
        }

        // The timer fires once and roots itself while armed.
        _ = Time.CreateTimer(static state => ((Action)state!)(), action, delay, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Completes after a while.</summary>
    public Task DelayAsync(TimeSpan delay)
    {
        var over = new TaskCompletionSource();
        After(delay, over.SetResult);
        return over.Task;
    }

    /// <summary>Lets whatever is ready run first; where the order is random, perhaps.</summary>
    public Task YieldAsync()
    {
        var turn = new TaskCompletionSource();
        Post(null, turn.SetResult);
        return turn.Task;
    }

    /// <summary>Completes when nothing can run without time moving.</summary>
    public Task IdleAsync()
    {
        var idle = new TaskCompletionSource();
        _idle.Add(idle.SetResult);
        return idle.Task;
    }

    /// <summary>Moves time on and lets everything run that follows from it.</summary>
    public async Task AdvanceAsync(TimeSpan by)
    {
        await IdleAsync().ConfigureAwait(false);
        var target = Time.Now + by;
        while (Time.NextDue is { } due && due <= target)
        {
            Time.Advance(due > Time.Now ? due - Time.Now : TimeSpan.Zero);
            await IdleAsync().ConfigureAwait(false);
        }

        Time.Advance(target > Time.Now ? target - Time.Now : TimeSpan.Zero);
        await IdleAsync().ConfigureAwait(false);
    }

    /// <summary>Starts asynchronous work that nobody awaits; an exception of it is a failure of the test.</summary>
    public void Start(Func<Task> work)
    {
        _ = ObserveAsync();

        async Task ObserveAsync()
        {
            try
            {
                await work().ConfigureAwait(false);
            }
            catch (Exception error)
            {
                Failures.Add(error.ToString()); // whoever runs the test looks there
            }
        }
    }

    private void RunUntil(Task main)
    {
        while (!main.IsCompleted)
        {
            if (TryTake(out var work))
            {
                Run(work);
            }
            else if (_idle.Count > 0)
            {
                var idle = _idle[0];
                _idle.RemoveAt(0);
                idle();
            }
            else if (Time.NextDue is { } due && Time.Now < _timeMax)
            {
                Time.Advance(due > Time.Now ? due - Time.Now : TimeSpan.Zero);
            }
            else if (!Task.WhenAny(main).Wait(TimeSpan.FromSeconds(5))) // the runtime may end a cancelled delay on its own threads
            {
                throw new TimeoutException($"After {Time.Now} of virtual time the test still waits for something that never happens.");
            }
        }
    }

    private static void Run(Work work)
    {
        if (work.Process is not { } process || process.MayRun(work.Action))
        {
            work.Action();
        }
    }

    private bool TryTake(out Work work)
    {
        lock (_gate)
        {
            var count = _ready.Count;
            if (count == 0)
            {
                work = default;
                return false;
            }

            if (_order is null)
            {
                work = _ready[0];
                _ready.RemoveAt(0);
                return true;
            }

            var at = count == 1 ? 0 : _order.Below(count);
            work = _ready[at];
            _ready[at] = _ready[^1];
            _ready.RemoveAt(count - 1);
            Trace.Mix(work.Process?.Number ?? 0, (at << 16) | count);
            return true;
        }
    }
}
