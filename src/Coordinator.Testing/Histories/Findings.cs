using System.Collections.Immutable;

namespace Coordinator.Testing.Histories;

/// <summary>The anomalies that were found, few of each kind: one thing that is broken shows in many places.</summary>
internal sealed class Findings(HistoryIndex index)
{
    private const int EachMax = 10;
    private const int ElementsShownMax = 16;

    private readonly List<Anomaly> _anomalies = [];
    private readonly Dictionary<AnomalyKind, int> _counts = [];

    /// <summary>The most elementary first.</summary>
    public ImmutableArray<Anomaly> All => [.. _anomalies.OrderBy(anomaly => anomaly.Kind)];

    /// <summary>Adds an anomaly, unless enough of the kind are known.</summary>
    /// <param name="kind">Which.</param>
    /// <param name="transactions">Who takes part; shown with what they did.</param>
    /// <param name="reasons">Why it is one, a line each.</param>
    public void Add(AnomalyKind kind, IReadOnlyList<int> transactions, params IEnumerable<string> reasons)
    {
        var count = _counts[kind] = _counts.GetValueOrDefault(kind) + 1;
        if (count <= EachMax)
        {
            var some = transactions.Distinct().ToArray();
            _anomalies.Add(new Anomaly(kind, [.. some.Select(one => index.History[one])], [.. some.Select(Show), .. reasons]));
        }
    }

    private string Show(int transaction)
    {
        var one = index.History[transaction];
        var when = one.BeganAt is null && one.EndedAt is null ? string.Empty : HistoryText.Invariant($", from {one.BeganAt} to {one.EndedAt}");
        return $"{index.NameOf(transaction)} ({one.Process}, {one.Outcome}{when}): {string.Join(", ", one.Operations.Select(Show))}";
    }

    /// <summary>A long list is shown by its ends.</summary>
    private static string Show(MicroOperation operation)
    {
        if (operation is not MicroOperation.ReadList { Elements: { IsDefault: false, Length: > ElementsShownMax } elements } read)
        {
            return HistoryText.Format(operation);
        }

        const int half = ElementsShownMax / 2;
        return HistoryText.Invariant($"read {read.Key} [{string.Join(' ', elements.Take(half))} ... {string.Join(' ', elements.TakeLast(half))}, {elements.Length} elements]");
    }
}
