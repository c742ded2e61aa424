using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using Coordinator.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

// The simulations of one test use both cores already.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Coordinator.Simulation;

public sealed class SimulationTests(ITestOutputHelper output)
{
    private const int FreshMin = 700;
    private const int FreshMax = 3_000;
    private const int TwiceEvery = 100;
    private const int MoreAtOnce = 250;
    private const int MoreMax = 6_000;
    private static readonly TimeSpan FreshTime = TimeSpan.FromSeconds(25); // beyond the least number, for as long as this
    private static readonly int Threads = Math.Min(Environment.ProcessorCount, 4);

    /// <summary>
    /// Seeds that nobody has seen before keep every promise, reach every situation, give one run each, and are not idle.
    /// </summary>
    [Fact]
    public void Fresh_seeds_keep_every_promise_and_reach_every_situation()
    {
        var first = (ulong)TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() * 10_000;
        Console.WriteLine($"Simulating seeds from {first}");
        var run = new ManySeeds(FreshMin, FreshTime);
        run.Go([.. Enumerable.Range(0, FreshMax).Select(i => first + (ulong)i)], Threads, TwiceEvery);
        run.Go(PointSweep.Seeds);

        // Some situations come up in one seed of a hundred: chance decides when, but not whether, and so not what this test says.
        for (var more = 0; more < MoreMax && CounterReport.Missing(run.Counters).Count > 0; more += MoreAtOnce)
        {
            run.Go([.. Enumerable.Range(FreshMax + more, MoreAtOnce).Select(i => first + (ulong)i)]);
        }

        Console.WriteLine(run.Summary);
        Console.WriteLine(CounterReport.Of(run.Counters, run.SeedsReaching));
        run.Bad.ForEach(bad => Console.WriteLine(bad));
        output.WriteLine(run.Summary);
        Assert.True(run.Bad.Count == 0, string.Join("\n", run.Bad.Take(3)));
        Assert.Empty(CounterReport.Undeclared(run.Counters));
        Assert.Empty(CounterReport.Missing(run.Counters));
        run.AssertNotIdle();
    }

    [Fact]
    public void Seeds_that_once_broke_a_promise_keep_it_now()
    {
        foreach (var (seed, what) in RegressionSeeds.All)
        {
            var verdict = Simulator.Run(seed);
            Assert.True(verdict.IsGood, $"{what}: {verdict}");
        }
    }

    /// <summary>Hash codes of strings differ from process to process: nothing may follow their order.</summary>
    [Fact]
    public void A_seed_gives_the_same_run_in_another_process()
    {
        foreach (var seed in new[] { "7", "8", "9" })
        {
            var start = new ProcessStartInfo("dotnet", [typeof(Simulator).Assembly.Location, "--seed", seed]) { RedirectStandardOutput = true, UseShellExecute = false };
            using var other = Process.Start(start)!;
            var said = other.StandardOutput.ReadToEnd();
            other.WaitForExit();

            var here = Simulator.Run(ulong.Parse(seed, CultureInfo.InvariantCulture), keepsTrace: true); // keeping the trace changes nothing
            Assert.Contains($"hash {here.Hash:x16}", said, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_seed_gives_the_same_run_whether_or_not_anybody_listens()
    {
        var (engines, spans, measured) = (new List<EngineTelemetry>(), 0, 0);
        using var metrics = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == CoordinatorTelemetry.MeterName)
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        metrics.SetMeasurementEventCallback<long>((_, _, _, _) => measured++);
        metrics.SetMeasurementEventCallback<double>((_, _, _, _) => measured++);
        metrics.Start();
        using var traces = new ActivityListener
        {
            ShouldListenTo = source => source.Name == CoordinatorTelemetry.ActivitySourceName,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = _ => spans++,
        };
        ActivitySource.AddActivityListener(traces);
        for (var seed = 1UL; seed <= 20; seed++)
        {
            var alone = Simulator.Run(seed);
            Assert.Equal(0, spans + measured);
            var heard = Simulator.Run(seed, telemetry: NewTelemetry);
            engines.ForEach(engine => engine.Dispose());
            Assert.True(spans > 0 && measured > 0);
            Assert.Equal(alone.Hash, heard.Hash);
            (spans, measured) = (0, 0);
        }

        EngineTelemetry NewTelemetry(TimeProvider time)
        {
            engines.Add(new EngineTelemetry(null, time, NullLogger.Instance));
            return engines[^1];
        }
    }

    [Fact]
    public void Every_point_of_the_catalogue_is_reached_or_says_where_it_is_tested()
    {
        var numbers = Enumerable.Range(1, 34).Select(i => $"C{i:00}")
            .Concat(Enumerable.Range(1, 18).Select(i => $"L{i:00}"))
            .Concat(Enumerable.Range(1, 11).Select(i => $"G{i:00}"));

        Assert.Equal(numbers, Catalogue.All.Select(point => point.Number));
        Assert.All(Catalogue.All, point => Assert.True(point.Situations.Length > 0 ^ point.Elsewhere is not null, point.Number));
        Assert.All(
            Catalogue.All.SelectMany(point => point.Situations),
            name => Assert.True(SituationTable.All.GetValueOrDefault(name) is { Elsewhere: null }, $"'{name}' is not counted"));
    }

    [Fact]
    public void The_docs_hold_the_table_of_the_catalogue()
    {
        var docs = ReadPage("simulation.md");
        Assert.True(docs.Contains(Catalogue.ToMarkdown(), StringComparison.Ordinal), "Print the table with --catalogue and put it into docs/simulation.md.");
    }

    /// <summary>A fault counts as covered by the simulation only where every run must meet it.</summary>
    [Fact]
    public void The_page_of_covered_faults_names_only_counters_that_are_demanded()
    {
        const string Start = "`simulation: ";
        var cells = ReadPage("faults-covered.md").Split('\n').Where(line => line.Split('|') is [_, [_, _, >= '0' and <= '9', >= '0' and <= '9', _], ..]);
        var names = cells.SelectMany(line => line.Split(Start).Skip(1)).Select(rest => rest[..rest.IndexOf('`', StringComparison.Ordinal)]).ToList();

        Assert.NotEmpty(names);
        Assert.All(names, name => Assert.True(SituationTable.All.GetValueOrDefault(name) is { Elsewhere: null }, $"'{name}' is not demanded"));
    }

    [Theory]
    [InlineData("--seed")]
    [InlineData("--seed", "many")]
    [InlineData("--seed", "1", "--count", "0")]
    [InlineData("--sed", "1")]
    public void A_command_that_is_not_understood_runs_nothing(params string[] arguments)
    {
        using var errors = new StringWriter();

        Assert.Equal(2, SimulationCommand.Run(arguments, errors));
        Assert.Contains("is not understood here", errors.ToString(), StringComparison.Ordinal);
    }

    private static string ReadPage(string name)
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Coordinator.sln")))
        {
            folder = Path.GetDirectoryName(folder)!;
        }

        return File.ReadAllText(Path.Combine(folder, "docs", name)).ReplaceLineEndings("\n");
    }
}
