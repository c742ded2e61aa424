using Coordinator.Testing.Simulation;
using Points = Coordinator.Testing.Simulation.Situations.Points;

namespace Coordinator.Simulation;

/// <summary>
/// Chance leaves gaps; the sweep does not: every named point, each of its first passes, killed and stopped, each in a run of its
/// own. Such a run has a seed like any other, above all that are drawn, so that the same command repeats it.
/// </summary>
internal static class PointSweep
{
    public const int PassesMax = 10;
    private const ulong Mark = 1UL << 63;

    /// <summary>All runs of the sweep.</summary>
    public static IReadOnlyList<ulong> Seeds { get; } =
    [
        .. from point in Enumerable.Range(0, Points.All.Count)
           from pass in Enumerable.Range(1, PassesMax)
           from kind in Enumerable.Range(0, 2)
           select Mark + ((ulong)((point << 16) + (pass << 8) + kind)),
    ];

    /// <summary>True for the seeds of the sweep.</summary>
    public static bool Has(ulong seed) => (seed & Mark) != 0;

    /// <summary>The plan of a seed: as drawn, or for a run of the sweep only the one mishap.</summary>
    public static FaultPlan Change(ulong seed, FaultPlan plan, SeededRandom random)
    {
        if (!Has(seed))
        {
            return plan;
        }

        var point = Points.All[(int)(seed >> 16) & 0xFFFF];
        var stalls = (seed & 1) == 1;
        return plan with
        {
            Profile = "sweep",
            Transactions = 50,
            Hosts = 2,
            Mishaps = [new Mishap(point, (int)(seed >> 8) & 0xFF, stalls ? random.Between(TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(10)) : null)],
            Messages = new MessageFaults { TakesTurns = plan.Messages.TakesTurns },
            Latency = (TimeSpan.FromMilliseconds(0.1), TimeSpan.FromMilliseconds(1)),
            Store = point is Points.BeforeFence or Points.ClaimSent ? new StoreFaults { LandsUnclear = 0.1, Lost = 0.1 } : StoreFaults.None,
            Crash = point is Points.BeforeClaim or Points.ClaimSent or Points.ClaimAnswered or Points.Recovering ? TimeSpan.FromSeconds(0.5) : null,
            Stall = null,
            Stop = null,
            Outage = null,
            ClockJump = null,
            Cut = null,
            Damage = null,
        };
    }
}
