using Coordinator.Hosting;
using Coordinator.Testing;

namespace Coordinator.Tests;

/// <summary>
/// One thread on which everything runs, tests and engine alike: one seed gives one order. Time moves only when nothing can
/// run any more, straight to the next timer, so that a test never waits and a hang is found at once.
/// </summary>
/// <remarks>
/// There is no synchronization context: with one, the runtime would hand continuations to the thread pool. Nothing under test
/// may do so either (Task.Run, Task.Yield, CancelAsync).
/// </remarks>
internal sealed class TestLoop : IDispatcher
{
    private static readonly TimeSpan TimeMax = TimeSpan.FromMinutes(30);
    private readonly Lock _gate = new();
    private readonly List<Action> _ready = [];
    private readonly List<Action> _idle = [];
    private readonly Random? _order;

    private TestLoop(Random? order) => _order = order;

    public VirtualTime Time { get; } = new();

    /// <summary>Runs a test in the order in which things become ready.</summary>
    public static void Run(Func<TestLoop, Task> test) => Run(null, test);

    /// <summary>Runs a test in an order drawn from a seed.</summary>
    public static void Run(Random? order, Func<TestLoop, Task> test)
    {
        var outer = SynchronizationContext.Current;
        var loop = new TestLoop(order);
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

    void IDispatcher.Queue(IThreadPoolWorkItem item) => Add(item.Execute);

    /// <summary>Lets whatever is ready run first; where the order is random, perhaps.</summary>
    public Task YieldAsync()
    {
        var turn = new TaskCompletionSource();
        Add(turn.SetResult);
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
        await IdleAsync();
        var target = Time.Now + by;
        while (Time.NextDue is { } due && due <= target)
        {
            Time.Advance(due > Time.Now ? due - Time.Now : TimeSpan.Zero);
            await IdleAsync();
        }

        Time.Advance(target > Time.Now ? target - Time.Now : TimeSpan.Zero);
        await IdleAsync();
    }

    private void Add(Action action)
    {
        lock (_gate)
        {
            _ready.Add(action);
        }
    }

    private void RunUntil(Task main)
    {
        while (!main.IsCompleted)
        {
            if (Take(_ready) is { } next)
            {
                next();
            }
            else if (_idle.Count > 0)
            {
                var idle = _idle[0];
                _idle.RemoveAt(0);
                idle();
            }
            else if (Time.NextDue is { } due && Time.Now < TimeMax)
            {
                Time.Advance(due > Time.Now ? due - Time.Now : TimeSpan.Zero);
            }
            else if (!Task.WhenAny(main).Wait(TimeSpan.FromSeconds(5))) // the runtime may end a cancelled delay on its own threads
            {
                throw new TimeoutException($"After {Time.Now} of virtual time the test still waits for something that never happens.");
            }
        }
    }

    private Action? Take(List<Action> actions)
    {
        lock (_gate)
        {
            if (actions.Count == 0)
            {
                return null;
            }

            var at = _order?.Next(actions.Count) ?? 0;
            var action = actions[at];
            actions.RemoveAt(at);
            return action;
        }
    }
}
