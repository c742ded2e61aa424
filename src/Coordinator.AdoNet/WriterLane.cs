namespace Coordinator.AdoNet;

/// <summary>
/// One thread and the writer's connection it owns. Drivers block, some of them (SQLite) always: on the thread pool of a
/// small machine a few such calls would hold up everything else.
/// </summary>
internal sealed partial class WriterLane : IDisposable
{
    private readonly LogDialect _dialect;
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _posted = new(0);
    private readonly Thread _thread;
    private LogWriter? _writer;
    private Action? _work;
    private bool _stopped;
    private volatile bool _leftBehind;

    public WriterLane(LogDialect dialect)
    {
        _dialect = dialect;
        _thread = new Thread(Run) { IsBackground = true, Name = "coordinator-log-writer" };
        _thread.Start();
    }

    /// <summary>Runs an action on the lane's thread and gives its result; one at a time.</summary>
    /// <param name="action">What to run.</param>
    /// <param name="continuesHere">Whoever awaits goes on on the lane's thread: see <see cref="Log.RowGroup.ContinuesOnWriter"/>.</param>
    public Task<T> Post<T>(Func<WriterLane, T> action, bool continuesHere = false)
    {
        var done = new TaskCompletionSource<T>(continuesHere ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_stopped, this);
            if (_work is not null)
            {
                throw new InvalidOperationException("One write at a time: the one before has not been answered.");
            }

            _work = () => Complete(done, action);
        }

        _posted.Release();
        return done.Task;
    }

    /// <summary>The open writer, or a new one. On the lane's thread only.</summary>
    public LogWriter Writer() => _writer ??= _dialect.OpenWriter();

    /// <summary>
    /// Destroys the connection, so that the next write runs on a new one. On the lane's thread only. What closing says
    /// changes nothing: the connection is given up either way.
    /// </summary>
    public void DestroyWriter()
    {
        var writer = _writer;
        _writer = null;
        try
        {
            writer?.Dispose();
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            // Closing a broken connection fails in as many ways as there are drivers.
        }
    }

    /// <summary>
    /// Leaves the lane to itself, for good: its thread may be stuck in the driver. It closes its connection when the driver
    /// lets go.
    /// </summary>
    public void LeaveBehind()
    {
        _leftBehind = true;
        _writer?.Abort();
        Stop();
    }

    /// <summary>Waits for the write under way, then closes the connection. A stuck driver is waited for: nothing else is safe.</summary>
    public void Dispose()
    {
        Stop();
        if (!_leftBehind)
        {
            _thread.Join();
            _posted.Dispose();
        }
    }

    private void Complete<T>(TaskCompletionSource<T> done, Func<WriterLane, T> action)
    {
        try
        {
            var result = action(this);
            Forget();
            done.SetResult(result);
        }
        catch (Exception error)
        {
            Forget();
            done.SetException(error);
        }

        // Before the answer is given: who gets it may post the next write at once.
        void Forget()
        {
            lock (_gate)
            {
                _work = null;
            }
        }
    }

    private void Stop()
    {
        lock (_gate)
        {
            if (_stopped)
            {
                return;
            }

            _stopped = true;
        }

        _posted.Release();
    }

    private void Run()
    {
        while (true)
        {
            _posted.Wait();
            var (work, ends) = Next();
            work?.Invoke();
            if (ends || _leftBehind)
            {
                break;
            }
        }

        RefuseBetween();
        DestroyWriter();
    }

    private (Action? Work, bool Ends) Next()
    {
        lock (_gate)
        {
            var work = IsBetweenDue ? TakeBetween() : _work;
            return (work, work is null && _stopped);
        }
    }
}
