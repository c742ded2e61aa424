using System.Collections.Immutable;

namespace Coordinator.Chaos.Drivers.Fleets;

/// <summary>What a client means to do with a request: the workload that sent it finds it again beside what became of it.</summary>
/// <param name="Writes">The streams that it writes to if it commits; default if that is not known before.</param>
/// <param name="IsReadOnly">It writes nothing, so its commit leaves no record, and asked by id later it may be presumed aborted.</param>
internal abstract record Operation(ImmutableArray<string> Writes = default, bool IsReadOnly = false);
