using System.Globalization;
using Coordinator.Diagnostics;
using Coordinator.Testing.Simulation;

namespace Coordinator.Simulation;

/// <summary>What became of one seed.</summary>
internal sealed record Verdict(ulong Seed, string Plan, IReadOnlyList<Violation> Violations, ulong Hash, SimulationCounters Counters, int Transactions)
{
    public IReadOnlyList<string> Trace { get; init; } = [];

    public TimeSpan RestAfter { get; init; }

    public bool IsGood => Violations.Count == 0;

    /// <summary>What is broken, and the command that shows it again.</summary>
    public override string ToString() => IsGood
        ? $"seed {Seed}: good ({Plan}), {Transactions} transactions, hash {Hash:x16}"
        : $"""
           seed {Seed} BREAKS A PROMISE ({Plan})
             {string.Join("\n  ", Violations.Take(5))}{(Violations.Count > 5 ? $"\n  and {Violations.Count - 5} more" : string.Empty)}
             again: {Command(Seed)}
           """;

    public static string Command(ulong seed) =>
        string.Create(CultureInfo.InvariantCulture, $"dotnet run -c Release --project tests/Coordinator.Simulation -- --seed {seed} --trace");
}

/// <summary>Runs seeds.</summary>
internal static class Simulator
{
    // The runtime hands a continuation to its own threads where the stack is nearly used up, and with it the order to chance.
    private const int StackBytes = 64 * 1024 * 1024;

    /// <summary>Runs one seed on this thread.</summary>
    public static Verdict Run(ulong seed, Mutant? mutant = null, bool keepsTrace = false, Func<TimeProvider, EngineTelemetry>? telemetry = null)
    {
        var random = new SeededRandom(seed);
        var plan = PointSweep.Change(seed, FaultPlan.Draw(random), random).WithLater(seed);
        Cluster? cluster = null;
        string? end = null;
        try
        {
            SimulationLoop.Run(
                plan.InOrder ? null : random.Fork(),
                loop =>
                {
                    cluster = new Cluster(loop, seed, plan, random, mutant ?? Mutant.None) { Telemetry = telemetry };
                    return cluster.RunAsync();
                },
                keepsTrace: keepsTrace);
        }
        catch (Exception error)
        {
            end = error.ToString(); // a verdict like any other: the seed is to be seen
        }

        var violations = cluster!.Violations;
        if (end is not null)
        {
            violations.Add(new Violation("exception", end));
        }

        return new Verdict(seed, plan.ToString(), violations, cluster.Loop.Trace.Hash, cluster.Loop.Counters, cluster.History.Transactions.Count)
        {
            Trace = cluster.Loop.Trace.Lines,
            RestAfter = cluster.RestAfter,
        };
    }

    /// <summary>Runs many seeds, each on one thread, on as many threads as there are cores.</summary>
    public static void RunAll(IReadOnlyList<ulong> seeds, int threads, Action<Verdict> done, Func<bool>? goesOn = null)
    {
        var next = -1;
        var gate = new Lock();
        var workers = Enumerable.Range(0, threads).Select(_ =>
        {
            var worker = new Thread(Work, StackBytes);
            worker.Start();
            return worker;
        }).ToList();
        workers.ForEach(worker => worker.Join());

        void Work()
        {
            while (goesOn?.Invoke() != false && Interlocked.Increment(ref next) is var at && at < seeds.Count)
            {
                var verdict = Run(seeds[at]);
                lock (gate)
                {
                    done(verdict);
                }
            }
        }
    }
}
