using System.Collections.Immutable;
using Coordinator.Testing.Histories;

namespace Coordinator.Chaos.Drivers.Judges;

/// <summary>
/// Judges the history of a run and shows that the judge can fail: faults are planted in this very history, and each must be found.
/// </summary>
internal static class HistoryTrial
{
    private static readonly (string Fault, AnomalyKind Kind, Func<ImmutableArray<RecordedTransaction>, ImmutableArray<RecordedTransaction>> Plant)[] s_plants =
    [
        ("an acknowledged append that is lost", AnomalyKind.LostEvent, history => ChangeLastRead(history, elements => elements.RemoveAt(LastAcknowledged(history, elements)))),
        ("an append that took effect twice", AnomalyKind.DuplicateAppend, history => ChangeLastRead(history, elements => elements.Add(elements[0]))),
        ("an append that nobody made", AnomalyKind.GhostEvent, history => ChangeLastRead(history, elements => elements.Add(long.MaxValue))),
        ("appends in another order", AnomalyKind.IncompatibleOrder, history => ChangeLastRead(history, elements => elements.RemoveAt(0).Add(elements[0]))),
        ("an abort that was a commit", AnomalyKind.G1a, CallAborted),
    ];

    /// <summary>
    /// The report on a history whose last transaction reads everything, what is wrong with it or with the judge, and how many
    /// faults were planted.
    /// </summary>
    public static (HistoryReport Report, IReadOnlyList<string> Violations, int Planted) Judge(ImmutableArray<RecordedTransaction> history)
    {
        var report = HistoryChecker.Check(history);
        var violations = report.Anomalies.Select(anomaly => anomaly.ToString()).ToList();
        if (violations.Count == 0)
        {
            violations.AddRange(s_plants.Where(plant => !HistoryChecker.Check(plant.Plant(history)).Has(plant.Kind)).Select(plant =>
                $"the judge is not to be trusted: '{plant.Fault}' was planted, and it did not find that"));
        }

        return (report, violations, s_plants.Length);
    }

    /// <summary>Changes what the last transaction read of the list that has most elements.</summary>
    private static ImmutableArray<RecordedTransaction> ChangeLastRead(
        ImmutableArray<RecordedTransaction> history, Func<ImmutableArray<long>, ImmutableArray<long>> change)
    {
        var last = history[^1];
        var longest = last.Operations.OfType<MicroOperation.ReadList>().MaxBy(read => read.Elements.Length)!;
        return history.SetItem(history.Length - 1, last with { Operations = last.Operations.Replace(longest, longest with { Elements = change(longest.Elements) }) });
    }

    private static int LastAcknowledged(ImmutableArray<RecordedTransaction> history, ImmutableArray<long> elements)
    {
        var acknowledged = history.Where(one => one.Outcome is RecordedOutcome.Committed)
            .SelectMany(one => one.Operations.OfType<MicroOperation.Append>()).Select(append => append.Element).ToHashSet();
        return Enumerable.Range(0, elements.Length).Last(at => acknowledged.Contains(elements[at]));
    }

    /// <summary>Somebody saw what it wrote: everything is read in the end.</summary>
    private static ImmutableArray<RecordedTransaction> CallAborted(ImmutableArray<RecordedTransaction> history)
    {
        var at = Enumerable.Range(0, history.Length).First(one => history[one].Outcome is RecordedOutcome.Committed && history[one].Operations.Any(operation => operation is MicroOperation.Append));
        return history.SetItem(at, history[at] with { Outcome = RecordedOutcome.Aborted });
    }
}
