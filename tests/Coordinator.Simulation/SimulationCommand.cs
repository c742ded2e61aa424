using System.Globalization;

namespace Coordinator.Simulation;

/// <summary>The simulation as a command: repeats a seed, or runs many.</summary>
internal static class SimulationCommand
{
    private const string Usage = """
        --seed N      the seed to run, or the first of many
        --count K     how many seeds from there on; 1 unless given
        --threads T   how many at a time; as many as there are cores unless given
        --trace       print what happened (one seed)
        --counters    print how often each situation came up
        --catalogue   print the table of docs/simulation.md
        """;

    public static int Run(string[] args, TextWriter errors)
    {
        ulong seed = 1;
        var count = 1;
        var threads = Environment.ProcessorCount;
        for (var i = 0; i < args.Length; i++)
        {
            switch (args[i])
            {
                case "--seed" when i + 1 < args.Length && ulong.TryParse(args[i + 1], CultureInfo.InvariantCulture, out seed):
                case "--count" when i + 1 < args.Length && int.TryParse(args[i + 1], CultureInfo.InvariantCulture, out count) && count > 0:
                case "--threads" when i + 1 < args.Length && int.TryParse(args[i + 1], CultureInfo.InvariantCulture, out threads) && threads > 0:
                    i++;
                    break;
                case "--trace" or "--counters":
                    break;
                case "--catalogue":
                    Console.Write(Catalogue.ToMarkdown());
                    return 0;
                default:
                    errors.WriteLine($"'{args[i]}' is not understood here.\n{Usage}");
                    return 2;
            }
        }

        return count == 1 ? RunOne(seed, args.Contains("--trace")) : RunMany(seed, count, threads, args.Contains("--counters"));
    }

    private static int RunOne(ulong seed, bool showsTrace)
    {
        var verdict = Simulator.Run(seed, keepsTrace: showsTrace);
        foreach (var line in verdict.Trace)
        {
            Console.WriteLine(line);
        }

        Console.WriteLine(verdict);
        return verdict.IsGood ? 0 : 1;
    }

    private static int RunMany(ulong seed, int count, int threads, bool showsCounters)
    {
        var run = new ManySeeds(count, TimeSpan.Zero);
        run.Go([.. Enumerable.Range(0, count).Select(i => seed + (ulong)i)], threads, twiceEvery: 100);
        run.Bad.ForEach(Console.WriteLine);
        Console.WriteLine(run.Summary);
        if (showsCounters)
        {
            Console.WriteLine(CounterReport.Of(run.Counters, run.SeedsReaching));
        }

        return run.Bad.Count == 0 ? 0 : 1;
    }
}
