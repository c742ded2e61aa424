using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Runtime.ExceptionServices;
using Coordinator.Diagnostics;
using Coordinator.Hosting;
using Coordinator.Log;
using Coordinator.Participants;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Ownership;
using Microsoft.Extensions.Logging;

namespace Coordinator.Shards;

/// <summary>
/// One owned shard: the transactions it coordinates, and the carrying out of what <see cref="CommitProtocol"/> says of them.
/// </summary>
/// <remarks>
/// It decides nothing. One mailbox, pumped by whoever posts: one input at a time, nothing awaited inside, so a transition
/// sees no other. An event goes to the log before the step's messages go anywhere, and the machine only yields messages
/// that rest on what is durable. When another owner is seen, the volatile state is dropped: what was in the log's hands is
/// Unknown to its initiator, what was not can never commit.
/// </remarks>
internal sealed partial class Shard(
    RecoveredShard recovered,
    LogMeta meta,
    GroupCommitter committer,
    ILogStore store,
    IDispatcher dispatcher,
    MonotonicClock clock,
    ITransport transport,
    ParticipantHost participants,
    EngineTelemetry telemetry,
    ILogger logger,
    bool checksHeads = false) : IAppendTarget
{
    private readonly ConcurrentQueue<Mail> _mailbox = new();
    private readonly Dictionary<ulong, Entry> _entries = [];
    private readonly Dictionary<TransactionId, Entry> _recovered = [];
    private readonly List<Entry> _due = [];
    private readonly ShardLane _lane = recovered.Lane;
    private readonly ReadCheck _readCheck = new(recovered.Lane, store, clock, dispatcher, checksHeads);
    private int _mailCount;
    private long _lastSequence;
    private int _inFlight;
    private int _inHandCount;
    private bool _stopped;
    private volatile bool _broken;
    private volatile bool _unclear;
    private volatile bool _lost;
    private long _ticksAnswered;
    private long _oldestUnresolved = long.MaxValue;

    private sealed class Entry(CommitState state, IInitiator? initiator, TimeSpan since)
    {
        public CommitState State { get; set; } = state;

        public IInitiator? Initiator { get; set; } = initiator;

        /// <summary>When it was begun, or recovered.</summary>
        public TimeSpan Since { get; } = since;

        /// <summary>When it entered its phase; <see cref="TimeSpan.MinValue"/> if nobody wanted to know then.</summary>
        public TimeSpan PhaseSince { get; set; } = since;
    }

    private readonly record struct Mail(TransactionId Id, CommitInput? Input, object? Context);

    /// <summary>The number that ids carry.</summary>
    public ushort Number => _lane.Shard;

    /// <summary>Transactions begun and not yet forgotten.</summary>
    public int InFlightCount => Volatile.Read(ref _inFlight);

    /// <summary>Records of transactions that the log has in hand.</summary>
    public int InHandCount => Volatile.Read(ref _inHandCount);

    /// <summary>How long the oldest transaction is here that is neither committed nor aborted, as of the last tick; zero if there is none.</summary>
    public TimeSpan OldestUnresolvedAge =>
        Volatile.Read(ref _oldestUnresolved) is var ticks and < long.MaxValue ? clock.Now - TimeSpan.FromTicks(ticks) : TimeSpan.Zero;

    /// <summary>True once another owner was seen; nothing is begun here any more.</summary>
    public bool IsStopped => Volatile.Read(ref _stopped);

    /// <summary>
    /// Memory was dropped while batches were in the log's hands, or cannot be trusted: that a transaction is neither here nor in
    /// the log proves nothing yet.
    /// </summary>
    private bool IsBlind => _stopped && (_broken || _unclear || Volatile.Read(ref _inHandCount) > 0);

    /// <summary>Stopped on a broken promise, not by another owner: this process owns nothing any more.</summary>
    public bool IsBroken => _broken;

    /// <summary>Completed when the shard has another owner or is broken; never by <see cref="CloseAsync"/>.</summary>
    public Completion<bool> Ended { get; } = new();

    /// <summary>Grows with every look at the clock that the shard has carried out: it lives.</summary>
    public long TicksAnswered => Volatile.Read(ref _ticksAnswered);

    /// <summary>The log's side of the shard, for handing it over.</summary>
    public ShardLane Lane => _lane;

    /// <summary>The owner's.</summary>
    public long Epoch => _lane.Ownership.Epoch;

    private OwnerView View => new(
        meta.Identity,
        _lane.Ownership.Epoch,
        _lane.Ownership.ClaimBits,
        (ulong)Volatile.Read(ref _lastSequence),
        _lane.Forgetting.Horizon,
        recovered.History.UnreadableVersion);

    /// <summary>Takes up what earlier owners left open.</summary>
    public void Resume()
    {
        _lane.ReadLastSequence = () => (ulong)Volatile.Read(ref _lastSequence);
        foreach (var state in recovered.Open)
        {
            Post(new Mail(state.Id, CommitInput.Recovered.Instance, new Entry(state, null, clock.Now)));
        }
    }

    /// <summary>Begins a transaction.</summary>
    public TransactionId Begin(TimeSpan now, TimeSpan timeout, IInitiator initiator)
    {
        Interlocked.Increment(ref _inFlight);
        var sequence = (ulong)Interlocked.Increment(ref _lastSequence);
        var id = new TransactionId(meta.Identity, Number, (ulong)_lane.Ownership.Epoch, _lane.Ownership.ClaimBits, sequence);
#if PLANTED_BUGS
        id = PlantedBugs.Has(PlantedBug.EpochNotInId) ? new TransactionId(meta.Identity, Number, 1, 0, sequence) : id;
#endif
        Post(new Mail(id, null, new Entry(CommitState.Begin(id, now + timeout), initiator, now)));
        return id;
    }

    /// <summary>Gives an input to a transaction of this shard.</summary>
    public void Post(TransactionId id, CommitInput input) => Post(new Mail(id, input, null));

    /// <summary>Looks at the clock on behalf of every transaction in flight.</summary>
    public void Tick() => Post(new Mail(default, null, clock));

    /// <summary>Says how far the next checkpoint may move the horizon, as far as transactions in memory allow (rule D-5).</summary>
    public void LimitForgetting(long writtenBefore, long spacing) => Post(new Mail(default, null, new ForgetLimit(writtenBefore, spacing, [])));

    /// <summary>Hosts are silent: what is undecided and has a participant there is aborted.</summary>
    public void LoseHosts(ImmutableArray<ulong> silent)
    {
        if (InFlightCount > 0)
        {
            Post(new Mail(default, null, new SilentHosts(silent)));
        }
    }

    /// <summary>
    /// The host stops: what was not handed to the log never will be and is told so, what is in its hands is Unknown. Returns
    /// when all of that was said.
    /// </summary>
    public async ValueTask CloseAsync()
    {
        if (!Interlocked.Exchange(ref _stopped, true))
        {
            Post(new Mail(default, null, this));
        }

        var behind = new Completion<InquiryAnswer?>();
        Post(new Mail(default, null, behind));
        await behind.WaitAsync().ConfigureAwait(false);
    }

    void IAppendTarget.Settled(PendingAppend append, AppendResult result, LogPosition position, AbortCause? cause)
    {
        if (result is AppendResult.Unclear)
        {
            _unclear = true; // never written back from a read: another thread may be here for another batch
        }

        Interlocked.Decrement(ref _inHandCount);
        switch (result)
        {
            case AppendResult.Appended:
                Post(append.Event.Id, new CommitInput.EventDurable(append.Event, position));
                break;
            case AppendResult.OwnerLost or AppendResult.Unclear:
                Stop();
                break;
            default:
                Post(append.Event.Id, new CommitInput.EventRefused(append.Event, cause!));
                break;
        }
    }

    private void Post(Mail mail)
    {
        _mailbox.Enqueue(mail);
        if (Interlocked.Increment(ref _mailCount) == 1)
        {
            Pump();
        }
    }

    private void Pump()
    {
        do
        {
            if (_mailbox.TryDequeue(out var mail))
            {
                HandleOrBreak(mail);
            }
        }
        while (Interlocked.Decrement(ref _mailCount) > 0);
    }

    private void HandleOrBreak(Mail mail)
    {
        try
        {
            Handle(mail);
        }
        catch (Exception error)
        {
            // A bug or a broken promise: this owner says nothing more but that it does not know. The log is as it was, and the next
            // owner decides from it. The pump itself goes on, or whoever asks would wait for ever.
            Broken(logger, error, Number);
            _broken = true;
            Volatile.Write(ref _stopped, true);
            foreach (var entry in _entries.Values.Concat(_recovered.Values))
            {
                entry.Initiator?.Announce(entry.State.Id, new CommitMessage.OutcomeAnnounced(OutcomeKind.Unknown, null));
            }

            ForgetAll();
            Ended.TryComplete(true, dispatcher);
            (mail.Context as Completion<InquiryAnswer?>)?.TryComplete(InquiryAnswer.Undecided, dispatcher);
            (mail.Context as Completion<LiveTransaction?>)?.TryComplete(null, dispatcher);
        }
    }

    private void Handle(Mail mail)
    {
        switch (mail.Context)
        {
            case null:
                if (Find(mail.Id) is { } known)
                {
                    Carry(known, mail.Input!);
                }
                else
                {
                    AnswerForgotten(mail.Id, mail.Input!);
                }

                break;
            case Entry entry:
                Add(entry, mail.Input);
                break;
            case Completion<InquiryAnswer?> asked:
                var atOnce = InquiryRules.AnswerAtOnce(mail.Id, View, Find(mail.Id)?.State);
                asked.TryComplete(atOnce ?? (IsBlind ? InquiryAnswer.Undecided : null), dispatcher);
                break;
            case Completion<LiveTransaction?> look:
                look.TryComplete(Find(mail.Id) is { } live ? new LiveTransaction(live.State, clock.Now - live.Since) : null, dispatcher);
                break;
            case MonotonicClock:
                LookAtClock();
                break;
            case InvariantViolationException broken:
                ExceptionDispatchInfo.Throw(broken);
                break;
            case ForgetLimit limit:
                _lane.ForgetLimit = limit with { Undecided = OldestOfEachEpoch() };
                break;
            case SilentHosts silent:
                LoseParticipantsOn(silent.Hosts);
                break;
            default:
                DropVolatileState();
                break;
        }
    }

    private sealed record SilentHosts(ImmutableArray<ulong> Hosts);

    private void LoseParticipantsOn(ImmutableArray<ulong> hosts)
    {
        _due.Clear();
        _due.AddRange(_entries.Values);
        foreach (var entry in _due)
        {
            foreach (var enlistment in entry.State.Participants)
            {
                if (hosts.Contains(enlistment.Incarnation.Host))
                {
                    Carry(entry, new CommitInput.ParticipantLost(enlistment.Participant));
                }
            }
        }
    }

    private void Add(Entry entry, CommitInput? first)
    {
        var id = entry.State.Id;
        if (_stopped)
        {
            if (first is null)
            {
                Interlocked.Decrement(ref _inFlight); // it was begun
            }

            entry.Initiator?.Announce(id, new CommitMessage.OutcomeAnnounced(OutcomeKind.Aborted, new AbortCause(AbortReason.Presumed)));
            return;
        }

        if (first is null)
        {
            _entries.Add(id.Sequence, entry);
            return;
        }

        _recovered.Add(id, entry);
        Interlocked.Increment(ref _inFlight);
        Carry(entry, first);
    }

    private Entry? Find(TransactionId id) =>
        IsOwn(id) ? _entries.GetValueOrDefault(id.Sequence) : _recovered.GetValueOrDefault(id);

    private void Carry(Entry entry, CommitInput input)
    {
        var step = CommitProtocol.Advance(entry.State, input);
        if (step.Disposition is Disposition.Violation)
        {
            Violated(logger, entry.State.Id, entry.State.Phase, input.GetType().Name, step.Why);
        }

        if (step.State.Phase != entry.State.Phase)
        {
            LeavePhase(entry);
        }

        entry.State = step.State;
        if (step.Append is { } durable && !_stopped)
        {
            Interlocked.Increment(ref _inHandCount);
            var append = new PendingAppend(_lane, durable, this) { Span = entry.Initiator?.Span };
            committer.Enqueue(append);
            HandOnLocks(append);
        }

        foreach (var message in step.Messages)
        {
            switch (message)
            {
                case CommitMessage.OutcomeAnnounced announcement:
                    entry.Initiator?.Announce(step.State.Id, announcement);
                    break;
                case CommitMessage.ReadsCheckRequested:
                    _readCheck.Enqueue(this, step.State);
                    break;
                default:
                    transport.ToParticipant(step.State.Id, message);
                    break;
            }
        }

        if (step.State.CanForget && Forget(step.State.Id))
        {
            Interlocked.Decrement(ref _inFlight);
        }
    }

    private void LeavePhase(Entry entry)
    {
        var now = telemetry.Metrics.TimesPhases ? clock.Now : TimeSpan.MinValue;
        if (now > TimeSpan.MinValue && entry.PhaseSince > TimeSpan.MinValue)
        {
            telemetry.Metrics.PhaseLeft(entry.State.Phase, now - entry.PhaseSince);
        }

        entry.PhaseSince = now;
    }

    /// <summary>
    /// A commit that only the log can still refuse: who waits to write to its streams in this process goes on now, one sync earlier.
    /// </summary>
    private void HandOnLocks(PendingAppend append)
    {
        if (append.Event is not CommitEvent.CommitDecided { AfterLastResource: false } || append.Fate.Kind is BatchFateKind.Dropped)
        {
            return;
        }

        foreach (var redo in append.Redo)
        {
            // Whoever waits for a key wants to know what became of this transaction, not to go on from it.
            if (!redo.IsRead && redo.ExpectedVersion != Redo.AtEnd && !LogStreams.IsKey(redo.Stream))
            {
                participants.HandOn(append.Event.Id, redo.Stream, append.Fate);
            }
        }
    }

    /// <summary>What begins later has a higher sequence than any of its epoch.</summary>
    private ImmutableArray<TransactionId> OldestOfEachEpoch() =>
        [.. _entries.Values.Concat(_recovered.Values).Select(entry => entry.State.Id).GroupBy(id => id.Epoch, (_, ids) => ids.Min())];

    private void ForgetAll()
    {
        Interlocked.Add(ref _inFlight, -(_entries.Count + _recovered.Count)); // others may have begun, and are still in the mailbox
        _entries.Clear();
        _recovered.Clear();
        Volatile.Write(ref _oldestUnresolved, long.MaxValue);
    }

    /// <summary>Sequences are unique in an epoch only: a recovered transaction must not take one of ours with it.</summary>
    private bool Forget(TransactionId id) => IsOwn(id) ? _entries.Remove(id.Sequence) : _recovered.Remove(id);

#if PLANTED_BUGS
    private bool IsOwn(TransactionId id) => IsOwnByEpoch(id) || (PlantedBugs.Has(PlantedBug.EpochNotInId) && id is { Epoch: 1, ClaimBits: 0 });

    private bool IsOwnByEpoch(TransactionId id) => (long)id.Epoch == _lane.Ownership.Epoch && id.ClaimBits == _lane.Ownership.ClaimBits;
#else
    private bool IsOwn(TransactionId id) => (long)id.Epoch == _lane.Ownership.Epoch && id.ClaimBits == _lane.Ownership.ClaimBits;
#endif

    private void LookAtClock()
    {
        var now = clock.Now;
        Volatile.Write(ref _ticksAnswered, _ticksAnswered + 1);
        _due.Clear();
        var oldest = TimeSpan.MaxValue;
        foreach (var entry in _entries.Values)
        {
            if (entry.State.NextDeadline <= now)
            {
                _due.Add(entry);
            }

            oldest = !entry.State.IsResolved && entry.Since < oldest ? entry.Since : oldest;
        }

        foreach (var entry in _recovered.Values)
        {
            _due.Add(entry);
            oldest = !entry.State.IsResolved && entry.Since < oldest ? entry.Since : oldest;
        }

        Volatile.Write(ref _oldestUnresolved, oldest.Ticks);
        foreach (var entry in _due)
        {
            Carry(entry, new CommitInput.DeadlinePassed(now));
            Carry(entry, CommitInput.DeliveryDue.Instance);
        }
    }

    /// <summary>What the log said when it was asked whether reads still stand.</summary>
    /// <param name="id">Of the transaction.</param>
    /// <param name="conflict">What does not stand any more; null if all does.</param>
    /// <param name="isDisplaced">Another host owns the shard.</param>
    public void AnswerReadCheck(TransactionId id, AbortCause? conflict, bool isDisplaced)
    {
        Post(id, conflict is null ? CommitInput.ReadsChecked.Well : new CommitInput.ReadsChecked(conflict));
        if (isDisplaced)
        {
            Stop();
        }
    }

    /// <summary>A promise was found broken outside of the pump.</summary>
    public void Break(InvariantViolationException broken) => Post(new Mail(default, null, broken));

    /// <summary>Another owner has the shard (rule D-4): nothing is answered any more that was not answered yet.</summary>
    private void Stop()
    {
        if (!Interlocked.Exchange(ref _stopped, true))
        {
            _lost = true;
            Stopped(logger, Number);
            Post(new Mail(default, null, this));
        }
    }

    private void DropVolatileState()
    {
        _due.Clear();
        _due.AddRange(_entries.Values);
        _due.AddRange(_recovered.Values);
        foreach (var entry in _due)
        {
            Carry(entry, CommitInput.OwnershipLost.Instance);
        }

        ForgetAll();
        if (_lost)
        {
            Ended.TryComplete(true, dispatcher);
        }
    }
}
