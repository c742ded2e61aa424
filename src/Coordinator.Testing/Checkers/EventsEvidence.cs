using System.Collections.Immutable;
using Coordinator.Testing.Histories;

namespace Coordinator.Testing.Checkers;

/// <summary>An event that a transaction was to publish.</summary>
/// <param name="Id">Its own, never used again.</param>
/// <param name="Stream">Where it was to go.</param>
/// <param name="Transaction">By which.</param>
/// <param name="Outcome">What is known of that transaction.</param>
public sealed record PublishedEvent(string Id, string Stream, string Transaction, RecordedOutcome Outcome);

/// <summary>An event at its place.</summary>
/// <param name="Stream">Where it is.</param>
/// <param name="Version">Its place there; not every version need hold an event.</param>
/// <param name="Id">Which.</param>
public sealed record PlacedEvent(string Stream, long Version, string Id);

/// <summary>One life of a consumer, from its start or restart to its end.</summary>
/// <param name="Consumer">Which; the same name in all its lives.</param>
/// <param name="Checkpoint">By stream the version up to which it had done its work before; a stream that is not named is at 0.</param>
/// <param name="Seen">What it was given since, in that order.</param>
public sealed record ConsumerRun(string Consumer, ImmutableDictionary<string, long> Checkpoint, IReadOnlyCollection<PlacedEvent> Seen);

/// <summary>What was published, what the log holds of it, and what consumers saw.</summary>
/// <param name="Published">What each transaction was to publish; of one transaction and stream in the order in which it raised them.</param>
/// <param name="Logged">The events in the log.</param>
/// <param name="Runs">The lives of all consumers; each consumer's in their order. Every consumer reads all these streams.</param>
public sealed record EventsEvidence(IReadOnlyCollection<PublishedEvent> Published, IReadOnlyCollection<PlacedEvent> Logged, IReadOnlyCollection<ConsumerRun> Runs)
{
    /// <summary>True if nobody publishes any more, and each consumer's last life was given time to read to the end. True unless said otherwise.</summary>
    public bool IsOver { get; init; } = true;
}
