using System.Diagnostics;
using Coordinator.Client;
using Coordinator.Diagnostics;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Participation;

namespace Coordinator.Participants;

/// <content>How a transaction is let in at a stream, and how a participant on another host than its coordinator stays sure that it is in.</content>
internal sealed partial class ParticipantHost
{
    private static readonly TimeSpan EnlistmentDelay = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan StillActiveDelay = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Makes a transaction part of a stream: asks for its enlistment under a new incarnation, before its first work (rule D-6).
    /// The coordinator's answer comes in <see cref="Participation.EnlistedAsync"/>.
    /// </summary>
    public Participation StartEnlistment(TransactionHeader header, StreamName stream, Type shape, Func<StreamName, Activation> create, Activity? span)
    {
        var now = clock.Now;
        var trace = span is { IsAllDataRequested: true } ? new ParticipantTrace(span, now) : null;
        var incarnation = new Incarnation(Interlocked.Increment(ref _incarnations), host);
        Participation participation;
        Participation? added;
        do
        {
            participation = new Participation(Find(stream, shape, create), header, incarnation)
            {
                WorkDeadline = now + header.Timeout,
                EnlistmentDue = now + EnlistmentDelay,
                EnlistmentDeadline = now + options.VoteTimeout,
                Trace = trace,
            };
            added = participation.Activation.TryAdd(participation);
        }
        while (added is null);

        if (added != participation)
        {
            return added; // another call of the transaction enlists it, or has
        }

        _busy.TryAdd(participation.Activation, true); // behind the registration: see where it is taken out

        if (_ended is { } cause)
        {
            // It came between the last look at the activations and the host's end: nobody would answer it.
            Feed(participation, new ParticipationInput.WorkDropped(cause), LogPosition.None);
            return participation;
        }

        Enlist(participation);
        return participation;
    }

    private void Enlist(Participation participation) => _transport!.ToCoordinator(
        participation.Transaction,
        participation.Header.Home,
        new CommitInput.EnlistRequested(new ParticipantId(participation.Activation.Stream), participation.Incarnation, ParticipantKind.LogNative, options.ParticipantsMax));

    /// <summary>One that was let in before has asked again, in case the abort was lost on its way here; that it may be over says only that it must ask what became of it.</summary>
    private void HearEnlistment(Participation participation, EnlistmentRefusal? refusal)
    {
        if (!participation.IsAnswered)
        {
            participation.EnlistmentDue = clock.Now + StillActiveDelay;
            participation.AnswerEnlistment(refusal, dispatcher);
        }
        else if (refusal is not null && participation.State.Phase is ParticipationPhase.Active)
        {
            Feed(participation, ParticipationInput.InquiryDue.Instance, LogPosition.None);
        }
    }

    /// <summary>
    /// The coordinator is on another host. Until it has answered it or a message is lost: asked again for a while. Then it may have aborted, and the abort is lost:
    /// who has not voted would keep its lock until the transaction's time is over.
    /// </summary>
    private void EnlistAgain(Participation participation, TimeSpan now)
    {
        if (participation.IsAnswered || now < participation.EnlistmentDeadline)
        {
            participation.EnlistmentDue = now + (participation.IsAnswered ? StillActiveDelay : EnlistmentDelay);
            Enlist(participation);
            return;
        }

        var cause = new AbortCause(
            AbortReason.ParticipantLost, new ParticipantId(participation.Activation.Stream), $"its coordinator did not let it in within {options.VoteTimeout}");
        Feed(participation, new ParticipationInput.WorkDropped(cause), LogPosition.None);
    }
}
