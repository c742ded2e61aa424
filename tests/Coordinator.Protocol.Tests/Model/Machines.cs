using System.Collections.Immutable;
using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Ownership;
using Coordinator.Protocol.Participation;

namespace Coordinator.Protocol.Tests.Model;

/// <summary>What one step of a coordinator's machine yields, in numbers.</summary>
internal sealed record CommitStep(int State, int Append, Wire[] Messages, byte Told, bool Refused, string? Failure);

/// <summary>What one step of a participant's machine yields. Ballot is null if there is no vote.</summary>
internal sealed record ParticipationStep(int State, Ballot? Ballot, bool Inquires, bool RefusesCall, string? Failure);

/// <summary>
/// Runs the machines for the model. They are pure, so each pair of state and input is carried out once, by the
/// function under test, and remembered by number.
/// </summary>
internal sealed class Machines
{
    public const ulong LogId = 0xC0FFEE;

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan VoteDeadline = TimeSpan.FromSeconds(2);

    private readonly Configuration _configuration;
    private readonly StreamName[] _streams;
    private readonly Interned<CommitState> _commits = new(Texts.Of, ushort.MaxValue);
    private readonly Interned<ParticipationState> _participations = new(Texts.Of, byte.MaxValue);
    private readonly Interned<OwnershipState> _ownerships = new(Texts.Of, ushort.MaxValue);
    private readonly Interned<GroupState> _groups = new(Texts.Of, ushort.MaxValue);
    private readonly Interned<LogEvent> _events = new(KeyOf, ushort.MaxValue);
    private readonly Dictionary<(int State, InputKey Input), CommitStep> _commitSteps = [];
    private readonly Dictionary<(int State, int Event), int> _applied = [];
    private readonly Dictionary<(int State, int Input, int X), ParticipationStep> _participationSteps = [];
    private readonly Dictionary<(int State, int Input, int X, int Y, int Z), int> _smallSteps = [];

    public Machines(Configuration configuration, Rules rules)
    {
        _configuration = configuration;
        Rules = rules;
        Wires = new WireTable(configuration.Plans.Length);
        _streams = new StreamName[configuration.StreamCount];
        for (var i = 0; i < _streams.Length; i++)
        {
            _streams[i] = new StreamName($"stream/{i}");
        }
    }

    public Rules Rules { get; }

    public WireTable Wires { get; }

    public CommitState Commit(int number) => _commits[number];

    public ParticipationState Participation(int number) => _participations[number];

    public OwnershipState Ownership(int number) => _ownerships[number];

    public GroupState Group(int number) => _groups[number];

    public LogEvent Event(int number) => _events[number];

    public static TransactionId Id(World world, int transaction, int shard) => new(
        new LogIdentity(LogId, (byte)world.Generation(transaction)),
        (ushort)shard,
        (ulong)world.Epoch(transaction),
        (ulong)world.Claim(transaction),
        (ulong)transaction + 1);

    public int Begin(TransactionId id) => _commits.NumberOf(CommitState.Begin(id, Deadline));

    public int Enlisted(int incarnation, bool hasChanges) =>
        _participations.NumberOf(ParticipationState.Enlisted(new Incarnation((ulong)incarnation)) with { HasChanges = hasChanges });

    public int Claim(int claim, int guard) => _ownerships.NumberOf(OwnershipState.Start((ulong)claim, guard));

    public int Own(OwnershipState state) => _ownerships.NumberOf(state);

    public int Send(int claim, int number, int firstVersion, int count)
    {
        var members = ImmutableArray.CreateBuilder<AppendId>(count);
        for (var i = 0; i < count; i++)
        {
            members.Add(new AppendId((ulong)claim, (ulong)(number + i)));
        }

        return _groups.NumberOf(GroupState.Send(members.MoveToImmutable(), firstVersion, count, new AppendId((ulong)claim, (ulong)(number + count))));
    }

    public int Horizon(int epoch) =>
        _events.NumberOf(new LogEvent { Kind = LogEventKind.Horizon, Transaction = -1, HorizonEpoch = epoch });

    public int StreamOf(StreamName name) => Array.IndexOf(_streams, name);

    public CommitStep Commit(int state, InputKey key)
    {
        if (!_commitSteps.TryGetValue((state, key), out var step))
        {
            step = RunCommit(state, key);
            _commitSteps.Add((state, key), step);
        }

        return step;
    }

    public int Apply(int state, int durable)
    {
        if (!_applied.TryGetValue((state, durable), out var next))
        {
            next = _commits.NumberOf(Rules.Apply(state == 0 ? null : _commits[state], _events[durable].Event!));
            _applied.Add((state, durable), next);
        }

        return next;
    }

    public ParticipationStep Participate(int state, ParticipationKey key, int x = 0)
    {
        if (!_participationSteps.TryGetValue((state, (int)key, x), out var step))
        {
            step = RunParticipation(state, key, x);
            _participationSteps.Add((state, (int)key, x), step);
        }

        return step;
    }

    public int Advance(int group, GroupInput input, RowFound found = default)
    {
        var key = (group, (int)input, (int)found.Append.Writer, (int)found.Append.Number, found.IsShardOwned ? 1 : 0);
        if (!_smallSteps.TryGetValue(key, out var next))
        {
            next = _groups.NumberOf(Rules.Group(_groups[group], input, found));
            _smallSteps.Add(key, next);
        }

        return next;
    }

    public int Own(int ownership, OwnershipKey input, int x = 0, int y = 0, int z = 0)
    {
        var key = (ownership, 100 + (int)input, x, y, z);
        if (!_smallSteps.TryGetValue(key, out var next))
        {
            next = _ownerships.NumberOf(Rules.Own(_ownerships[ownership], InputOf(input, x, y, z)));
            _smallSteps.Add(key, next);
        }

        return next;
    }

    private static OwnershipInput InputOf(OwnershipKey key, int x, int y, int z) => key switch
    {
        OwnershipKey.ClaimAcknowledged => new OwnershipInput.ClaimAcknowledged(x),
        OwnershipKey.ClaimRefused => new OwnershipInput.ClaimRefused(),
        OwnershipKey.ClaimUnclear => new OwnershipInput.ClaimUnclear(),
        OwnershipKey.EndRead => new OwnershipInput.EndRead(x, (ulong)y, z),
        OwnershipKey.ConfirmAcknowledged => new OwnershipInput.ConfirmAcknowledged((ulong)x),
        OwnershipKey.ConfirmRefused => new OwnershipInput.ConfirmRefused(x != 0),
        OwnershipKey.AppendStarted => new OwnershipInput.AppendStarted(),
        OwnershipKey.AppendSettled => new OwnershipInput.AppendSettled(x),
        _ => new OwnershipInput.ForeignClaimRead(),
    };

    private static string KeyOf(LogEvent one) => one.Event is { } durable ? Texts.Of(durable) : $"horizon {one.HorizonEpoch}";

    private CommitStep RunCommit(int state, InputKey key)
    {
        var before = _commits[state];
        var transaction = TransactionOf(before.Id);
        try
        {
            var step = Rules.Commit(before, InputOf(transaction, key));
            var messages = new List<Wire>();
            byte told = 0;
            var refused = false;
            foreach (var message in step.Messages)
            {
                switch (message)
                {
                    case CommitMessage.EnlistmentAnswered answered:
                        refused = answered.Refusal is not null;
                        break;
                    case CommitMessage.OutcomeAnnounced announced:
                        told |= announced.Outcome switch
                        {
                            OutcomeKind.Committed => Client.Committed,
                            OutcomeKind.Aborted => Client.Aborted,
                            _ => Client.Unknown,
                        };
                        break;
                    default:
                        messages.Add(WireOf(transaction, message));
                        break;
                }
            }

            var failure = step.Disposition is Disposition.Violation && (Rules.Lapse & Lapse.HearsNoAlarm) == Lapse.None
                ? $"no-violation: T{transaction + 1} in {before.Phase}: {step.Why}"
                : before.Phase is CommitPhase.Committed or CommitPhase.Aborted && step.State.Phase != before.Phase ? "I4: a decided phase was left" : null;
            return new CommitStep(
                _commits.NumberOf(step.State),
                step.Append is { } append ? EventNumber(append) : 0,
                [.. messages],
                told,
                refused,
                failure);
        }
        catch (InvariantViolationException e)
        {
            return new CommitStep(state, 0, [], 0, false, $"assertion: {e.Message}");
        }
    }

    private ParticipationStep RunParticipation(int state, ParticipationKey key, int x)
    {
        var before = _participations[state];
        ParticipationInput input = key switch
        {
            ParticipationKey.CallStarted => ParticipationInput.CallStarted.Instance,
            ParticipationKey.CallEnded => new ParticipationInput.CallEnded(x != 0),
            ParticipationKey.PrepareRequested => new ParticipationInput.PrepareRequested(new Incarnation((ulong)x)),
            ParticipationKey.DecisionReceived => new ParticipationInput.DecisionReceived((Decision)x),
            ParticipationKey.WorkDropped => new ParticipationInput.WorkDropped(new AbortCause(AbortReason.LockTimeout)),
            ParticipationKey.InquiryDue => ParticipationInput.InquiryDue.Instance,
            _ => new ParticipationInput.StreamRead((StreamFinding)x),
        };
        var step = Rules.Participate(before, input);
        Ballot? ballot = null;
        var inquires = false;
        var refuses = false;
        foreach (var message in step.Messages)
        {
            ballot = message is ParticipationMessage.Vote vote ? vote.Ballot : ballot;
            inquires |= message is ParticipationMessage.Inquire;
            refuses |= message is ParticipationMessage.RefuseCall;
        }

        var after = step.State;
        var failure = step.Disposition is Disposition.Violation ? $"no-violation: participant in {before.Phase}: {step.Why}"
            : before.Phase > ParticipationPhase.Prepared && after.Phase != before.Phase ? "I12: an ended participation came to life again"
            : before.Phase is ParticipationPhase.Active && after.Phase is ParticipationPhase.Prepared or ParticipationPhase.ReadOnly
                && (after.CallsRunning > 0 || after.CallFailed) ? "D-6: a promise while a call runs or has failed"
            : null;
        return new ParticipationStep(_participations.NumberOf(after), ballot, inquires, refuses, failure);
    }

    private CommitInput InputOf(int transaction, InputKey key) => key.Kind switch
    {
        InputKind.Enlist => new CommitInput.EnlistRequested(Address(transaction, key.X), new Incarnation((ulong)key.Y), KindOf(transaction, key.X), 64),
        InputKind.CommitRequested => new CommitInput.CommitRequested(VoteDeadline),
        InputKind.AbortRequested => new CommitInput.AbortRequested(new AbortCause(AbortReason.Requested)),
        InputKind.Vote => VoteOf(Wires[key.X]),
        InputKind.Deadline => new CommitInput.DeadlinePassed(Deadline + VoteDeadline),
        InputKind.Durable => new CommitInput.EventDurable(_events[key.X].Event!),
        InputKind.Refused => new CommitInput.EventRefused(_events[key.X].Event!, new AbortCause((AbortReason)key.Y)),
        InputKind.Acknowledged => new CommitInput.AcknowledgementReceived(Address(transaction, key.X)),
        InputKind.Inquired => new CommitInput.OutcomeInquired(Address(transaction, key.X), default),
        InputKind.Lost => new CommitInput.ParticipantLost(Address(transaction, key.X)),
        InputKind.ResourceAnswered => new CommitInput.LastResourceAnswered((Decision)key.X),
        InputKind.Recovered => CommitInput.Recovered.Instance,
        InputKind.OwnershipLost => CommitInput.OwnershipLost.Instance,
        _ => CommitInput.DeliveryDue.Instance,
    };

    private CommitInput.VoteReceived VoteOf(Wire vote)
    {
        var role = _configuration.Plans[vote.Transaction].Roles[vote.Role];
        Redo? redo = null;
        if (vote.Ballot is Ballot.Yes or Ballot.ReadOnly && role.Part is Part.Write or Part.Read)
        {
            var events = new EventData[vote.Z];
            Array.Fill(events, new EventData("changed", 1, ReadOnlyMemory<byte>.Empty));
            redo = vote.Ballot is Ballot.ReadOnly && role.Part is Part.Write
                ? null
                : new Redo(_streams[role.Place], vote.Y, LogPosition.None, [.. events]);
        }

        return new CommitInput.VoteReceived(Address(vote.Transaction, vote.Role), new Incarnation((ulong)vote.Incarnation), vote.Ballot, redo);
    }

    private Wire WireOf(int transaction, CommitMessage message) => message switch
    {
        CommitMessage.PrepareRequested prepare =>
            new Wire(WireKind.Prepare, transaction, RoleOf(transaction, prepare.Participant), (int)prepare.Incarnation.Value),
        CommitMessage.DecisionDelivered delivered =>
            new Wire(WireKind.Decision, transaction, RoleOf(transaction, delivered.Participant), 0, (int)delivered.Decision),
        CommitMessage.InquiryAnswered answered => new Wire(WireKind.Answer, transaction, RoleOf(transaction, answered.Asker), 0, (int)answered.Decision),
        CommitMessage.LastResourceCommitRequested => new Wire(WireKind.ResourceCommit, transaction, 0),
        CommitMessage.LastResourceResolutionRequested => new Wire(WireKind.ResourceResolve, transaction, 0),
        _ => throw new InvariantViolationException("every message has a wire form"),
    };

    public int EventNumber(CommitEvent durable)
    {
        var (mode, redo) = Rules.Batch(durable);
        var streams = new int[redo.Length];
        for (var i = 0; i < streams.Length; i++)
        {
            streams[i] = StreamOf(redo[i].Stream);
        }

        return _events.NumberOf(new LogEvent
        {
            Kind = durable switch
            {
                CommitEvent.LastResourceCommitting => LogEventKind.LastResourceCommitting,
                CommitEvent.CommitDecided => LogEventKind.CommitDecided,
                CommitEvent.AbortDecided => LogEventKind.AbortDecided,
                _ => LogEventKind.TransactionEnded,
            },
            Transaction = TransactionOf(durable.Id),
            Event = durable,
            Id = durable.Id,
            Mode = mode,
            Redo = redo,
            Streams = streams,
        });
    }

    private static int TransactionOf(TransactionId id) => (int)id.Sequence - 1;

    private ParticipantId Address(int transaction, int role)
    {
        var one = _configuration.Plans[transaction].Roles[role];
        return one.Part switch
        {
            Part.External => new ParticipantId(new StreamName($"external/{one.Place}")),
            Part.Resource => new ParticipantId(new StreamName("resource")),
            _ => new ParticipantId(_streams[one.Place]),
        };
    }

    private int RoleOf(int transaction, ParticipantId participant)
    {
        for (var role = 0; role < _configuration.Plans[transaction].Roles.Length; role++)
        {
            if (Address(transaction, role) == participant)
            {
                return role;
            }
        }

        throw new InvariantViolationException($"{participant} takes no part in T{transaction + 1}");
    }

    private ParticipantKind KindOf(int transaction, int role) => _configuration.Plans[transaction].Roles[role].Part switch
    {
        Part.External => ParticipantKind.External,
        Part.Resource => ParticipantKind.LastResource,
        _ => ParticipantKind.LogNative,
    };
}
