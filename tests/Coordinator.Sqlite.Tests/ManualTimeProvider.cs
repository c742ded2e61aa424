using System.Collections.Concurrent;
using Xunit;

namespace Coordinator.Sqlite.Tests;

/// <summary>Time that stands still; timers go off when the test says so.</summary>
internal sealed class ManualTimeProvider : TimeProvider, IDisposable
{
    private readonly ConcurrentQueue<Timer> _timers = new();
    private readonly SemaphoreSlim _armed = new(0);

    public override DateTimeOffset GetUtcNow() => new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(() => callback(state));
        _timers.Enqueue(timer);
        _armed.Release();
        return timer;
    }

    /// <summary>Waits until somebody waits for a timer, and lets it go off.</summary>
    public async Task FireNextAsync()
    {
        await _armed.WaitAsync();
        Assert.True(_timers.TryDequeue(out var timer));
        timer.Fire();
    }

    public void Dispose() => _armed.Dispose();

    private sealed class Timer(Action callback) : ITimer
    {
        public void Fire() => callback();

        public bool Change(TimeSpan dueTime, TimeSpan period) => true;

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
