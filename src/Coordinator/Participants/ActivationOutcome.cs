using Coordinator.Protocol.Commit;

namespace Coordinator.Participants;

/// <summary>What became of a request for the lock.</summary>
/// <param name="Answer">Granted, Waiting or Ended.</param>
/// <param name="Wait">Completed when a wait ends; null if there is none.</param>
/// <param name="Wounded">Younger holders in the way, to be dropped; null if there are none.</param>
internal readonly record struct LockRequest(LockAnswer Answer, Hosting.Completion<LockAnswer>? Wait = null, List<Participation>? Wounded = null);

/// <summary>What became of an event that a transaction wants to add to its redo.</summary>
internal enum RecordAnswer : byte
{
    Recorded,

    /// <summary>The transaction promised or ended meanwhile.</summary>
    NotActive,

    /// <summary>Another thread raised at the same time.</summary>
    Raced,
}

/// <summary>What an activation wants done once its gate is released.</summary>
internal struct ActivationOutcome
{
    /// <summary>To be sent to the coordinator.</summary>
    public CommitInput.VoteReceived? Vote;

    /// <summary>The coordinator is to be asked.</summary>
    public bool Inquires;

    /// <summary>The call must fail.</summary>
    public bool CallRefused;

    /// <summary>Waiters to be told that they hold the lock now.</summary>
    public List<Hosting.Completion<LockAnswer>>? Granted;

    /// <summary>The leaver's own wait, which ends without the lock.</summary>
    public Hosting.Completion<LockAnswer>? EndedWait;

    /// <summary>Completed because no transaction is here any more; null if nobody waits for that.</summary>
    public Hosting.Completion<bool>? Empty;

    /// <summary>The participation is over.</summary>
    public bool HasLeft;

    /// <summary>Transactions whose work rests on what was dropped.</summary>
    public List<Participation>? Doomed;

    /// <summary>Why the input was a violation; null if it wasn't.</summary>
    public string? Violation;
}
