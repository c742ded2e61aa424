namespace Coordinator.Protocol;

/// <summary>Why a transaction was aborted. The numbers are stored in the log and never reused.</summary>
public enum AbortReason
{
    /// <summary>No decision is in the log, and none can come any more: presumed abort.</summary>
    Presumed = 0,

    /// <summary>The initiator asked for it, or its code threw.</summary>
    Requested = 1,

    /// <summary>A participant voted No.</summary>
    Refused = 2,

    /// <summary>The transaction's deadline passed before a decision was handed to the log.</summary>
    Timeout = 3,

    /// <summary>A participant's vote did not come before the vote deadline.</summary>
    VoteTimeout = 4,

    /// <summary>A lock was not granted in time.</summary>
    LockTimeout = 5,

    /// <summary>A stream that the transaction read or wrote has moved on: another transaction came first.</summary>
    Conflict = 6,

    /// <summary>The log refuses the batch itself, for instance because of its size.</summary>
    Rejected = 7,

    /// <summary>A participant lost its part of the transaction, or its host died, before it had voted.</summary>
    ParticipantLost = 8,

    /// <summary>A participant was enlisted a second time under another incarnation: its first work is lost (rule D-6).</summary>
    SecondIncarnation = 9,

    /// <summary>The last resource did not commit.</summary>
    LastResourceAborted = 10,

    /// <summary>A call of the transaction failed or had not ended when it asked to commit.</summary>
    WorkFailed = 11,

    /// <summary>An older transaction asked for what this one had locked. Run again it keeps its age, so that its turn comes.</summary>
    Wounded = 12,

    /// <summary>Too much waits for the log store already: the commit was not handed to it. Try again later.</summary>
    Overloaded = 13,

    /// <summary>A participant's place was given up before it had voted: its grain goes to another host. Run again the work finds it there.</summary>
    Moved = 14,
}

/// <summary>Why a transaction was aborted and, where one participant is behind it, which.</summary>
public sealed record AbortCause
{
    internal AbortCause(AbortReason reason, ParticipantId? participant = null, string? detail = null)
    {
        Reason = reason;
        Participant = participant;
        Detail = detail;
    }

    /// <summary>The kind of cause.</summary>
    public AbortReason Reason { get; }

    /// <summary>The participant that caused it, or null where none did.</summary>
    public ParticipantId? Participant { get; }

    /// <summary>A sentence for people; never a payload.</summary>
    public string? Detail { get; }

    /// <inheritdoc/>
    public override string ToString() =>
        (Participant, Detail) switch
        {
            (null, null) => Reason.ToString(),
            (null, _) => $"{Reason}: {Detail}",
            (_, null) => $"{Reason} by {Participant}",
            _ => $"{Reason} by {Participant}: {Detail}",
        };
}
