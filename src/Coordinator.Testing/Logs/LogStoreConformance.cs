namespace Coordinator.Testing.Logs;

/// <summary>
/// What every log store has to promise, as named cases for any test framework: run each against a fresh fixture. The
/// promises are those of the store's contract and of the design rules D-1 (no holes), D-2 (honest answers), D-3 (identity),
/// D-7 (Held rows), D-9 (validated reads).
/// </summary>
internal static partial class LogStoreConformance
{
    /// <summary>All cases.</summary>
    public static IReadOnlyList<ConformanceCase> Cases { get; } =
    [
        .. AppendCases,
        .. HeldCases,
        .. ContentCases,
        .. ReadCases,
        .. CorruptionCases,
        .. ClaimCases,
        .. OpeningCases,
        .. GrowingCases,
        .. AnswerCases,
        .. SettlementCases,
        .. BeatCases,
        .. SnapshotCases,
        .. RemovalCases,
    ];

    /// <summary>Those about groups that are written, with the faults they run into.</summary>
    public static IReadOnlyList<ConformanceCase> WriteCases { get; } = [.. AppendCases, .. HeldCases, .. AnswerCases];

    /// <summary>Finds a case by its name.</summary>
    public static ConformanceCase Named(string name) => Cases.First(one => one.Name == name);
}
