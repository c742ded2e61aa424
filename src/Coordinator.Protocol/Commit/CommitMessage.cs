namespace Coordinator.Protocol.Commit;

/// <summary>What a coordinator sends. Any of them may be lost, repeated or late.</summary>
internal abstract record CommitMessage
{
    private CommitMessage()
    {
    }

    /// <summary>Answers an enlistment; with a refusal the call that caused it must fail.</summary>
    internal sealed record EnlistmentAnswered(ParticipantId Participant, Incarnation Incarnation, EnlistmentRefusal? Refusal) : CommitMessage;

    /// <summary>Phase one: vote.</summary>
    internal sealed record PrepareRequested(ParticipantId Participant, Incarnation Incarnation) : CommitMessage;

    /// <summary>
    /// Phase two: obey. Right after a commit decision <paramref name="Position"/> says where its batch stands; it is None in
    /// later deliveries, and the participant reads its stream's end instead.
    /// </summary>
    internal sealed record DecisionDelivered(
        ParticipantId Participant, Incarnation Incarnation, Decision Decision, LogPosition Position = default) : CommitMessage;

    /// <summary>Ask the log whether what the transaction read still stands. One look later than all votes; writes nothing.</summary>
    internal sealed record ReadsCheckRequested : CommitMessage
    {
        public static ReadsCheckRequested Instance { get; } = new();
    }

    /// <summary>Answers an inquiry.</summary>
    internal sealed record InquiryAnswered(ParticipantId Asker, Incarnation Incarnation, Decision Decision) : CommitMessage;

    /// <summary>
    /// Answers an inquiry, where nothing may be presumed: the decision is forgotten (rule D-5) or may be among rows that can't be read (L06). None can come any
    /// more. Only what the transaction wrote tells what became of it, and a log-native participant finds that in its stream.
    /// </summary>
    internal sealed record OutcomeNotOnRecord(ParticipantId Asker, Incarnation Incarnation) : CommitMessage;

    /// <summary>Commit the user's work and the marker row in one local transaction (rule D-7).</summary>
    internal sealed record LastResourceCommitRequested(Branch Resource) : CommitMessage;

    /// <summary>Read the marker; if there is none, insert the abort marker first, so that a late commit can't land.</summary>
    internal sealed record LastResourceResolutionRequested(Branch Resource) : CommitMessage;

    /// <summary>Tells the initiator.</summary>
    internal sealed record OutcomeAnnounced(OutcomeKind Outcome, AbortCause? Cause) : CommitMessage
    {
        public static OutcomeAnnounced Committed { get; } = new(OutcomeKind.Committed, null);
    }
}

/// <summary>What an initiator may be told.</summary>
internal enum OutcomeKind : byte
{
    Committed,
    Aborted,
    Unknown,
}

/// <summary>Why an enlistment was refused.</summary>
internal enum EnlistmentRefusal : byte
{
    /// <summary>The transaction is being committed or has ended.</summary>
    NotActive,

    /// <summary>The same address was enlisted before under another incarnation; the transaction is aborted.</summary>
    SecondIncarnation,

    /// <summary>A second last resource: no order of commits over two of them is atomic.</summary>
    SecondLastResource,

    /// <summary>More participants than the options allow.</summary>
    TooManyParticipants,
}
