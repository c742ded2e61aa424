using Coordinator.Hosting;
using Coordinator.Participants;
using Coordinator.Protocol;
using Coordinator.Protocol.Participation;

namespace Coordinator.Client;

/// <summary>
/// The work of one call of a transaction that was begun elsewhere, or by another call. Whatever fails here drops the work that was done through it, so that
/// the transaction can't commit whatever its initiator makes of the exception (rule D-6).
/// </summary>
internal sealed class JoinedTransaction : TransactionWork
{
    private AbortCause? _doomed;

    public JoinedTransaction(TransactionEngine engine, TransactionHeader header)
        : base(engine) => Header = header;

    /// <inheritdoc/>
    protected override bool IsOver => _doomed is not null;

    /// <inheritdoc/>
    public override void Doom(AbortCause cause)
    {
        Participation[] opened;
        lock (Gate)
        {
            _doomed ??= Refusal() ?? cause;
            (cause, opened) = (_doomed, [.. Participations]);
        }

        // What the work gave up for may rest on a state that is old. It is its initiator who gives up, and has that looked at first: until then this can only
        // not be promised any more.
        var isOfWork = cause.Reason is AbortReason.Requested or AbortReason.WorkFailed;
        foreach (var participation in opened)
        {
            if (!isOfWork)
            {
                Engine.Participants.Feed(participation, new ParticipationInput.WorkDropped(cause), LogPosition.None);
            }
            else if (Engine.Participants.Feed(participation, ParticipationInput.CallStarted.Instance, LogPosition.None))
            {
                Engine.Participants.Feed(participation, ParticipationInput.CallEnded.Badly, LogPosition.None);
            }
        }
    }

    /// <inheritdoc/>
    protected override ValueTask<Exception> NotGrantedAsync() => new(NotActive());

    /// <inheritdoc/>
    protected override TransactionException NotActive()
    {
        lock (Gate)
        {
            return (Refusal() ?? _doomed) is { } cause ? new TransactionAbortedException(Id, cause) : new TransactionNotActiveException(Id);
        }
    }
}
