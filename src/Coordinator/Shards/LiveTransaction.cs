using Coordinator.Protocol.Commit;

namespace Coordinator.Shards;

/// <summary>A transaction that a shard has in memory, for people who ask what it waits for.</summary>
/// <param name="State">Where it stands.</param>
/// <param name="Age">For how long the shard has had it: since its begin, or since it was recovered.</param>
internal sealed record LiveTransaction(CommitState State, TimeSpan Age);
