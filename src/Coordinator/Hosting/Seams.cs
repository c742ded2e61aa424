using System.Security.Cryptography;
using System.Threading.Tasks.Sources;

namespace Coordinator.Hosting;

/// <summary>
/// Where continuations run. Production uses the thread pool; a simulator its own single-threaded queue, so that one seed
/// gives one order of everything. No engine code starts a task, sleeps or completes an awaiter by any other way.
/// </summary>
internal interface IDispatcher
{
    /// <summary>Runs the item soon, never inside this call.</summary>
    void Queue(IThreadPoolWorkItem item);
}

/// <summary>Randomness for identities: log ids, claim bits, writers of append ids.</summary>
internal interface IRandomSource
{
    /// <summary>64 bits.</summary>
    ulong Next();
}

/// <summary>The thread pool.</summary>
internal sealed class ThreadPoolDispatcher : IDispatcher
{
    public static ThreadPoolDispatcher Instance { get; } = new();

    public void Queue(IThreadPoolWorkItem item) => ThreadPool.UnsafeQueueUserWorkItem(item, preferLocal: false);
}

/// <summary>The operating system's randomness.</summary>
internal sealed class SystemRandomSource : IRandomSource
{
    public static SystemRandomSource Instance { get; } = new();

    public ulong Next()
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        RandomNumberGenerator.Fill(bytes);
        return BitConverter.ToUInt64(bytes);
    }
}

/// <summary>Monotonic time since it was made: deadlines never follow the wall clock (G07).</summary>
internal sealed class MonotonicClock(TimeProvider time)
{
    private readonly long _start = time.GetTimestamp();

    /// <summary>What it counts by, for delays.</summary>
    public TimeProvider Time => time;

    public TimeSpan Now => time.GetElapsedTime(_start);
}

/// <summary>
/// A single answer that one caller awaits. Completing it never runs the caller's code inside the completer: a shard's pump
/// must not execute what a user does next.
/// </summary>
internal sealed class Completion<T> : IValueTaskSource<T>, IThreadPoolWorkItem
{
    private const int Awaited = 1, Completed = 2;

    private ManualResetValueTaskSourceCore<T> _core;
    private T? _result;
    private int _claimed;
    private int _state;

    /// <summary>Another one that awaits the same answer, for whoever keeps them in a chain.</summary>
    public Completion<T>? Next { get; set; }

    /// <summary>Gives the answer; later ones are ignored and say false.</summary>
    public bool TryComplete(T result, IDispatcher dispatcher)
    {
        if (Interlocked.Exchange(ref _claimed, 1) != 0)
        {
            return false;
        }

        _result = result;
        if (Interlocked.Exchange(ref _state, Completed) == Awaited)
        {
            dispatcher.Queue(this);
        }

        return true;
    }

    /// <summary>Waits for the answer; called once.</summary>
    public ValueTask<T> WaitAsync() => Interlocked.CompareExchange(ref _state, Awaited, 0) == Completed
        ? new ValueTask<T>(_result!)
        : new ValueTask<T>(this, _core.Version);

    void IThreadPoolWorkItem.Execute() => _core.SetResult(_result!);

    T IValueTaskSource<T>.GetResult(short token) => _core.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<T>.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource<T>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);
}
