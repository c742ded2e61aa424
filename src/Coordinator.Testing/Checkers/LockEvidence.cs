using System.Collections.Immutable;
using Coordinator.Testing.Histories;

namespace Coordinator.Testing.Checkers;

/// <summary>A lock, or work that waits for a decision, which is kept for a transaction.</summary>
/// <param name="Key">What is locked.</param>
/// <param name="Transaction">For which; empty if that is not known.</param>
public sealed record HeldLock(string Key, string Transaction);

/// <summary>What a host keeps.</summary>
/// <param name="Host">Which.</param>
/// <param name="Locks">What it keeps; default if it did not answer.</param>
public sealed record LocksAt(string Host, ImmutableArray<HeldLock> Locks);

/// <summary>A transaction that was sent to a key, when all faults were healed, to see whether it is free.</summary>
/// <param name="Key">Which key it writes to.</param>
/// <param name="Transaction">Its id; empty if it could not begin.</param>
/// <param name="Outcome">What became of it within the bound; Unknown if nothing.</param>
/// <param name="Took">How long that took.</param>
public sealed record LockProbe(string Key, string Transaction, RecordedOutcome Outcome, TimeSpan Took);

/// <summary>What is locked, when all faults are healed and nothing new is begun.</summary>
/// <param name="Keys">All that may have been locked in the run.</param>
/// <param name="Hosts">What each host keeps.</param>
/// <param name="Probes">One for each key or more.</param>
public sealed record LockEvidence(IReadOnlyCollection<string> Keys, IReadOnlyCollection<LocksAt> Hosts, IReadOnlyCollection<LockProbe> Probes)
{
    /// <summary>Within which a probe must commit. 5 s unless said otherwise.</summary>
    public TimeSpan ProbeMax { get; init; } = TimeSpan.FromSeconds(5);
}
