namespace Coordinator.AdoNet;

/// <content>
/// Small writes that nothing waits for, between two groups. Groups go first, but not for ever: under a load that never pauses one in
/// sixteen turns is theirs.
/// </content>
internal sealed partial class WriterLane
{
    private const int PassedOverMax = 15;

    private Action<LogWriter>? _between;
    private TaskCompletionSource? _betweenDone;
    private int _passedOver;

    /// <summary>Under the gate: true if the small write goes next.</summary>
    private bool IsBetweenDue => _between is not null && !_stopped && (_work is null || ++_passedOver > PassedOverMax);

    /// <summary>Runs a small write with the writer when no group waits; one at a time. If it throws, the writer is destroyed.</summary>
    public Task PostBetween(Action<LogWriter> write)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_stopped, this);
            if (_between is not null)
            {
                throw new InvalidOperationException("One small write at a time: the one before has not been answered.");
            }

            (_between, _betweenDone, _passedOver) = (write, done, 0);
        }

        _posted.Release();
        return done.Task;
    }

    private Action TakeBetween()
    {
        var (write, done) = (_between!, _betweenDone!);
        _between = null;
        _betweenDone = null;
        return () =>
        {
            try
            {
                write(Writer());
                done.SetResult();
            }
            catch (Exception error)
            {
                // Whatever state the connection is in, no group may run on it.
                DestroyWriter();
                done.SetException(error);
            }
        };
    }

    private void RefuseBetween()
    {
        TaskCompletionSource? done;
        lock (_gate)
        {
            done = _betweenDone;
            (_between, _betweenDone) = (null, null);
        }

        done?.TrySetException(new ObjectDisposedException(nameof(WriterLane)));
    }
}
