namespace Coordinator.Protocol.Commit;

/// <summary>What can happen to a transaction at its coordinator. Instants and ids come inside.</summary>
internal abstract record CommitInput
{
    private CommitInput()
    {
    }

    /// <summary>A participant asks to take part before its first work (rule D-6).</summary>
    internal sealed record EnlistRequested(ParticipantId Participant, Incarnation Incarnation, ParticipantKind Kind, int ParticipantsMax) : CommitInput;

    /// <summary>The initiator asks to commit.</summary>
    /// <param name="VoteDeadline">By which votes must be in.</param>
    /// <param name="ChecksReads">If all only read, the log is asked whether what they read still stands.</param>
    /// <param name="RedoBytesMax">What the events of all participants may have together.</param>
    internal sealed record CommitRequested(TimeSpan VoteDeadline, bool ChecksReads = false, long RedoBytesMax = long.MaxValue) : CommitInput;

    /// <summary>The initiator, or the host on its behalf, asks to abort.</summary>
    internal sealed record AbortRequested(AbortCause Cause) : CommitInput;

    /// <summary>
    /// The work gives up, because of what it saw. Where other hosts may have changed that meanwhile, it is looked at first: all are asked for their votes, and
    /// the log whether what they read still stands. It is aborted either way; what was read decides what is told.
    /// </summary>
    /// <param name="Cause">Of the work.</param>
    /// <param name="VoteDeadline">By which votes must be in.</param>
    internal sealed record GiveUpRequested(AbortCause Cause, TimeSpan VoteDeadline) : CommitInput;

    /// <summary>A participant's vote. A log-native one's Yes or ReadOnly carries its redo, and its No what it read, if it still knows that.</summary>
    internal sealed record VoteReceived(ParticipantId Participant, Incarnation Incarnation, Ballot Ballot, Redo? Redo = null, AbortCause? Cause = null) : CommitInput;

    /// <summary>The clock reached <see cref="CommitState.NextDeadline"/>.</summary>
    internal sealed record DeadlinePassed(TimeSpan Now) : CommitInput;

    /// <summary>The log says: this event of the transaction is durable, in the batch that stands at <paramref name="Position"/>.</summary>
    internal sealed record EventDurable(CommitEvent Event, LogPosition Position = default) : CommitInput;

    /// <summary>The log says: this event is not in the log and never will be.</summary>
    internal sealed record EventRefused(CommitEvent Event, AbortCause Cause) : CommitInput;

    /// <summary>The log was asked, at one moment after all had voted: null if what was read still stood then, else what does not.</summary>
    internal sealed record ReadsChecked(AbortCause? Conflict) : CommitInput
    {
        public static ReadsChecked Well { get; } = new((AbortCause?)null);
    }

    /// <summary>A participant has carried out the decision.</summary>
    internal sealed record AcknowledgementReceived(ParticipantId Participant) : CommitInput;

    /// <summary>A participant in doubt asks for the decision.</summary>
    internal sealed record OutcomeInquired(ParticipantId Asker, Incarnation Incarnation) : CommitInput;

    /// <summary>A participant's host no longer lives, or the participant is known to have dropped the transaction.</summary>
    internal sealed record ParticipantLost(ParticipantId Participant) : CommitInput;

    /// <summary>The last resource's marker row was read or written durably, and says this.</summary>
    internal sealed record LastResourceAnswered(Decision Marker) : CommitInput;

    /// <summary>The state was rebuilt from the log by a new owner.</summary>
    internal sealed record Recovered : CommitInput
    {
        public static Recovered Instance { get; } = new();
    }

    /// <summary>Another owner has the shard: this one drops its volatile state (rule D-4).</summary>
    internal sealed record OwnershipLost : CommitInput
    {
        public static OwnershipLost Instance { get; } = new();
    }

    /// <summary>It is time to send again what is not acknowledged.</summary>
    internal sealed record DeliveryDue : CommitInput
    {
        public static DeliveryDue Instance { get; } = new();
    }
}
