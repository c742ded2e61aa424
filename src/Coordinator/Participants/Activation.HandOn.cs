using Coordinator.Protocol;
using Coordinator.Protocol.Participation;

namespace Coordinator.Participants;

/// <content>What a transaction's work rests on: the durable state, or what the last writer before it has on its way to the log (decision 0009).</content>
internal abstract partial class Activation
{
    // Those whose batches are on their way to the log and whose lock was handed on, in the log's order; each rests on the one before. Until
    // they have left, or a newer state is known to be durable.
    private readonly List<Participation> _handedOn = [];

    /// <summary>
    /// Takes the base of the work, once: called under the lock. Either what the last one that handed the lock on is about to write, or
    /// what is durable; false if that must be read first.
    /// </summary>
    public bool TryGround(Participation participation)
    {
        lock (Gate)
        {
            if (participation.IsGrounded || AppendsAtEnd)
            {
                return true;
            }

            var dropped = _handedOn.FindIndex(static one => one.Fate is { Kind: BatchFateKind.Dropped });
            if (dropped >= 0)
            {
                // Not told here yet, but known: whoever went on from it would work in vain.
                _handedOn.RemoveRange(dropped, _handedOn.Count - dropped);
                Doubt();
            }

            if (_handedOn.Count > 0 && participation.IsAtHome)
            {
                var last = _handedOn[^1];
                (participation.Working, participation.BaseVersion, participation.RestsOn) = (last.Working, last.EndVersion, last.Fate);
            }
            else if (IsCurrent)
            {
                (participation.Working, participation.BaseVersion, participation.BasePosition) = (DurableState, Version, Position);
            }
            else
            {
                return false;
            }

            participation.IsGrounded = true;
            return true;
        }
    }

    /// <summary>
    /// Before the vote of one that worked without a lock: true if its base is the newest state, and, if it writes, the lock is its own from now on. A
    /// reader needs none: its read is checked once more when all have voted.
    /// </summary>
    /// <param name="participation">Whose vote.</param>
    /// <param name="wounded">If false: younger holders in the way; once they are dropped it may ask again. Null if there is no hope.</param>
    public bool TryReserve(Participation participation, out List<Participation>? wounded)
    {
        lock (Gate)
        {
            wounded = null;
            if (AppendsAtEnd || !WorksWithoutLock(participation) || participation is not { IsGrounded: true, State.Phase: ParticipationPhase.Active })
            {
                return true; // the machine has the word
            }

            if (!RestsOnNewest(participation))
            {
                return false;
            }

            // A writer that has voted and not handed on yet may be committed elsewhere already: what was read there may be newer than this.
            return participation.EventCount > 0 ? _lock.TryTake(participation, out wounded) : !_lock.IsPromised;
        }
    }

    /// <summary>
    /// True if work without a lock has seen a state here that is no longer so: what it concluded, together with what it has seen elsewhere, may follow
    /// from a state that never was.
    /// </summary>
    public bool HasMovedOn(Participation participation)
    {
        lock (Gate)
        {
            return !AppendsAtEnd && WorksWithoutLock(participation) && participation.IsGrounded && (_lock.IsPromised || !RestsOnNewest(participation));
        }
    }

    private bool RestsOnNewest(Participation participation) => _handedOn.Count > 0
        ? ReferenceEquals(_handedOn[^1].Fate, participation.RestsOn)
        : IsCurrent && Version == participation.BaseVersion;

    /// <summary>
    /// The transaction's commit is on its way to the log behind all that it rests on: the next writer may go on from it. Nobody is told of
    /// a commit by that; a batch that rests on this one is written with it or later, or not at all (decision 0009).
    /// </summary>
    public void HandOn(TransactionId transaction, BatchFate fate, ref ActivationOutcome outcome)
    {
        lock (Gate)
        {
            if (AppendsAtEnd || FindHeld(transaction) is not { State.Phase: ParticipationPhase.Prepared, Fate: null } participation)
            {
                return;
            }

            // What rests on a dropped batch is dropped too: who went on from it would work in vain.
            if (participation.RestsOn is { Kind: BatchFateKind.Dropped })
            {
                return;
            }

            participation.Fate = fate;
            _handedOn.Add(participation);
            _granted.Clear();
            _lock.HandOn(participation, _granted);
            TellGranted(ref outcome);
        }
    }

    /// <summary>Whoever goes on from a state that is dropped has worked for nothing, and so has whoever goes on from theirs.</summary>
    private void DropDependants(Participation dropped, ref ActivationOutcome outcome)
    {
        if (dropped.Fate is null)
        {
            return;
        }

        var first = _handedOn.IndexOf(dropped);
        if (first >= 0)
        {
            _handedOn.RemoveRange(first, _handedOn.Count - first);
        }

        foreach (var participation in _participations)
        {
            if (participation.State.Phase is ParticipationPhase.Active && ReferenceEquals(participation.RestsOn, dropped.Fate))
            {
                (outcome.Doomed ??= []).Add(participation);
            }
        }
    }
}
