using Coordinator.Hosting;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;

namespace Coordinator.Client;

/// <content>How it ends, and why.</content>
internal sealed partial class TransactionContext
{
    public ValueTask<TransactionOutcome> CommitAsync(CancellationToken cancellation = default)
    {
        bool callsRunning;
        lock (Gate)
        {
            if (IsOver)
            {
                return OutcomeAsync(cancellation);
            }

            _ending = true;
            callsRunning = HasCallsRunning;
        }

        Engine.ToCoordinator(Id, callsRunning
            ? new CommitInput.AbortRequested(new AbortCause(AbortReason.WorkFailed, null, "a call of the transaction was still running when it asked to commit"))
            : Engine.CommitInput());
        return OutcomeAsync(cancellation);
    }

    public ValueTask<TransactionOutcome> AbortAsync(string? reason = null) => AbortAsync(new AbortCause(AbortReason.Requested, null, reason));

    /// <summary>As by <see cref="AbortAsync(string?)"/>, for a cause that the work was told.</summary>
    public ValueTask<TransactionOutcome> AbortAsync(AbortCause cause)
    {
        Doom(cause);
        return OutcomeAsync(CancellationToken.None);
    }

    /// <summary>As by <see cref="AbortAsync(string?)"/>, because the work failed. Its message stays with whoever catches it: it may quote data.</summary>
    public ValueTask<TransactionOutcome> FailAsync(Exception error) =>
        AbortAsync(new AbortCause(AbortReason.WorkFailed, null, $"the work threw {error.GetType().Name}"));

    /// <summary>Ends an attempt that has nothing to do: its work was done by another, whose outcome is told. It is not counted.</summary>
    public ValueTask<TransactionOutcome> WithdrawAsync()
    {
        _isWithdrawn = true;
        return DropAsync("its idempotency key is bound already");
    }

    /// <summary>Aborts it for a reason that has nothing to do with what the work saw.</summary>
    public ValueTask<TransactionOutcome> DropAsync(string reason)
    {
        End(new AbortCause(AbortReason.Requested, null, reason), looksFirst: false);
        return OutcomeAsync(CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_ending)
        {
            await DropAsync("disposed without commit").ConfigureAwait(false);
        }
    }

    public void Announce(TransactionId id, CommitMessage.OutcomeAnnounced announcement)
    {
        TransactionOutcome outcome = announcement.Outcome switch
        {
            OutcomeKind.Committed => new TransactionOutcome.Committed(id),
            OutcomeKind.Aborted => new TransactionOutcome.Aborted(id, CauseOf(announcement)),
            _ => new TransactionOutcome.Unknown(id, "The log has the decision in hand and has not said what became of it. Ask for the outcome with this id."),
        };
        bool isFirst;
        lock (Gate)
        {
            isFirst = _outcome is null;
            _outcome ??= outcome; // no waiter is added from here on
        }

        if (isFirst)
        {
            Measure(id, announcement.Outcome, (outcome as TransactionOutcome.Aborted)?.Cause.Reason);
        }

        _waiter?.TryComplete(outcome, Engine.Dispatcher);
        _moreWaiters?.ForEach(waiter => waiter.TryComplete(outcome, Engine.Dispatcher));
    }

    private AbortCause CauseOf(CommitMessage.OutcomeAnnounced announcement)
    {
        var cause = announcement.Cause ?? new AbortCause(AbortReason.Presumed);
        if (cause.Reason is not AbortReason.ParticipantLost)
        {
            return cause;
        }

        lock (Gate)
        {
            return Refusal() ?? cause; // asked to prepare in between, it had dropped the work already: its No was overtaken by that answer
        }
    }

    private void Measure(TransactionId id, OutcomeKind outcome, AbortReason? reason)
    {
        var metrics = Engine.Telemetry.Metrics;
        if (!_isWithdrawn)
        {
            metrics.Told(outcome, reason, metrics.TimesTransactions ? Engine.Now - began : TimeSpan.Zero);
        }

        if (span is not null)
        {
            Engine.Telemetry.Traces.End(span, id, outcome, reason, Participations.Count);
        }
    }

    /// <inheritdoc/>
    protected override async ValueTask<Exception> NotGrantedAsync()
    {
        var outcome = await OutcomeAsync(CancellationToken.None).ConfigureAwait(false);
        return outcome is TransactionOutcome.Aborted aborted ? new TransactionAbortedException(Id, aborted.Cause) : NotActive();
    }

    /// <inheritdoc/>
    protected override TransactionException NotActive()
    {
        AbortCause? cause;
        lock (Gate)
        {
            cause = _outcome is TransactionOutcome.Aborted aborted ? aborted.Cause : _outcome is null ? Refusal() ?? _doomed : null;
        }

        return cause is null ? new TransactionNotActiveException(Id) : new TransactionAbortedException(Id, cause);
    }

    /// <summary>
    /// Work without locks that gives up may do so because of a state that never was: one thing as it was before another's commit, the next as it is
    /// after. If what it has seen is no longer so, that is the cause, and it is run again. Under the gate.
    /// </summary>
    private AbortCause? MovedOn(AbortCause cause)
    {
        if (!Header.IsOptimistic || cause.Reason is not (AbortReason.Requested or AbortReason.WorkFailed))
        {
            return null;
        }

        foreach (var participation in Participations)
        {
            if (participation.Activation.HasMovedOn(participation))
            {
                return new AbortCause(AbortReason.Conflict, new ParticipantId(participation.Activation.Stream), "has changed since it was read");
            }
        }

        return null;
    }

    /// <inheritdoc/>
    public override void Doom(AbortCause cause) => End(cause, looksFirst: true);

    private void End(AbortCause cause, bool looksFirst)
    {
        lock (Gate)
        {
            if (_outcome is not null)
            {
                return;
            }

            _ending = true;
            cause = Refusal() ?? MovedOn(cause) ?? cause; // or a lost lock would be told as the failure of the work that noticed it, and not be run again
            _doomed ??= cause;
        }

        // The work's own causes rest on what it saw, and that may be old where other hosts write.
        looksFirst &= Engine.IsClustered && cause.Reason is AbortReason.Requested or AbortReason.WorkFailed;
        Engine.ToCoordinator(Id, looksFirst ? Engine.GiveUpInput(cause) : new CommitInput.AbortRequested(cause));
    }

    private ValueTask<TransactionOutcome> OutcomeAsync(CancellationToken cancellation)
    {
        Completion<TransactionOutcome> waiter;
        lock (Gate)
        {
            if (_outcome is { } known)
            {
                return new ValueTask<TransactionOutcome>(known);
            }

            waiter = new();
            if (_waiter is null)
            {
                _waiter = waiter;
            }
            else
            {
                (_moreWaiters ??= []).Add(waiter);
            }
        }

        return cancellation.CanBeCanceled ? WaitAsync(waiter, cancellation) : waiter.WaitAsync();
    }

    private async ValueTask<TransactionOutcome> WaitAsync(Completion<TransactionOutcome> waiter, CancellationToken cancellation)
    {
        using var registration = cancellation.UnsafeRegister(
            _ => waiter.TryComplete(
                new TransactionOutcome.Unknown(Id, "The wait was cancelled; the transaction goes its way. Ask for the outcome with this id."),
                Engine.Dispatcher),
            null);
        return await waiter.WaitAsync().ConfigureAwait(false);
    }
}
