using System.Collections.Concurrent;
using System.Diagnostics;
using Xunit;

namespace Coordinator.Protocol.Tests.Model;

/// <summary>The exhaustive check of the production functions (docs/protocol.md#checked), and the proof that it can fail.</summary>
public sealed class ModelTests(ITestOutputHelper output)
{
    private const int StatesMin = 2_000_000;

    [Fact]
    public void Every_reachable_state_keeps_every_property_and_can_still_end()
    {
        var clock = Stopwatch.StartNew();
        var all = RunAll(Configurations.All);
        foreach (var findings in all)
        {
            Print(findings.ToString());
        }

        var states = all.Sum(findings => (long)findings.States);
        Print($"model: {states:N0} states, {all.Sum(findings => findings.Transitions):N0} transitions, {clock.Elapsed.TotalSeconds:N1} s");
        Assert.All(all, findings => Assert.True(findings.Violation is null, $"{findings}\n{findings.Trace}"));
        Assert.Equal(Mark.None, Mark.All & ~all.Aggregate(Mark.None, (marks, findings) => marks | findings.Marks));
        Assert.True(states >= StatesMin, "the bounds have become too narrow to say much");
    }

    [Fact]
    public void Every_mutant_is_caught_by_the_property_that_it_breaks()
    {
        var clock = Stopwatch.StartNew();
        var survivors = new ConcurrentBag<string>();
        var caught = 0;
        InTwo(Mutants.All, mutant =>
        {
            var findings = Explorer.Run(mutant.Configuration, mutant.Rules);
            var isTraced = findings.Trace.Length > 0 && !findings.Trace.Contains(Tracer.NotFound);
            if (isTraced && findings.Violation?.StartsWith(mutant.Property, StringComparison.Ordinal) is true)
            {
                Interlocked.Increment(ref caught);
            }
            else
            {
                survivors.Add($"{mutant.Name}: expected {mutant.Property}, got {findings}\n{findings.Trace}");
            }

            Print($"mutant {mutant.Name}: {findings.Violation ?? "SURVIVES"} ({findings.States:N0} states)");
        });
        Print($"mutants: {caught} of {Mutants.All.Count} caught in {clock.Elapsed.TotalSeconds:N1} s");
        Assert.Empty(survivors);
    }

    [Fact]
    public void Without_a_mutant_the_small_configurations_hold()
    {
        foreach (var findings in RunAll([.. Mutants.All.Select(mutant => mutant.Configuration).Distinct().Except(Configurations.All)]))
        {
            Print(findings.ToString());
            Assert.True(findings.Violation is null, $"{findings}\n{findings.Trace}");
        }
    }

    [Fact]
    public void A_net_alone_carries_nothing()
    {
        foreach (var net in Mutants.Nets)
        {
            var findings = Explorer.Run(net.Configuration, net.Rules);
            Assert.True(findings.Violation is null, $"{net.Name}: {findings}\n{findings.Trace}");
        }
    }

    [Fact(Explicit = true)]
    public void Features_together_hold_as_well()
    {
        foreach (var configuration in Configurations.Wide)
        {
            var findings = Explorer.Run(configuration, new Rules());
            Print(findings.ToString());
            Assert.True(findings.Violation is null, $"{findings}\n{findings.Trace}");
        }
    }

    private static IReadOnlyList<Findings> RunAll(IReadOnlyList<Configuration> configurations)
    {
        var all = new ConcurrentQueue<Findings>();
        InTwo(configurations, configuration => all.Enqueue(Explorer.Run(configuration, new Rules())));
        return [.. all];
    }

    /// <summary>Searches share nothing, so two of them run at a time.</summary>
    private static void InTwo<T>(IReadOnlyList<T> items, Action<T> run)
    {
        var queue = new ConcurrentQueue<T>(items);
        Parallel.For(0, 2, new ParallelOptions { MaxDegreeOfParallelism = 2 }, _ =>
        {
            while (queue.TryDequeue(out var item))
            {
                run(item);
            }
        });
    }

    private void Print(string line)
    {
        output.WriteLine(line);
        Console.WriteLine(line);
    }
}
