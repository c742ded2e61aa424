namespace Coordinator.Simulation;

/// <summary>
/// Seeds that have broken a promise once. They are always run. What a seed does changes with the simulation, so the core of each
/// finding belongs into a test of its own as well; the seed stays because it costs nothing.
/// </summary>
internal static class RegressionSeeds
{
    public static IReadOnlyList<(ulong Seed, string What)> All { get; } =
    [
        (10671, "a claim that the store never answered kept a host in its start for ever"),
        (20033, "the same, behind an unclear claim"),
        (1476, "the same, while the host said of itself that it answers for the shard"),
        (1015, "a host that owned again refused work, because its store had not written in an earlier term"),
        (1025, "the same"),
        (1185, "the same"),
        (2896, "the order of inquiries that waited for verified rows was left to the threads of the runtime"),
        (1006115, "the simulated store said that a write had been rolled back, and let it land later"),
        (1008405, "the same"),
        (2636, "a take-over begun before the faults ended came in the midst of the final checks"),
        (5010212, "the same, while the new owner recovered"),
        (17952678009910665, "a transaction went on from one whose decision came late, not from the newer one behind it"),
        (17953078857780182, "a host that lost one shard while it handed another one over began no transaction any more, though it owned a third"),
        (17953100000005073, "a participant was in doubt for ever of what had been forgotten"),
        (17953100000001991, "a participant was in doubt for ever of what was held because of a damaged row"),
        (17953400000000100, "an abort was told of what rested on changes that never landed, because another row stood at that version"),
        (17953400000001324, "an owner that had been displaced tried its fence for ever at a key that had been forgotten"),
        (17953100000004677, "a host found fewer versions in the log than others had told it of"),
    ];
}
