using Coordinator.Protocol;
using Coordinator.Protocol.Participation;

namespace Coordinator.Participants;

/// <content>What its host looks at from outside, and says of the state.</content>
internal abstract partial class Activation
{
    /// <summary>Some other transaction is at work here: it may still commit.</summary>
    /// <param name="self">Who asks.</param>
    /// <param name="other">The one that is furthest, if there is any.</param>
    public bool HasOther(TransactionId self, out TransactionId other)
    {
        lock (Gate)
        {
            Participation? found = null;
            foreach (var participation in _participations)
            {
                if (participation.Transaction != self
                    && participation.State.Phase is ParticipationPhase.Active or ParticipationPhase.Prepared
                    && (found is null || participation.State.Phase > found.State.Phase))
                {
                    found = participation;
                }
            }

            other = found?.Transaction ?? default;
            return found is not null;
        }
    }

    /// <summary>
    /// Transactions whose wait for the lock has ended without it, who work longer than any transaction may, who must ask for
    /// their outcome, or who have not heard of their coordinator for a while.
    /// </summary>
    /// <returns>How many are in doubt for longer than the inquiry delay.</returns>
    public int CollectDue(
        TimeSpan now, List<Participation> lockTimeouts, List<Participation> overdue, List<Participation> inquiries, List<Participation> unheard)
    {
        if (_participations.Count == 0)
        {
            return 0; // read without the gate: whoever comes now is not due before the next tick
        }

        var inDoubt = 0;
        lock (Gate)
        {
            foreach (var participation in _participations)
            {
                inDoubt += participation.HasInquired ? 1 : 0;
                if (participation.State.Phase is ParticipationPhase.Active && participation.WorkDeadline <= now)
                {
                    overdue.Add(participation);
                }

                if (!participation.IsAtHome && participation.EnlistmentDue <= now && (!participation.IsAnswered || participation.State.Phase is ParticipationPhase.Active))
                {
                    unheard.Add(participation);
                }

                if (participation.LockWait is not null && participation.LockDeadline <= now)
                {
                    lockTimeouts.Add(participation);
                }

                if (participation.State.Phase is ParticipationPhase.Prepared && participation.InquiryDue <= now)
                {
                    inquiries.Add(participation);
                }
            }
        }

        return inDoubt;
    }

    /// <summary>
    /// Its state stays current while nobody is at work here: whoever changes the stream does so here. False where others may, on other hosts: then the stream
    /// is read again for the next one.
    /// </summary>
    public bool IsAnchored
    {
        get;
        set
        {
            lock (Gate)
            {
                field = value;
                Doubt(); // it was, or may be from now on, somebody else's
            }
        }
    } = true;

    /// <summary>The state may be old: it is read again before the next use.</summary>
    public void Mistrust()
    {
        lock (Gate)
        {
            Doubt();
        }
    }

    /// <summary>All that take part here now.</summary>
    public void CollectAll(List<Participation> all)
    {
        lock (Gate)
        {
            all.AddRange(_participations);
        }
    }
}
