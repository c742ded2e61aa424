using System.Collections.Immutable;

namespace Coordinator.Testing.Histories;

/// <summary>
/// What no serializable store shows, by the names of Adya and of Elle. A cycle is of transactions each of which must come before the
/// next: ww by what it overwrote, wr by what it read, rw by what it had not read yet.
/// </summary>
public enum AnomalyKind
{
    /// <summary>A cycle of writes alone: two transactions overwrote each other.</summary>
    G0,

    /// <summary>A read of what an aborted transaction wrote.</summary>
    G1a,

    /// <summary>A read of what its writer itself wrote over.</summary>
    G1b,

    /// <summary>A cycle of writes and reads: each saw the other's effects.</summary>
    G1c,

    /// <summary>A cycle with one read of the past: read skew.</summary>
    GSingle,

    /// <summary>A cycle with several reads of the past: write skew.</summary>
    G2Item,

    /// <summary>Two readers saw two writes in opposite orders.</summary>
    LongFork,

    /// <summary>Two transactions read the same version and both wrote on top of it.</summary>
    LostUpdate,

    /// <summary>An element is in a list twice.</summary>
    DuplicateAppend,

    /// <summary>A transaction's read contradicts what it had read or written itself.</summary>
    Internal,

    /// <summary>A committed write rests on a version that an aborted transaction wrote.</summary>
    DirtyUpdate,

    /// <summary>A cycle that needs the order in which one client did its work.</summary>
    ProcessViolation,

    /// <summary>A cycle that needs what was over before something else began: a stale read, for one.</summary>
    RealTimeViolation,

    /// <summary>Two reads, or two versions, that no single order of the writes explains.</summary>
    IncompatibleOrder,

    /// <summary>A write was acknowledged, and the last read of all does not show it.</summary>
    LostEvent,

    /// <summary>A read shows what nobody wrote.</summary>
    GhostEvent,
}

/// <summary>An anomaly, with the smallest proof of it that was found.</summary>
/// <param name="Kind">Which.</param>
/// <param name="Transactions">Those that take part; of a cycle in its order.</param>
/// <param name="Witness">The proof, to be read: the transactions with what they did, then why they contradict each other.</param>
public sealed record Anomaly(AnomalyKind Kind, ImmutableArray<RecordedTransaction> Transactions, ImmutableArray<string> Witness)
{
    /// <summary>Its name in the literature.</summary>
    public string Name => NameOf(Kind);

    /// <summary>The name of a kind of anomaly in the literature.</summary>
    public static string NameOf(AnomalyKind kind) => kind switch
    {
        AnomalyKind.GSingle => "G-single",
        AnomalyKind.G2Item => "G2-item",
        AnomalyKind.LongFork => "long fork",
        AnomalyKind.LostUpdate => "lost update",
        AnomalyKind.DuplicateAppend => "duplicate append",
        AnomalyKind.Internal => "internal",
        AnomalyKind.DirtyUpdate => "dirty update",
        AnomalyKind.ProcessViolation => "process violation",
        AnomalyKind.RealTimeViolation => "real-time violation",
        AnomalyKind.IncompatibleOrder => "incompatible order",
        AnomalyKind.LostEvent => "lost event",
        AnomalyKind.GhostEvent => "ghost event",
        _ => kind.ToString(),
    };

    /// <summary>Its name and the witness, a line each.</summary>
    public override string ToString() => $"{Name}:{string.Concat(Witness.Select(line => "\n  " + line))}";
}
