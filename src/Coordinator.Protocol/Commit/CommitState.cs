using System.Collections.Immutable;

namespace Coordinator.Protocol.Commit;

/// <summary>Where a transaction stands at its coordinator. docs/protocol.md#coordinator draws the edges.</summary>
internal enum CommitPhase : byte
{
    /// <summary>Work goes on; participants may be enlisted.</summary>
    Active,

    /// <summary>Prepare was sent; votes are awaited. Nothing of the transaction is in the log's hands.</summary>
    Preparing,

    /// <summary>
    /// All have only read, or the work gives up, and the log is asked whether what they read still stands (rule D-9). Nothing is written: an abort is safe at
    /// any moment.
    /// </summary>
    CheckingReads,

    /// <summary>Everyone else is prepared and the LastResourceCommitting record is in the log's hands (rule D-7).</summary>
    RecordingLastResource,

    /// <summary>That record is durable; the last resource's marker row decides from here on.</summary>
    LastResourceCommitting,

    /// <summary>The commit decision is in the log's hands: it may have landed, so nobody is told anything.</summary>
    Committing,

    /// <summary>The commit decision is durable. Final.</summary>
    Committed,

    /// <summary>The last resource has aborted and the batch that releases the Held rows is in the log's hands.</summary>
    Aborting,

    /// <summary>Aborted, by presumption or by record. Final.</summary>
    Aborted,
}

/// <summary>How a participant takes part.</summary>
internal enum ParticipantKind : byte
{
    /// <summary>Its redo travels in its vote and is appended with the decision; it has nothing prepared to recover.</summary>
    LogNative,

    /// <summary>It prepares durably on its own side and obeys the decision.</summary>
    External,

    /// <summary>It can't prepare: it commits last, with a marker row that decides (rule D-7). At most one.</summary>
    LastResource,
}

/// <summary>The content of a vote.</summary>
internal enum Ballot : byte
{
    /// <summary>Awaited.</summary>
    Pending,

    /// <summary>The participant promises to obey either decision.</summary>
    Yes,

    /// <summary>The participant can't commit and has dropped its work.</summary>
    No,

    /// <summary>Nothing to apply or undo; the participant has left.</summary>
    ReadOnly,
}

/// <summary>The coordinator's one irrevocable choice.</summary>
internal enum Decision : byte
{
    Commit,
    Abort,
}

/// <summary>
/// One enlistment at an address: new for each, not for each activation, so that a participant which lost its work
/// can't be taken for the one that did it (rule D-6).
/// </summary>
/// <param name="Value">Never drawn twice by one host.</param>
/// <param name="Host">Where it is enlisted from, and so where messages for it go; 0 for an external participant, which its address leads to.</param>
internal readonly record struct Incarnation(ulong Value, ulong Host = 0);

/// <summary>An external participant's part in one transaction.</summary>
internal readonly record struct Branch(ParticipantId Participant, Incarnation Incarnation);

/// <summary>A participant of one transaction as its coordinator knows it.</summary>
/// <param name="Participant">Its address.</param>
/// <param name="Incarnation">Under which it was enlisted.</param>
/// <param name="Kind">How it takes part.</param>
/// <param name="Ballot">What it voted.</param>
/// <param name="Redo">Of a log-native one that voted Yes or ReadOnly, or No where the work gives up; null otherwise.</param>
/// <param name="Acknowledged">Meaningful for external ones once the transaction is Committed or Aborted.</param>
internal readonly record struct Enlistment(
    ParticipantId Participant,
    Incarnation Incarnation,
    ParticipantKind Kind,
    Ballot Ballot = Ballot.Pending,
    Redo? Redo = null,
    bool Acknowledged = false)
{
    public Branch Branch => new(Participant, Incarnation);
}

/// <summary>A transaction as its coordinator knows it. Only <see cref="CommitProtocol"/> makes new ones.</summary>
/// <param name="Id">The transaction.</param>
/// <param name="Phase">Where it stands.</param>
/// <param name="Participants">In the order of their enlistment.</param>
/// <param name="Deadline">Monotonic instant at which the transaction is aborted if no decision has been handed to the log.</param>
internal sealed record CommitState(TransactionId Id, CommitPhase Phase, ImmutableArray<Enlistment> Participants, TimeSpan Deadline)
{
    /// <summary>Monotonic instant by which votes must be in. Has meaning while Preparing.</summary>
    public TimeSpan VoteDeadline { get; init; }

    /// <summary>
    /// The log is shared with hosts that may own it by now without this one knowing: a transaction that only read asks the log. Has meaning from
    /// Preparing on.
    /// </summary>
    public bool ChecksReads { get; init; }

    /// <summary>What the events of all participants may have together. Has meaning from Preparing on.</summary>
    public long RedoBytesMax { get; init; } = long.MaxValue;

    /// <summary>Why the work gives up, if it does: it is aborted as soon as it is known whether what it saw still stands. Set in Preparing and CheckingReads only.</summary>
    public AbortCause? GivesUpFor { get; init; }

    /// <summary>Why. Set in Aborting and Aborted only.</summary>
    public AbortCause? Cause { get; init; }

    /// <summary>The LastResourceCommitting record is durable: the decision must be written behind its Held rows.</summary>
    public bool LastResourceRecorded { get; init; }

    /// <summary>An abort record of this transaction is durable. Has meaning in Aborted.</summary>
    public bool AbortRecorded { get; init; }

    /// <summary>An abort record of this transaction is in the log's hands. Has meaning in Aborted.</summary>
    public bool AbortRecording { get; init; }

    /// <summary>The end record is in the log's hands. Has meaning in Committed and Aborted.</summary>
    public bool Ending { get; init; }

    /// <summary>Everyone knows the outcome: memory may drop the transaction.</summary>
    public bool CanForget { get; init; }

    /// <summary>The initiator was told Unknown because its deadline passed while the log had the decision in hand.</summary>
    public bool UnknownAnnounced { get; init; }

    /// <summary>It is committed or aborted, for good.</summary>
    public bool IsResolved => Phase is CommitPhase.Committed or CommitPhase.Aborted;

    /// <summary>The instant at which the machine wants a <see cref="CommitInput.DeadlinePassed"/>.</summary>
    public TimeSpan NextDeadline => Phase is CommitPhase.Preparing && VoteDeadline < Deadline ? VoteDeadline : Deadline;

    public static CommitState Begin(TransactionId id, TimeSpan deadline) => new(id, CommitPhase.Active, [], deadline);

    public int IndexOf(ParticipantId participant)
    {
        for (var i = 0; i < Participants.Length; i++)
        {
            if (Participants[i].Participant == participant)
            {
                return i;
            }
        }

        return -1;
    }

    public bool HasLastResource
    {
        get
        {
            foreach (var enlistment in Participants)
            {
                if (enlistment.Kind is ParticipantKind.LastResource)
                {
                    return true;
                }
            }

            return false;
        }
    }

    public CommitState With(int index, Enlistment enlistment) => this with { Participants = Participants.SetItem(index, enlistment) };
}
