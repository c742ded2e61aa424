using System.Collections.Immutable;

namespace Coordinator.Testing.Checkers;

/// <summary>How long it took after a fault until everything that was open then was known to its client.</summary>
/// <param name="Fault">Which fault, to be read.</param>
/// <param name="Took">From the fault, or from the moment where recovery became possible.</param>
public sealed record FaultRecovery(string Fault, TimeSpan Took);

/// <summary>How much happened in a run, and how fast it recovered.</summary>
/// <param name="TransactionCount">Begun.</param>
/// <param name="CommittedCount">Known to be committed in the end.</param>
/// <param name="UnknownCount">Whose client was told Unknown, or nothing, at first; whatever was found out later.</param>
/// <param name="KillCount">Processes that were killed.</param>
/// <param name="Recoveries">One for each fault from which there was something to recover.</param>
public sealed record ProgressEvidence(int TransactionCount, int CommittedCount, int UnknownCount, int KillCount, IReadOnlyCollection<FaultRecovery> Recoveries)
{
    /// <summary>The run was asked for so many kills. 0 unless said otherwise.</summary>
    public int KillsMin { get; init; }

    /// <summary>The run was asked for so many transactions. 1 unless said otherwise.</summary>
    public int TransactionsMin { get; init; } = 1;

    /// <summary>With a greater share of unknown outcomes the run shows nothing. 0.2 unless said otherwise.</summary>
    public double UnknownShareMax { get; init; } = 0.2;

    /// <summary>With a smaller share of commits the run shows nothing. 0.5 unless said otherwise.</summary>
    public double CommittedShareMin { get; init; } = 0.5;

    /// <summary>The longest time that 99 of 100 recoveries may take (V5). 5 s unless said otherwise.</summary>
    public TimeSpan RecoveryP99Max { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Kinds of faults that the run was to have, and did not. None unless said otherwise.</summary>
    public ImmutableArray<string> MissingFaults { get; init; } = [];
}
