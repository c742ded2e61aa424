using Coordinator.Protocol.Commit;

namespace Coordinator.Protocol.Participation;

/// <summary>Where a transaction stands at one of its participants. docs/protocol.md#participant draws the edges.</summary>
internal enum ParticipationPhase : byte
{
    /// <summary>Work goes on; nothing is promised.</summary>
    Active,

    /// <summary>Voted Yes: in doubt until the decision comes.</summary>
    Prepared,

    /// <summary>The decision was commit and is carried out. Final.</summary>
    Committed,

    /// <summary>Dropped, refused or told to abort. Final.</summary>
    Aborted,

    /// <summary>Left with a read-only vote. Final.</summary>
    ReadOnly,
}

/// <summary>A transaction as one participant knows it.</summary>
/// <param name="Phase">Where it stands.</param>
/// <param name="Incarnation">Under which the participant was enlisted.</param>
internal readonly record struct ParticipationState(ParticipationPhase Phase, Incarnation Incarnation)
{
    /// <summary>Calls of the transaction under way here. Has meaning while Active.</summary>
    public int CallsRunning { get; init; }

    /// <summary>A call of the transaction failed here, whatever the caller's code swallowed: the vote is No (rule D-6).</summary>
    public bool CallFailed { get; init; }

    /// <summary>There is something to append: the vote is Yes, else ReadOnly. Has meaning while Active.</summary>
    public bool HasChanges { get; init; }

    public static ParticipationState Enlisted(Incarnation incarnation) => new(ParticipationPhase.Active, incarnation);
}

/// <summary>What a participant in doubt finds in its own stream behind the version it expects.</summary>
internal enum StreamFinding : byte
{
    /// <summary>Nothing, or its own Held row.</summary>
    Nothing,

    /// <summary>Its own transaction's events: committed.</summary>
    OwnTransaction,

    /// <summary>Another transaction's row, or its own Released: aborted.</summary>
    OtherTransaction,
}

/// <summary>What can happen to a transaction at a participant.</summary>
internal abstract record ParticipationInput
{
    private ParticipationInput()
    {
    }

    /// <summary>A call that belongs to the transaction arrives.</summary>
    internal sealed record CallStarted : ParticipationInput
    {
        public static CallStarted Instance { get; } = new();
    }

    /// <summary>It has ended.</summary>
    internal sealed record CallEnded(bool Failed) : ParticipationInput
    {
        public static CallEnded Well { get; } = new(false);

        public static CallEnded Badly { get; } = new(true);
    }

    /// <summary>The transaction changed something here: there will be redo.</summary>
    internal sealed record ChangeMade : ParticipationInput
    {
        public static ChangeMade Instance { get; } = new();
    }

    /// <summary>The coordinator asks for the vote.</summary>
    internal sealed record PrepareRequested(Incarnation Incarnation) : ParticipationInput;

    /// <summary>The coordinator's decision, delivered or answered to an inquiry.</summary>
    internal sealed record DecisionReceived(Decision Decision) : ParticipationInput
    {
        public static DecisionReceived Commit { get; } = new(Decision.Commit);

        public static DecisionReceived Abort { get; } = new(Decision.Abort);
    }

    /// <summary>The work can't go on here: a lock was not granted, the work deadline passed.</summary>
    internal sealed record WorkDropped(AbortCause Cause) : ParticipationInput;

    /// <summary>It is time to ask for the decision.</summary>
    internal sealed record InquiryDue : ParticipationInput
    {
        public static InquiryDue Instance { get; } = new();
    }

    /// <summary>The own stream was read behind the expected version.</summary>
    internal sealed record StreamRead(StreamFinding Finding) : ParticipationInput;
}

/// <summary>What a participant sends, or does on its own side.</summary>
internal abstract record ParticipationMessage
{
    private ParticipationMessage()
    {
    }

    /// <summary>To the coordinator: the vote. A Yes or ReadOnly takes the redo along.</summary>
    internal sealed record Vote(Ballot Ballot, AbortCause? Cause = null) : ParticipationMessage
    {
        public static Vote Yes { get; } = new(Ballot.Yes);

        public static Vote ReadOnly { get; } = new(Ballot.ReadOnly);
    }

    /// <summary>To the coordinator: what was decided?</summary>
    internal sealed record Inquire : ParticipationMessage
    {
        public static Inquire Instance { get; } = new();
    }

    /// <summary>To the caller: no more work of this transaction here.</summary>
    internal sealed record RefuseCall : ParticipationMessage
    {
        public static RefuseCall Instance { get; } = new();
    }

    /// <summary>Own side: the redo is durable; make it the state and release the locks.</summary>
    internal sealed record ApplyRedo : ParticipationMessage
    {
        public static ApplyRedo Instance { get; } = new();
    }

    /// <summary>Own side: forget the redo and release the locks.</summary>
    internal sealed record DropWork : ParticipationMessage
    {
        public static DropWork Instance { get; } = new();
    }

    /// <summary>Own side: release the locks; there is no redo.</summary>
    internal sealed record ReleaseLocks : ParticipationMessage
    {
        public static ReleaseLocks Instance { get; } = new();
    }
}
