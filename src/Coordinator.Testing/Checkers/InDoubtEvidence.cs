using System.Collections.Immutable;

namespace Coordinator.Testing.Checkers;

/// <summary>A transaction that is not over.</summary>
/// <param name="Transaction">Its id.</param>
/// <param name="State">What is missing, to be read: undecided, not delivered to somebody, its outcome told to nobody.</param>
public sealed record UnfinishedTransaction(string Transaction, string State);

/// <summary>Somebody who would know of transactions that are not over: a host, the log, a client.</summary>
/// <param name="Holder">Who.</param>
/// <param name="Unfinished">What he holds; default if he did not answer.</param>
public sealed record UnfinishedAt(string Holder, ImmutableArray<UnfinishedTransaction> Unfinished);

/// <summary>Who holds what, when all faults are healed and nothing new is begun.</summary>
/// <param name="Holders">Everybody who was asked.</param>
public sealed record InDoubtEvidence(IReadOnlyCollection<UnfinishedAt> Holders);
