using Coordinator.Client;
using Coordinator.Diagnostics;
using Coordinator.Hosting;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Participation;

namespace Coordinator.Participants;

/// <summary>One transaction at one activation: the machine's state and the work it would redo. Guarded by its activation.</summary>
internal sealed class Participation(Activation activation, TransactionHeader header, Incarnation incarnation) : ILockOwner
{
    private const int SpinsMax = 16, SpinIterations = 10;

    // Stands for "answered", so that an answer which comes at once costs no object.
    private static readonly Completion<EnlistmentRefusal?> Answered = new();

    private Completion<EnlistmentRefusal?>? _waiting; // for the answer: the last one that came, linked to those before
    private EnlistmentRefusal? _refusal;
    private int _claimed;
    private EventData? _first;
    private List<EventData>? _more;

    public Activation Activation { get; } = activation;

    /// <summary>Whose work it is, and on which terms.</summary>
    public TransactionHeader Header { get; } = header;

    public TransactionId Transaction => Header.Id;

    public Incarnation Incarnation { get; } = incarnation;

    /// <summary>
    /// Its coordinator is in this process: it may go on from what this process has on its way to the log, for the two are put in order there.
    /// </summary>
    public bool IsAtHome => Incarnation.Host == Header.Home;

    TransactionAge ILockOwner.Age => Header.Age;

    bool ILockOwner.CanBeWounded => State.Phase is ParticipationPhase.Active;

    bool ILockOwner.MayFollow => IsAtHome;

    public ParticipationState State { get; set; } = ParticipationState.Enlisted(incarnation);

    /// <summary>Calls of the transaction that wait until another one has its lock here; null while none does. The first has its turn.</summary>
    public Queue<Completion<bool>>? Turns { get; set; }

    /// <summary>A call of the transaction asks for the lock.</summary>
    public bool IsInTurn { get; set; }

    /// <summary>When a coordinator on another host is asked to enlist it again: until it has answered, and then whether it is active still, until it votes.</summary>
    public TimeSpan EnlistmentDue { get; set; }

    /// <summary>The instant at which an enlistment that is not answered fails.</summary>
    public TimeSpan EnlistmentDeadline { get; init; } = TimeSpan.MaxValue;

    /// <summary>The coordinator has answered.</summary>
    public bool IsAnswered => Volatile.Read(ref _waiting) == Answered;

    /// <summary>Of the lock that is waited for; null while none is.</summary>
    public Completion<LockAnswer>? LockWait { get; set; }

    /// <summary>The instant at which waiting for the lock ends. Has meaning while <see cref="LockWait"/> is set.</summary>
    public TimeSpan LockDeadline { get; set; }

    /// <summary>
    /// The instant at which its coordinator has certainly given up on unfinished work: if it did not say so here, the
    /// message is lost, and the locks must not wait for it.
    /// </summary>
    public TimeSpan WorkDeadline { get; init; }

    /// <summary>Since when it has been prepared; the instant after which it asks.</summary>
    public TimeSpan InquiryDue { get; set; }

    /// <summary>It has asked what became of its transaction: it is in doubt for longer than the inquiry delay.</summary>
    public bool HasInquired { get; set; }

    /// <summary>
    /// Why it voted No; null if it did not. The vote may still be on its way to the coordinator when the user's code notices that the work
    /// has been dropped: what the code then throws, or asks for, is a consequence and must not be told as the cause.
    /// </summary>
    public AbortCause? Refused { get; set; }

    /// <summary>For its span; null if nobody records it.</summary>
    public ParticipantTrace? Trace { get; init; }

    /// <summary>The state as this transaction sees it: the one it was grounded on, with what it has raised.</summary>
    public object? Working { get; set; }

    /// <summary>True once the lock was granted and the base of the work taken; from then on it does not change.</summary>
    public bool IsGrounded { get; set; }

    /// <summary>The batch that the base comes from, if it was not known to be durable (decision 0009).</summary>
    public BatchFate? RestsOn { get; set; }

    /// <summary>Its own batch, once that is on its way to the log and the lock was handed on.</summary>
    public BatchFate? Fate { get; set; }

    /// <summary>Version the work rests on: the stream's end when the lock was granted.</summary>
    public long BaseVersion { get; set; }

    /// <summary>Position of the row at <see cref="BaseVersion"/>; without meaning if that was not durable.</summary>
    public LogPosition BasePosition { get; set; }

    /// <summary>The coordinator's answer; later ones are repeats.</summary>
    public void AnswerEnlistment(EnlistmentRefusal? refusal, IDispatcher dispatcher)
    {
        if (Interlocked.Exchange(ref _claimed, 1) != 0)
        {
            return;
        }

        _refusal = refusal;
        for (var waiting = Interlocked.Exchange(ref _waiting, Answered); waiting is not null; waiting = waiting.Next)
        {
            waiting.TryComplete(refusal, dispatcher);
        }
    }

    /// <summary>Waits for the coordinator's answer.</summary>
    public ValueTask<EnlistmentRefusal?> EnlistedAsync()
    {
        // The shard's pump is often at work on another core and answers within a microsecond: cheaper than to leave and come back.
        for (var spins = 0; spins < SpinsMax && IsAtHome && !IsAnswered; spins++)
        {
            Thread.SpinWait(SpinIterations);
        }

        if (IsAnswered)
        {
            return new ValueTask<EnlistmentRefusal?>(_refusal);
        }

        for (var wait = new Completion<EnlistmentRefusal?>(); ;)
        {
            var last = Volatile.Read(ref _waiting);
            if (last == Answered)
            {
                return new ValueTask<EnlistmentRefusal?>(_refusal);
            }

            wait.Next = last;
            if (Interlocked.CompareExchange(ref _waiting, wait, last) == last)
            {
                return wait.WaitAsync();
            }
        }
    }

    /// <summary>Version of the stream once this is committed.</summary>
    public long EndVersion => BaseVersion + EventCount;

    public int EventCount => _first is null ? 0 : 1 + (_more?.Count ?? 0);

    /// <summary>Of all its events.</summary>
    public long Bytes { get; private set; }

    public void Add(EventData data)
    {
        Bytes += data.Payload.Length;
        if (_first is null)
        {
            _first = data; // most transactions raise one event at a participant
        }
        else
        {
            (_more ??= []).Add(data);
        }
    }

    public Redo ToRedo()
    {
        var restsOn = RestsOn;
        var isDurable = restsOn is { Kind: BatchFateKind.Durable };
        return new Redo(
            Activation.Stream,
            Activation.AppendsAtEnd ? Redo.AtEnd : BaseVersion,
            isDurable ? restsOn!.Position : BasePosition,
            (_first, _more) switch
            {
                (null, _) => [],
                (var first, null) => [first],
                (var first, var more) => [first, .. more],
            })
        {
            RestsOn = isDurable ? null : restsOn,
        };
    }
}
