using Coordinator.Hosting;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Participation;

namespace Coordinator.Participants;

/// <summary>
/// One stream as a participant: its state as far as it is durable, its lock, and the transactions at work on it.
/// </summary>
/// <remarks>
/// A shell over <see cref="ParticipationProtocol"/>. The expected version is the net beneath the lock: if a second activation
/// of the same stream exists somewhere, one of the two loses its commit to the log and reads anew.
/// </remarks>
internal abstract partial class Activation(StreamName stream, Type shape)
{
    private readonly LockQueue<Participation> _lock = new();
    private readonly List<Participation> _participations = new(1);
    private readonly List<Participation> _granted = new(1);
    private string? _category;
    private Completion<bool>? _empty;

    /// <summary>Guards everything below; never held over an await, a callback or a message.</summary>
    protected Lock Gate { get; } = new();

    public StreamName Stream { get; } = stream;

    /// <summary>What the stream's name has before the first slash, where ids begin.</summary>
    public string Category => _category ??=
        Stream.Value.IndexOf('/', StringComparison.Ordinal) is var slash and >= 0 ? Stream.Value[..slash] : Stream.Value;

    /// <summary>What the stream is used as: an aggregate's or value's type, or published events. One stream, one use.</summary>
    public Type Shape { get; } = shape;

    /// <summary>True for published events: no state, no lock, numbered by the log.</summary>
    public virtual bool AppendsAtEnd => false;

    /// <summary>True if even optimistic work locks it: who comes second must wait for who came first, not find out at the end.</summary>
    protected virtual bool IsAlwaysLocked => false;

    /// <summary>The stream's last version that is part of the state.</summary>
    public long Version { get; protected set; }

    /// <summary>Position of that row.</summary>
    public LogPosition Position { get; protected set; }

    /// <summary>The state at <see cref="Version"/>.</summary>
    protected virtual object? DurableState => null;

    /// <summary>False until the stream was read, and again when it may have moved on without us.</summary>
    public bool IsCurrent { get; protected set; }

    /// <summary>Counts how often the state was found to be possibly old: what was read before that proves nothing.</summary>
    protected int Doubts { get; private set; }

    /// <summary>Set when it was looked up; cleared by the sweep that drops idle activations.</summary>
    public bool Touched { get; set; }

    /// <summary>Set once dropped from memory: whoever still holds a reference looks it up again.</summary>
    public bool IsDropped { get; private set; }

    /// <summary>True if no transaction is here and nobody holds or awaits the lock.</summary>
    public bool IsIdle
    {
        get
        {
            lock (Gate)
            {
                return _participations.Count == 0 && _lock.IsIdle;
            }
        }
    }

    /// <summary>
    /// Registers a transaction; the participation that it has here from then on, which is another one where another of its calls was first. Null if the
    /// activation was dropped meanwhile.
    /// </summary>
    public Participation? TryAdd(Participation participation)
    {
        lock (Gate)
        {
            if (IsDropped)
            {
                return null;
            }

            if (FindHeld(participation.Transaction) is { } known)
            {
                return known;
            }

            _participations.Add(participation);
            return participation;
        }
    }

    /// <summary>Null if no transaction is here; else what is completed when the last one has left. For one who waits: who asks later takes its place.</summary>
    public Completion<bool>? WhenEmpty()
    {
        lock (Gate)
        {
            return _participations.Count == 0 ? null : _empty = new Completion<bool>();
        }
    }

    /// <summary>
    /// Calls of one transaction ask for the lock one after the other. Null: it is the caller's turn, which ends with <see cref="EndTurn"/>; else the turn comes
    /// when this is completed.
    /// </summary>
    public Completion<bool>? TakeTurn(Participation participation)
    {
        lock (Gate)
        {
            if (!participation.IsInTurn)
            {
                participation.IsInTurn = true;
                return null;
            }

            var turn = new Completion<bool>();
            (participation.Turns ??= []).Enqueue(turn);
            return turn;
        }
    }

    /// <inheritdoc cref="TakeTurn"/>
    public void EndTurn(Participation participation, IDispatcher dispatcher)
    {
        Completion<bool>? next = null;
        lock (Gate)
        {
            participation.IsInTurn = participation.Turns?.TryDequeue(out next) is true;
        }

        next?.TryComplete(true, dispatcher);
    }

    /// <summary>Drops the activation if no transaction is here.</summary>
    public bool TryDrop()
    {
        lock (Gate)
        {
            IsDropped |= _participations.Count == 0;
            return IsDropped;
        }
    }

    public Participation? Find(TransactionId transaction)
    {
        lock (Gate)
        {
            return FindHeld(transaction);
        }
    }

    /// <summary>Feeds the machine and does its own side's part; what must be sent is returned.</summary>
    /// <param name="participation">Whose machine.</param>
    /// <param name="input">What happened.</param>
    /// <param name="position">With a commit decision: where its batch stands; None if the sender does not know.</param>
    /// <param name="outcome">What is to be done after the gate is released.</param>
    public void Advance(Participation participation, ParticipationInput input, LogPosition position, ref ActivationOutcome outcome)
    {
        lock (Gate)
        {
            var hadPromised = participation.State.Phase is ParticipationPhase.Prepared;
            var step = ParticipationProtocol.Advance(participation.State, input);
            participation.State = step.State;
            outcome.Violation = step.Disposition is Disposition.Violation ? step.Why : null;
            foreach (var message in step.Messages)
            {
                switch (message)
                {
                    case ParticipationMessage.Vote vote:
                        participation.Refused ??= vote.Cause;
                        Remember(participation);

                        outcome.Vote = new CommitInput.VoteReceived(
                            new ParticipantId(Stream), participation.Incarnation, vote.Ballot, RedoOf(participation, vote), vote.Cause);
#if PLANTED_BUGS
                        if (PlantedBugs.Has(PlantedBug.LocksReleasedAtVote) && vote.Ballot is Ballot.Yes && !AppendsAtEnd)
                        {
                            _granted.Clear();
                            _lock.Release(participation, _granted);
                            TellGranted(ref outcome);
                        }
#endif
                        break;
                    case ParticipationMessage.Inquire:
                        outcome.Inquires = true;
                        break;
                    case ParticipationMessage.RefuseCall:
                        outcome.CallRefused = true;
                        break;
                    case ParticipationMessage.ApplyRedo:
                        Apply(participation, position);
                        Leave(participation, ref outcome);
                        break;
                    case ParticipationMessage.DropWork:
                        // A prepared one that is aborted may have lost to somebody else's rows: read before the next use. Work that
                        // promised nothing was never offered to the log.
                        if (hadPromised && participation.EventCount > 0)
                        {
                            Doubt();
                        }

                        DropDependants(participation, ref outcome);
                        Leave(participation, ref outcome);
                        break;
                    case ParticipationMessage.ReleaseLocks:
                        Leave(participation, ref outcome);
                        break;
                }
            }
        }
    }

    /// <summary>Adds an event to a transaction's redo.</summary>
    /// <param name="participation">Whose redo.</param>
    /// <param name="data">The event.</param>
    /// <param name="from">The working state that <paramref name="working"/> was made from.</param>
    /// <param name="working">The working state with the event.</param>
    public RecordAnswer TryRecord(Participation participation, EventData data, object? from, object? working)
    {
        lock (Gate)
        {
            var step = ParticipationProtocol.Advance(participation.State, ParticipationInput.ChangeMade.Instance);
            if (!step.Messages.IsEmpty)
            {
                return RecordAnswer.NotActive;
            }

            if (!ReferenceEquals(participation.Working, from))
            {
                return RecordAnswer.Raced; // two threads on one handle: one event would be in the log and not in the state
            }

            participation.State = step.State;
            participation.Add(data);
            participation.Working = working;
            return RecordAnswer.Recorded;
        }
    }

    /// <summary>Asks for the lock; a waiter's <see cref="Participation.LockWait"/> is completed when it is granted.</summary>
    public LockRequest RequestLock(Participation participation, LockMode mode, TimeSpan deadline)
    {
        lock (Gate)
        {
            if (participation.State.Phase is not ParticipationPhase.Active)
            {
                return new LockRequest(LockAnswer.Ended); // while the call was on its way
            }

            if (AppendsAtEnd || WorksWithoutLock(participation) || _lock.Request(participation, mode, out var wounded) is LockAnswer.Granted)
            {
                return new LockRequest(LockAnswer.Granted);
            }

            participation.LockWait = new();
            participation.LockDeadline = deadline;
            return new LockRequest(LockAnswer.Waiting, participation.LockWait, wounded); // a grant may take the wait back before the caller looks
        }
    }

    private bool WorksWithoutLock(Participation participation) => participation.Header.IsOptimistic && !IsAlwaysLocked;

    /// <summary>Brings the state up to the stream's end for one transaction; called under its lock.</summary>
    /// <param name="store">The log.</param>
    /// <param name="reader">The transaction; null where hosts share the streams, so that rows of others are nothing special.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <exception cref="TransactionRefusedException">The stream holds rows of a later owner of the log.</exception>
    public abstract ValueTask LoadAsync(ILogStore store, TransactionId? reader, CancellationToken cancellation);

    /// <summary>Makes the redo part of the state. Called under the gate.</summary>
    protected abstract void Install(Participation participation);

    protected void Doubt()
    {
        IsCurrent = false;
        Doubts++;
    }

    private Participation? FindHeld(TransactionId transaction)
    {
        foreach (var participation in _participations)
        {
            if (participation.Transaction == transaction)
            {
                return participation;
            }
        }

        return null;
    }

    /// <summary>A No says what was read, for work that gives up because of that.</summary>
    private static Redo? RedoOf(Participation participation, ParticipationMessage.Vote vote) => vote.Ballot switch
    {
        Ballot.Yes => participation.ToRedo(),
        _ when participation.Activation.AppendsAtEnd => null,
        Ballot.ReadOnly => participation.ToRedo(),
        _ => participation.IsGrounded && vote.Cause?.Reason is AbortReason.WorkFailed or AbortReason.Requested ? participation.ToRedo() with { Events = [] } : null,
    };

    private void Apply(Participation participation, LogPosition position)
    {
        if (AppendsAtEnd)
        {
            return;
        }

        // Whoever it rests on is durable too, even if that is not known here yet: nobody may go on from an older state than this.
        _handedOn.RemoveAll(earlier => earlier.EndVersion <= participation.EndVersion);
        if (IsCurrent && participation.EndVersion <= Version)
        {
            return; // one that rests on this was told first
        }

        // Without the batch's position the next redo could not name its predecessor's (D-10): read the tail first. And a read of the stream that is
        // under way may have begun before these rows were there: what it finds would be taken for the end.
        if (position == LogPosition.None || !IsCurrent)
        {
            Doubt();
        }

        if (IsCurrent)
        {
            Install(participation);
            Version = participation.EndVersion;
            Position = position;
        }
    }

    private void Leave(Participation participation, ref ActivationOutcome outcome)
    {
        _participations.Remove(participation);
        if (_participations.Count == 0)
        {
            if (!IsAnchored)
            {
                Doubt();
            }

            (outcome.Empty, _empty) = (_empty, null);
        }

        outcome.HasLeft = true;
        outcome.EndedWait = participation.LockWait;
        participation.LockWait = null;
        if (AppendsAtEnd)
        {
            return;
        }

        _granted.Clear();
        _lock.Release(participation, _granted);
        TellGranted(ref outcome);
    }

    private void TellGranted(ref ActivationOutcome outcome)
    {
        foreach (var granted in _granted)
        {
            if (granted.LockWait is { } wait)
            {
                (outcome.Granted ??= []).Add(wait);
                granted.LockWait = null;
            }
        }
    }
}
