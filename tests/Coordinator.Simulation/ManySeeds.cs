using System.Diagnostics;
using System.Globalization;
using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Simulation;

/// <summary>Runs many seeds and adds up what they reached.</summary>
/// <param name="least">As many at least, however long it takes.</param>
/// <param name="time">More only for as long as this.</param>
internal sealed class ManySeeds(int least, TimeSpan time)
{
    private readonly Stopwatch _watch = new();
    private int _seeds;
    private int _twice;
    private int _threads;
    private long _transactions;
    private TimeSpan _restAfterMax;

    public SimulationCounters Counters { get; } = new();

    /// <summary>How many seeds reached each situation: one seed may reach it a thousand times.</summary>
    public SimulationCounters SeedsReaching { get; } = new();

    public List<string> Bad { get; } = [];

    public string Summary => string.Create(
        CultureInfo.InvariantCulture,
        $"{_seeds} seeds ({_twice} of them twice), {Bad.Count} bad, {_transactions} transactions, {_watch.Elapsed.TotalSeconds:F1} s on {_threads} threads, {_transactions / _watch.Elapsed.TotalSeconds / _threads:F0} a second and thread; at rest {_restAfterMax.TotalSeconds:F1} s after the last fault at most");

    /// <param name="seeds">Which.</param>
    /// <param name="threads">How many at a time.</param>
    /// <param name="twiceEvery">Every so-manieth is run twice and must give the same run; 0: none.</param>
    public void Go(IReadOnlyList<ulong> seeds, int threads, int twiceEvery)
    {
        _threads = threads;
        _watch.Start();
        Simulator.RunAll(seeds, threads, verdict => Add(verdict, twiceEvery), () => _seeds < least || _watch.Elapsed < time);
        _watch.Stop();
    }

    /// <summary>Runs all of these as well.</summary>
    public void Go(IReadOnlyList<ulong> seeds) => Simulator.RunAll(seeds, _threads, verdict => Add(verdict, 0));

    /// <summary>A run in which nearly everything is unknown or aborted proves little.</summary>
    public void AssertNotIdle()
    {
        var committed = Counters.Of(SituationTable.ToldCommitted) + Counters.Of(SituationTable.ReadOnlyCommitted);
        var unknown = Counters.Of(SituationTable.ToldUnknown);
        Assert.True(committed * 2 > _transactions, $"only {committed} of {_transactions} committed");
        Assert.True(unknown * 5 < _transactions, $"{unknown} of {_transactions} unknown");
    }

    private void Add(Verdict verdict, int twiceEvery)
    {
        Counters.Add(verdict.Counters);
        foreach (var situation in verdict.Counters.Counts.Keys)
        {
            SeedsReaching.Reach(situation);
        }

        _transactions += verdict.Transactions;
        _restAfterMax = verdict.RestAfter > _restAfterMax ? verdict.RestAfter : _restAfterMax;
        if (!verdict.IsGood)
        {
            Bad.Add(verdict.ToString());
        }

        if (_seeds++ % Math.Max(twiceEvery, 1) == 0 && twiceEvery > 0)
        {
            _twice++;
            if (Simulator.Run(verdict.Seed).Hash != verdict.Hash)
            {
                Bad.Add($"seed {verdict.Seed} gives another run the second time: {Verdict.Command(verdict.Seed)}");
            }
        }
    }
}
