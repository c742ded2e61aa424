using System.Globalization;
using System.Text;
using Coordinator.Testing.Simulation;

namespace Coordinator.Simulation;

/// <summary>The counters of many seeds as a table, and what is missing.</summary>
internal static class CounterReport
{
    public static string Of(SimulationCounters counters, SimulationCounters seeds)
    {
        var text = new StringBuilder("     times     seeds  situation").AppendLine();
        foreach (var situation in SituationTable.All.Values.OrderBy(one => one.Name, StringComparer.Ordinal))
        {
            text.Append(CultureInfo.InvariantCulture, $"{counters.Of(situation.Name),10}{seeds.Of(situation.Name),10}  {situation.Name}");
            text.AppendLine(situation.Elsewhere is { } elsewhere ? $" (not here: {elsewhere})" : string.Empty);
        }

        return text.ToString();
    }

    /// <summary>Declared to be reachable, and not reached.</summary>
    public static IReadOnlyList<string> Missing(SimulationCounters counters) =>
        [.. SituationTable.All.Values.Where(one => one.Elsewhere is null && counters.Of(one.Name) == 0).Select(one => one.Name).Order(StringComparer.Ordinal)];

    /// <summary>Counted, and in no table; or reached, and declared unreachable.</summary>
    public static IReadOnlyList<string> Undeclared(SimulationCounters counters) =>
        [.. counters.Counts.Keys.Where(name => SituationTable.All.GetValueOrDefault(name) is null or { Elsewhere: not null, IsSeldom: false }).Order(StringComparer.Ordinal)];
}
