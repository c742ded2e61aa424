using Coordinator.Client;
using Coordinator.Orleans.Wire;
using Coordinator.Protocol;

namespace Coordinator.Orleans.Ambient;

/// <summary>
/// One invocation that is part of a transaction: the delegate of RunAsync, or one grain call. It counts what the invocation calls in its
/// turn, for it must not end well while a call is outstanding or after one has failed, whatever the user's code swallowed (rule D-6).
/// </summary>
/// <remarks>
/// It is what makes code part of a transaction. The entry of the request context is only what carries the transaction from one
/// invocation to the next: where there is an entry and no scope (an activation that a call set off, say), there is no transaction.
/// </remarks>
internal sealed class CallScope
{
    private static readonly AsyncLocal<CallScope?> s_current = new();

    private readonly Lock _gate = new();
    private readonly Func<WireHeader, TransactionWork>? _join;
    private TransactionWork? _work;
    private AbortCause? _fault;
    private int _callsRunning;
    private bool _isCommitting;
    private bool _isClosed;

    /// <summary>Of the initiator.</summary>
    /// <param name="header">The transaction.</param>
    /// <param name="work">Its work here; null where there is none, on a client.</param>
    public CallScope(WireHeader header, TransactionWork? work) => (Header, _work) = (header, work);

    /// <summary>Of a grain call.</summary>
    /// <param name="header">The transaction.</param>
    /// <param name="join">Takes part in it; called when there is work for it here.</param>
    public CallScope(WireHeader header, Func<WireHeader, TransactionWork> join) => (Header, _join) = (header, join);

    /// <summary>The invocation that the running code belongs to; null outside transactions.</summary>
    public static CallScope? Current => s_current.Value;

    public WireHeader Header { get; }

    /// <summary>Makes the code that follows in the caller's asynchronous method, and all that it calls, part of the scope.</summary>
    public static void Enter(CallScope? scope) => s_current.Value = scope;

    /// <summary>Counts a call, and says what it fails with if the transaction can't go on.</summary>
    /// <exception cref="TransactionRefusedException">The invocation has ended.</exception>
    /// <exception cref="TransactionNotActiveException">It has asked to commit.</exception>
    /// <exception cref="TransactionAbortedException">A call of it failed before.</exception>
    public void StartCall()
    {
        AbortCause? fault;
        lock (_gate)
        {
            if (_isClosed)
            {
                throw new TransactionRefusedException(
                    Header.Id,
                    $"The work in transaction {Header.Id} that started this code has ended, and the code is still part of it. Await it there; or start it inside "
                    + $"'using ({nameof(TransactionFlow)}.{nameof(TransactionFlow.Suppress)}())', if it is to go on by itself and be no part of the transaction.");
            }

            if (_isCommitting)
            {
                throw new TransactionNotActiveException(Header.Id);
            }

            fault = _fault;
            _callsRunning += fault is null ? 1 : 0;
        }

        if (fault is not null)
        {
            throw new TransactionAbortedException(Header.Id, fault);
        }
    }

    /// <summary>A call has ended well.</summary>
    public void EndCall()
    {
        lock (_gate)
        {
            _callsRunning--;
        }
    }

    /// <summary>A call has failed.</summary>
    /// <param name="error">What it threw.</param>
    /// <param name="what">Which call, for people.</param>
    public void EndCall(Exception error, string what)
    {
        Fail(CauseOf(error, what)); // first: who sees no call running any more must see its failure
        EndCall();
    }

    /// <summary>The transaction can't commit any more. Its first cause is the one that is told.</summary>
    public void Fail(AbortCause cause)
    {
        TransactionWork? work;
        lock (_gate)
        {
            if (_fault is not null)
            {
                return;
            }

            _fault = cause;
            work = _work;
        }

        work?.Doom(cause);
    }

    /// <summary>The invocation that the running code belongs to.</summary>
    /// <param name="state">What is to be used in it, for people.</param>
    /// <exception cref="TransactionRequiredException">There is no transaction.</exception>
    public static CallScope Required(string state) => Current ?? throw new TransactionRequiredException(state);

    /// <summary>Uses a state or a stream in the transaction.</summary>
    /// <param name="state">The state, for people and for the operation.</param>
    /// <param name="operation">What is done.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public async ValueTask<TResult> CallAsync<TResult>(
        string state, Func<TransactionWork, string, CancellationToken, ValueTask<TResult>> operation, CancellationToken cancellation)
    {
        StartCall();
        TResult result;
        try
        {
            result = await operation(Work(), state, cancellation).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            EndCall(error, $"the use of '{state}'");
            throw;
        }

        EndCall();
        return result;
    }

    /// <summary>The transaction's work on this silo.</summary>
    /// <exception cref="TransactionRefusedException">It is none of this log's, or the silo has not started.</exception>
    /// <exception cref="NotSupportedException">This is a client.</exception>
    public TransactionWork Work()
    {
        lock (_gate)
        {
            return _work ??= _join?.Invoke(Header)
                ?? throw new NotSupportedException("A client has no part in the log: do the work in grains that the delegate calls.");
        }
    }

    /// <summary>
    /// Ends the calls of an invocation that asks to commit and goes on. Says why its transaction can't commit; null if it may. What is outstanding now would
    /// do its work after the commit, or not at all, while the rest is committed.
    /// </summary>
    public AbortCause? StopCalls()
    {
        lock (_gate)
        {
            _isCommitting = true;
        }

        return FaultWith("a call of the transaction was still running when it asked to commit: await every call");
    }

    /// <summary>Ends the invocation. Says why its transaction can't commit; null if it may.</summary>
    public AbortCause? Close()
    {
        lock (_gate)
        {
            _isClosed = true;
        }

        return FaultWith("an invocation ended before a call that it had made: await every call");
    }

    private AbortCause? FaultWith(string outstanding)
    {
        bool isOutstanding;
        lock (_gate)
        {
            isOutstanding = _callsRunning > 0; // no more are started
        }

        if (isOutstanding)
        {
            Fail(new AbortCause(AbortReason.WorkFailed, null, outstanding));
        }

        lock (_gate)
        {
            return _fault;
        }
    }

    /// <summary>A lost lock must stay one on its way up, or the work would be told as failed and not be run again.</summary>
    private AbortCause CauseOf(Exception error, string what) => error switch
    {
        TransactionAbortedException aborted when aborted.TransactionId == Header.Id => aborted.Cause,

        // The silo has gone with the call in hand. The grain is elsewhere next time.
        SiloUnavailableException => new AbortCause(AbortReason.Moved, null, $"the silo went away during {what}"),
        _ => new AbortCause(AbortReason.WorkFailed, null, $"{what} threw {error.GetType().Name}"),
    };
}
