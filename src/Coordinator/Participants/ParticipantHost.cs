using System.Collections.Concurrent;
using Coordinator.Diagnostics;
using Coordinator.Hosting;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Participation;
using Coordinator.Shards;
using Microsoft.Extensions.Logging;

namespace Coordinator.Participants;

/// <summary>The log-native participants of this process: finds activations, carries messages to them and their answers back.</summary>
internal sealed partial class ParticipantHost(
    ILogStore store,
    IDispatcher dispatcher,
    MonotonicClock clock,
    IRandomSource random,
    ulong host,
    bool sharesStreams,
    CoordinatorOptions options,
    EngineTelemetry telemetry,
    ILogger logger)
{
    private static readonly TimeSpan InquiryDelay = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<StreamName, Activation> _activations = new();
    private readonly ConcurrentDictionary<Activation, bool> _busy = new(); // somebody is at work there, or was at the last tick
    private ulong _incarnations = random.Next();
    private ITransport? _transport;
    private volatile AbortCause? _ended;
    private int _inDoubtCount;

    /// <summary>True if no transaction is at work and no lock is held or awaited.</summary>
    public bool IsIdle => _activations.Values.All(activation => activation.IsIdle);

    /// <summary>All that are in some transaction now, in the order in which they came.</summary>
    public IEnumerable<Participation> AtWork
    {
        get
        {
            var all = AllAt(_activations.Values);
            all.Sort(ByEnlistment);
            return all;
        }
    }

    /// <summary>Participants that have voted and asked what became of it, as of the last tick.</summary>
    public int InDoubtCount => Volatile.Read(ref _inDoubtCount);

    /// <summary>Where this host's votes and inquiries go; set once, before the first message.</summary>
    public void Connect(ITransport transport) => _transport = transport;

    /// <summary>Waits for the lock and for the state to be current. The caller has started a call of the machine.</summary>
    public async ValueTask<LockAnswer> LockAsync(Participation participation, LockMode mode, CancellationToken cancellation)
    {
        if (participation.Activation.TakeTurn(participation) is { } turn)
        {
            await turn.WaitAsync().ConfigureAwait(false);
        }

        try
        {
            return await LockInTurnAsync(participation, mode, cancellation).ConfigureAwait(false);
        }
        finally
        {
            participation.Activation.EndTurn(participation, dispatcher);
        }
    }

    private async ValueTask<LockAnswer> LockInTurnAsync(Participation participation, LockMode mode, CancellationToken cancellation)
    {
        var activation = participation.Activation;
        if (participation.Trace is { } trace && mode > trace.Mode)
        {
            trace.Mode = mode;
        }

        var (answer, wait, wounded) = activation.RequestLock(participation, mode, clock.Now + options.LockTimeout);
        wounded?.ForEach(Wound);
        if (wait is not null)
        {
            // The wait is ended by a grant, by its deadline (Tick), or with the transaction.
            using var registration = cancellation.UnsafeRegister(_ => wait.TryComplete(LockAnswer.Ended, dispatcher), null);
            var since = telemetry.Metrics.TimesLockWaits || participation.Trace is not null ? clock.Now : TimeSpan.MinValue; // else nobody wants to know
            answer = await wait.WaitAsync().ConfigureAwait(false);
            if (since > TimeSpan.MinValue)
            {
                Waited(participation, mode, answer, clock.Now - since);
            }
        }

        while (answer is LockAnswer.Granted && !activation.TryGround(participation))
        {
            await activation.LoadAsync(store, sharesStreams ? null : participation.Transaction, cancellation).ConfigureAwait(false);
        }

        return answer;
    }

    /// <summary>Some other transaction is at work on a stream here: it may still commit.</summary>
    public bool IsOtherAtWork(StreamName stream, TransactionId self, out TransactionId other)
    {
        other = default;
        return _activations.TryGetValue(stream, out var activation) && activation.HasOther(self, out other);
    }

    /// <summary>The transaction's commit is on its way to the log of this process: its lock on the stream may be handed on.</summary>
    public void HandOn(TransactionId transaction, StreamName stream, BatchFate fate)
    {
        if (_activations.TryGetValue(stream, out var activation))
        {
            var outcome = default(ActivationOutcome);
            activation.HandOn(transaction, fate, ref outcome);
            TellGranted(outcome);
        }
    }

    /// <summary>A message of a coordinator. One for a participant that holds no such transaction is answered No or dropped.</summary>
    public void Deliver(TransactionId transaction, ulong from, CommitMessage message)
    {
#if PLANTED_BUGS
        if (PlantedBugs.Has(PlantedBug.DeliveryLost) && message is CommitMessage.DecisionDelivered or CommitMessage.InquiryAnswered && transaction.Sequence % 50 == 0)
        {
            return; // and so for ever: whatever else it may be told, it stays prepared
        }
#endif
        switch (message)
        {
            case CommitMessage.EnlistmentAnswered answered when Find(transaction, answered.Participant) is { } waiting:
                if (waiting.Incarnation == answered.Incarnation)
                {
                    HearEnlistment(waiting, answered.Refusal);
                }

                break;
            case CommitMessage.PrepareRequested prepare:
                Prepare(transaction, from, prepare);
                break;
            case CommitMessage.DecisionDelivered delivered when Find(transaction, delivered.Participant) is { } concerned:
                Feed(concerned, InputOf(delivered.Decision), delivered.Position);
                break;
            case CommitMessage.DecisionDelivered { Decision: Decision.Abort } late when sharesStreams && _activations.TryGetValue(late.Participant.Address, out var activation):
                activation.Mistrust(); // it has voted and left; what it read here was not the newest state
                break;
            case CommitMessage.InquiryAnswered answered when Find(transaction, answered.Asker) is { } asker:
                Feed(asker, InputOf(answered.Decision), LogPosition.None);
                break;
            case CommitMessage.OutcomeNotOnRecord unknown when sharesStreams && Find(transaction, unknown.Asker) is { State.Phase: ParticipationPhase.Prepared } lost && lost.Incarnation == unknown.Incarnation:
                LeaveInDoubt(lost);
                break;
        }
    }

    /// <summary>Feeds one participation's machine; false if the call it belongs to must fail.</summary>
    public bool Feed(Participation participation, ParticipationInput input, LogPosition position)
    {
        var outcome = default(ActivationOutcome);
        participation.Activation.Advance(participation, input, position, ref outcome);
        if (participation.State.Phase is ParticipationPhase.Aborted)
        {
            participation.AnswerEnlistment(EnlistmentRefusal.NotActive, dispatcher); // the coordinator's answer may be lost
        }

        outcome.EndedWait?.TryComplete(LockAnswer.Ended, dispatcher);
        outcome.Empty?.TryComplete(true, dispatcher);
        TellGranted(outcome);

        if (outcome.Vote is { } vote)
        {
            participation.InquiryDue = clock.Now + InquiryDelay;
            _transport!.ToCoordinator(participation.Transaction, participation.Header.Home, vote);
        }

        if (outcome.Inquires)
        {
            participation.InquiryDue = clock.Now + InquiryDelay;
            participation.HasInquired |= participation.State.Phase is ParticipationPhase.Prepared;
            _transport!.ToCoordinator(
                participation.Transaction,
                participation.Header.Home,
                new CommitInput.OutcomeInquired(new ParticipantId(participation.Activation.Stream), participation.Incarnation));
        }

        if (outcome.Violation is { } why)
        {
            Violated(logger, participation.Transaction, participation.Activation.Stream, input.GetType().Name, why);
        }

        outcome.Doomed?.ForEach(doomed => Feed(doomed, WorkLost(doomed), LogPosition.None));
        if (outcome.HasLeft && participation.Trace is not null)
        {
            telemetry.Traces.Left(participation, clock.Now);
        }

        return !outcome.CallRefused;
    }

    private void TellGranted(in ActivationOutcome outcome)
    {
        if (outcome.Granted is { } granted)
        {
            foreach (var wait in granted)
            {
                wait.TryComplete(LockAnswer.Granted, dispatcher);
            }
        }
    }

    /// <summary>
    /// This host does not own the log any more: what has not voted is dropped, and whoever waits for a lock is told. The states kept
    /// here must not be used again: the next owner changes what they were read from.
    /// </summary>
    public void DropAll(AbortCause cause)
    {
        _ended = cause;
        var all = AllAt(_activations.Values);
        Drop(all, cause);
        foreach (var participation in all)
        {
            if (participation is { Trace: not null, State.Phase: ParticipationPhase.Prepared })
            {
                telemetry.Traces.Left(participation, clock.Now); // it has voted, and hears no decision here any more
            }
        }
    }

    /// <summary>
    /// Nobody knows what became of it, and nothing can be added to that: what it holds here in memory goes, and whether it was committed the next one at work
    /// reads in the stream, as it would on a host where the transaction never was.
    /// </summary>
    private void LeaveInDoubt(Participation participation)
    {
        NotOnRecord(logger, participation.Transaction, participation.Activation.Stream);
        participation.Activation.Mistrust();
        Feed(participation, ParticipationInput.DecisionReceived.Abort, LogPosition.None);
    }

    private static List<Participation> AllAt(IEnumerable<Activation> activations)
    {
        var all = new List<Participation>();
        foreach (var activation in activations)
        {
            activation.CollectAll(all);
        }

        return all;
    }

    private static int ByEnlistment(Participation left, Participation right) => left.Incarnation.Value.CompareTo(right.Incarnation.Value);

    private static ParticipationInput.DecisionReceived InputOf(Decision decision) =>
        decision is Decision.Commit ? ParticipationInput.DecisionReceived.Commit : ParticipationInput.DecisionReceived.Abort;

    private void Prepare(TransactionId transaction, ulong from, CommitMessage.PrepareRequested prepare)
    {
        if (Find(transaction, prepare.Participant) is { } participation)
        {
            if (!TryReserve(participation))
            {
                var late = new AbortCause(AbortReason.Conflict, prepare.Participant, "another transaction came first");
                Feed(participation, new ParticipationInput.WorkDropped(late), LogPosition.None);
                return;
            }

            Feed(participation, new ParticipationInput.PrepareRequested(prepare.Incarnation), LogPosition.None);
            return;
        }

        // Whoever does not hold the transaction votes No, never ReadOnly: its work is lost (D-6). One that has just been wounded has left already, and its own
        // vote may come behind this one: the first No is the cause that is told, and a lost participant would not be run again.
        var cause = (_activations.TryGetValue(prepare.Participant.Address, out var activation) ? activation.RefusalOf(transaction) : null)
            ?? new AbortCause(AbortReason.ParticipantLost, prepare.Participant, "holds no such transaction");
#if PLANTED_BUGS
        if (PlantedBugs.Has(PlantedBug.LostParticipantVotesReadOnly))
        {
            _transport!.ToCoordinator(transaction, from, new CommitInput.VoteReceived(prepare.Participant, prepare.Incarnation, Ballot.ReadOnly, null, null));
            return;
        }
#endif
        _transport!.ToCoordinator(transaction, from, new CommitInput.VoteReceived(prepare.Participant, prepare.Incarnation, Ballot.No, null, cause));
    }

    /// <summary>
    /// The activation of a stream. One that is idle and of another shape makes place: a stream that somebody once opened by mistake would be of no
    /// use to others for as long as it stays in memory.
    /// </summary>
    private Activation Find(StreamName stream, Type shape, Func<StreamName, Activation> create)
    {
        var activation = GetOrAdd(stream, create);
        if (activation.Shape != shape && activation.TryDrop())
        {
            _activations.TryRemove(new(stream, activation));
            activation = GetOrAdd(stream, create);
        }

        activation.Touched = true;
        return activation;
    }

    private Activation GetOrAdd(StreamName stream, Func<StreamName, Activation> create)
    {
        if (_activations.TryGetValue(stream, out var known))
        {
            return known;
        }

        var added = create(stream);
        if (sharesStreams)
        {
            added.IsAnchored = false;
        }

        return _activations.GetOrAdd(stream, added);
    }

    private bool TryReserve(Participation participation)
    {
        if (participation.Activation.TryReserve(participation, out var wounded))
        {
            return true;
        }

        wounded?.ForEach(Wound);
        return wounded is not null && participation.Activation.TryReserve(participation, out _);
    }

    private void Wound(Participation younger)
    {
        var cause = new AbortCause(AbortReason.Wounded, new ParticipantId(younger.Activation.Stream), "an older transaction asked for it");
        Feed(younger, new ParticipationInput.WorkDropped(cause), LogPosition.None);
        if (younger.State.Phase is ParticipationPhase.Aborted) // else it has voted meanwhile, and keeps its lock
        {
            telemetry.Metrics.Wounded();
        }
    }

    private void Waited(Participation participation, LockMode mode, LockAnswer answer, TimeSpan time)
    {
        telemetry.Metrics.Waited(mode, answer is LockAnswer.Granted ? LockWaitEnd.Granted : LockWaitEnd.Ended, time);
        if (participation.Trace is { } trace)
        {
            trace.Waited += time;
        }
    }

    private static ParticipationInput.WorkDropped WorkLost(Participation participation) => new(new AbortCause(
        AbortReason.Conflict, new ParticipantId(participation.Activation.Stream), BatchFate.DroppedDetail));

    private Participation? Find(TransactionId transaction, ParticipantId participant) =>
        _activations.TryGetValue(participant.Address, out var activation) ? activation.Find(transaction) : null;

    [LoggerMessage(1202, LogLevel.Warning, "Transaction {Transaction} at {Stream}: what became of it is not on record any more. Its place here is given up, and the stream is read again.")]
    private static partial void NotOnRecord(ILogger logger, TransactionId transaction, StreamName stream);

    [LoggerMessage(1201, LogLevel.Error, "Transaction {Transaction} at {Stream}: {Input} is a violation of the protocol ({Why}); ignored.")]
    private static partial void Violated(ILogger logger, TransactionId transaction, StreamName stream, string input, string why);
}
