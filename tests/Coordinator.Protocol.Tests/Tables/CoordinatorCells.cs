using Coordinator.Protocol.Commit;
using CommitTransition = Coordinator.Protocol.Transition<Coordinator.Protocol.Commit.CommitState, Coordinator.Protocol.Commit.CommitEvent, Coordinator.Protocol.Commit.CommitMessage>;

namespace Coordinator.Protocol.Tests.Tables;

/// <summary>
/// Canonical states of a transaction at its coordinator, each reached by inputs, and every input in every variant that the machine
/// tells apart. The states hold one log-native and one external participant; those after a last resource hold one as well.
/// </summary>
internal static class CoordinatorCells
{
    private static readonly TransactionId Id = new(new LogIdentity(7, 1), 0, 1, 5, 1);
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan VoteDeadline = TimeSpan.FromSeconds(2);
    private static readonly ParticipantId Account = new(new StreamName("account/alice"));
    private static readonly ParticipantId Database = new(new StreamName("database"));
    private static readonly ParticipantId Resource = new(new StreamName("resource"));
    private static readonly ParticipantId Stranger = new(new StreamName("stranger"));
    private static readonly AbortCause Cause = new(AbortReason.Requested);
    private static readonly CommitInput.EventDurable AbortRecord = new(new CommitEvent.AbortDecided(Id, [], [], AfterLastResource: false, Cause));
    private static readonly Redo Changes = new(new StreamName("account/alice"), 3, LogPosition.None, [new EventData("changed", 1, default)]);

    public static (string Name, CommitState State)[] States { get; } = BuildStates();

    public static (string Name, Func<CommitState, CommitInput> Input)[] Inputs { get; } =
    [
        ("EnlistRequested, new", _ => new CommitInput.EnlistRequested(Stranger, new Incarnation(1), ParticipantKind.LogNative, 64)),
        ("EnlistRequested, again", _ => new CommitInput.EnlistRequested(Account, new Incarnation(1), ParticipantKind.LogNative, 64)),
        ("EnlistRequested, second incarnation", _ => new CommitInput.EnlistRequested(Account, new Incarnation(2), ParticipantKind.LogNative, 64)),
        ("EnlistRequested, one too many", _ => new CommitInput.EnlistRequested(Stranger, new Incarnation(1), ParticipantKind.LogNative, 2)),
        ("EnlistRequested, last resource", _ => new CommitInput.EnlistRequested(Stranger, new Incarnation(1), ParticipantKind.LastResource, 64)),
        ("EnlistRequested, second last resource", _ => new CommitInput.EnlistRequested(Stranger, new Incarnation(1), ParticipantKind.LastResource, 64)),
        ("CommitRequested", _ => new CommitInput.CommitRequested(VoteDeadline)),
        ("AbortRequested", _ => new CommitInput.AbortRequested(Cause)),
        ("GiveUpRequested", _ => new CommitInput.GiveUpRequested(Cause, VoteDeadline)),
        ("VoteReceived Yes, first", _ => new CommitInput.VoteReceived(Account, new Incarnation(1), Ballot.Yes, Changes)),
        ("VoteReceived Yes, last awaited", state => Last(state, new CommitInput.VoteReceived(Database, new Incarnation(1), Ballot.Yes))),
        ("VoteReceived ReadOnly, last awaited of all ReadOnly, reads are to be checked", _ => new CommitInput.VoteReceived(Database, new Incarnation(1), Ballot.ReadOnly)),
        ("VoteReceived Yes, other incarnation", _ => new CommitInput.VoteReceived(Account, new Incarnation(2), Ballot.Yes, Changes)),
        ("VoteReceived Yes, log-native without redo", _ => new CommitInput.VoteReceived(Account, new Incarnation(1), Ballot.Yes)),
        ("VoteReceived ReadOnly, first", _ => new CommitInput.VoteReceived(Account, new Incarnation(1), Ballot.ReadOnly)),
        ("VoteReceived ReadOnly, last awaited of all ReadOnly", _ => new CommitInput.VoteReceived(Database, new Incarnation(1), Ballot.ReadOnly)),
        ("VoteReceived ReadOnly, last awaited of all ReadOnly, one rests on a batch on its way", _ => new CommitInput.VoteReceived(Database, new Incarnation(1), Ballot.ReadOnly)),
        ("VoteReceived No", _ => new CommitInput.VoteReceived(Account, new Incarnation(1), Ballot.No, null, Cause)),
        ("VoteReceived No, the work failed, last awaited of one that gives up", _ => new CommitInput.VoteReceived(Account, new Incarnation(1), Ballot.No, null, Cause)),
        ("VoteReceived No, asked again after ReadOnly", _ => new CommitInput.VoteReceived(Account, new Incarnation(1), Ballot.No, null, new AbortCause(AbortReason.ParticipantLost))),
        ("VoteReceived Yes, last awaited, too large", state => Last(state, new CommitInput.VoteReceived(Database, new Incarnation(1), Ballot.Yes))),
        ("VoteReceived, not enlisted", _ => new CommitInput.VoteReceived(Stranger, new Incarnation(1), Ballot.Yes)),
        ("DeadlinePassed, not due", _ => new CommitInput.DeadlinePassed(TimeSpan.FromSeconds(1))),
        ("DeadlinePassed", _ => new CommitInput.DeadlinePassed(Deadline)),
        ("DeadlinePassed, repeated", _ => new CommitInput.DeadlinePassed(Deadline)),
        ("EventDurable, the one handed over", state => new CommitInput.EventDurable(HandedOver(state))),
        ("EventDurable, another", state => new CommitInput.EventDurable(Other(state))),
        ("EventDurable, abort record of a redelivery", _ => AbortRecord),
        ("EventRefused, the one handed over", state => new CommitInput.EventRefused(HandedOver(state), Cause)),
        ("EventRefused, another", state => new CommitInput.EventRefused(Other(state), Cause)),
        ("EventRefused, abort record of a redelivery", _ => new CommitInput.EventRefused(AbortRecord.Event, Cause)),
        ("ReadsChecked, they stand", _ => CommitInput.ReadsChecked.Well),
        ("ReadsChecked, they may be old", _ => new CommitInput.ReadsChecked(Cause)),
        ("ReadsChecked, they stand, of one that gives up", _ => CommitInput.ReadsChecked.Well),
        ("AcknowledgementReceived, external", _ => new CommitInput.AcknowledgementReceived(Database)),
        ("AcknowledgementReceived, log-native", _ => new CommitInput.AcknowledgementReceived(Account)),
        ("AcknowledgementReceived, not enlisted", _ => new CommitInput.AcknowledgementReceived(Stranger)),
        ("OutcomeInquired", _ => new CommitInput.OutcomeInquired(Database, new Incarnation(1))),
        ("ParticipantLost", _ => new CommitInput.ParticipantLost(Database)),
        ("ParticipantLost, not enlisted", _ => new CommitInput.ParticipantLost(Stranger)),
        ("LastResourceAnswered Commit", _ => new CommitInput.LastResourceAnswered(Decision.Commit)),
        ("LastResourceAnswered Abort", _ => new CommitInput.LastResourceAnswered(Decision.Abort)),
        ("Recovered", _ => CommitInput.Recovered.Instance),
        ("OwnershipLost", _ => CommitInput.OwnershipLost.Instance),
        ("DeliveryDue", _ => CommitInput.DeliveryDue.Instance),
        ("DeliveryDue, a voted external has not acknowledged", _ => CommitInput.DeliveryDue.Instance),
    ];

    /// <summary>Some rows need a state other than the column's, which differs in what came before.</summary>
    public static CommitState StateFor(string input, CommitState state) => (input, state.Phase) switch
    {
        ("VoteReceived Yes, last awaited", CommitPhase.Preparing) => Run(state, new CommitInput.VoteReceived(Account, new Incarnation(1), Ballot.Yes, Changes)),
        ("VoteReceived ReadOnly, last awaited of all ReadOnly, reads are to be checked", CommitPhase.Preparing) =>
            Run(state with { ChecksReads = true }, new CommitInput.VoteReceived(Account, new Incarnation(1), Ballot.ReadOnly)),
        ("VoteReceived ReadOnly, last awaited of all ReadOnly", CommitPhase.Preparing) =>
            Run(state, new CommitInput.VoteReceived(Account, new Incarnation(1), Ballot.ReadOnly)),
        ("VoteReceived ReadOnly, last awaited of all ReadOnly, one rests on a batch on its way", CommitPhase.Preparing) =>
            Run(state, new CommitInput.VoteReceived(Account, new Incarnation(1), Ballot.ReadOnly, Changes with { Events = [], RestsOn = new BatchFate() })),
        ("VoteReceived No, the work failed, last awaited of one that gives up", CommitPhase.Preparing) =>
            Run(States.First(one => one.State.Phase is CommitPhase.Active).State, new CommitInput.GiveUpRequested(Cause, VoteDeadline)),
        ("VoteReceived No, asked again after ReadOnly", CommitPhase.Preparing) =>
            Run(state, new CommitInput.VoteReceived(Account, new Incarnation(1), Ballot.ReadOnly)),
        ("VoteReceived Yes, last awaited, too large", CommitPhase.Preparing) =>
            Run(state with { RedoBytesMax = -1 }, new CommitInput.VoteReceived(Account, new Incarnation(1), Ballot.Yes, Changes)),
        ("ReadsChecked, they stand, of one that gives up", CommitPhase.CheckingReads) => state with { GivesUpFor = Cause },
        ("EnlistRequested, second last resource", CommitPhase.Active) =>
            Run(state, new CommitInput.EnlistRequested(Resource, new Incarnation(1), ParticipantKind.LastResource, 64)),
        ("DeliveryDue, a voted external has not acknowledged", CommitPhase.Aborted) => Run(
            States.First(one => one.State.Phase is CommitPhase.Preparing).State,
            new CommitInput.VoteReceived(Database, new Incarnation(1), Ballot.Yes),
            new CommitInput.AbortRequested(Cause)),
        ("DeadlinePassed, repeated", _) => CommitProtocol.Advance(state, new CommitInput.DeadlinePassed(Deadline)).State,
        _ => state,
    };

    public static CellTable Table()
    {
        var table = new CellTable("coordinator", "input", [.. States.Select(state => state.Name)]);
        foreach (var (name, input) in Inputs)
        {
            table.Add(name, [.. States.Select(state => Describe(CommitProtocol.Advance(StateFor(name, state.State), input(state.State))))]);
        }

        return table;
    }

    private static Cell Describe(CommitTransition step)
    {
        var sent = step.Messages.IsEmpty ? string.Empty : " ! " + string.Join(", ", step.Messages.Select(NameOf).Distinct());
        var appended = step.Append is null ? string.Empty : " + " + step.Append.GetType().Name;
        return step.Disposition switch
        {
            Disposition.Advanced => new Cell($"**{step.State.Phase}**{appended}{sent}", null),
            Disposition.Ignored => new Cell("ignore" + sent, step.Why),
            _ => new Cell("violation", step.Why),
        };
    }

    private static string NameOf(CommitMessage message) => message switch
    {
        CommitMessage.EnlistmentAnswered { Refusal: null } => "enlisted",
        CommitMessage.EnlistmentAnswered { Refusal: { } refusal } => $"refused: {refusal}",
        CommitMessage.DecisionDelivered delivered => $"deliver {delivered.Decision}",
        CommitMessage.InquiryAnswered answered => $"answer {answered.Decision}",
        CommitMessage.OutcomeAnnounced announced => $"announce {announced.Outcome}",
        CommitMessage.PrepareRequested => "prepare",
        CommitMessage.ReadsCheckRequested => "check reads",
        CommitMessage.LastResourceCommitRequested => "commit last resource",
        _ => "resolve last resource",
    };

    private static CommitInput.VoteReceived Last(CommitState state, CommitInput.VoteReceived vote) =>
        state.Phase is CommitPhase.Active ? vote with { Participant = Account, Redo = Changes } : vote;

    /// <summary>What the log has in hand in this phase; in decided phases the end record.</summary>
    private static CommitEvent HandedOver(CommitState state) => state.Phase switch
    {
        CommitPhase.RecordingLastResource => new CommitEvent.LastResourceCommitting(Id, [], new Branch(Resource, new Incarnation(1)), [Changes]),
        CommitPhase.Aborting => new CommitEvent.AbortDecided(Id, [], [Changes], AfterLastResource: true, Cause),
        CommitPhase.Committed or CommitPhase.Aborted => new CommitEvent.TransactionEnded(Id),
        _ => new CommitEvent.CommitDecided(Id, [], [Changes], state.LastResourceRecorded),
    };

    private static CommitEvent Other(CommitState state) => state.Phase is CommitPhase.Committing or CommitPhase.Aborting
        ? new CommitEvent.TransactionEnded(Id)
        : new CommitEvent.CommitDecided(Id, [], [Changes], AfterLastResource: false);

    private static (string Name, CommitState State)[] BuildStates()
    {
        var active = Run(
            CommitState.Begin(Id, Deadline),
            new CommitInput.EnlistRequested(Account, new Incarnation(1), ParticipantKind.LogNative, 64),
            new CommitInput.EnlistRequested(Database, new Incarnation(1), ParticipantKind.External, 64));
        var withResource = Run(active, new CommitInput.EnlistRequested(Resource, new Incarnation(1), ParticipantKind.LastResource, 64));
        var preparing = Run(active, new CommitInput.CommitRequested(VoteDeadline));
        var checking = Run(
            active,
            new CommitInput.CommitRequested(VoteDeadline, ChecksReads: true),
            new CommitInput.VoteReceived(Account, new Incarnation(1), Ballot.ReadOnly),
            new CommitInput.VoteReceived(Database, new Incarnation(1), Ballot.ReadOnly));
        var committing = Vote(preparing);
        var recording = Vote(Run(withResource, new CommitInput.CommitRequested(VoteDeadline)));
        var resource = Run(recording, new CommitInput.EventDurable(HandedOver(recording)));
        var behindHold = Run(resource, new CommitInput.LastResourceAnswered(Decision.Commit));
        var aborting = Run(resource, new CommitInput.LastResourceAnswered(Decision.Abort));
        return
        [
            ("Active", active),
            ("Preparing", preparing),
            ("Checking Reads", checking),
            ("Recording LastResource", recording),
            ("LastResource Committing", resource),
            ("Committing", committing),
            ("Committing (after last resource)", behindHold),
            ("Committed", Run(committing, new CommitInput.EventDurable(HandedOver(committing)))),
            ("Aborting", aborting),
            ("Aborted", Run(preparing, new CommitInput.AbortRequested(Cause))),
        ];
    }

    private static CommitState Vote(CommitState state) => Run(
        state,
        new CommitInput.VoteReceived(Account, new Incarnation(1), Ballot.Yes, Changes),
        new CommitInput.VoteReceived(Database, new Incarnation(1), Ballot.Yes));

    private static CommitState Run(CommitState state, params CommitInput[] inputs)
    {
        foreach (var input in inputs)
        {
            state = CommitProtocol.Advance(state, input).State;
        }

        return state;
    }
}
