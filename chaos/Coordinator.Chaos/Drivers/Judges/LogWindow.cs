using System.Text.Json;
using Coordinator.Testing.Checkers;

namespace Coordinator.Chaos.Drivers.Judges;

/// <summary>An event of a workload as it stands in the log.</summary>
internal sealed record LogEvent(string Stream, long Version, string Type, string Transaction, JsonElement Content);

/// <summary>What was written to the log between two looks at it.</summary>
/// <param name="Decisions">Of transactions.</param>
/// <param name="Rows">Of transactions, in streams.</param>
/// <param name="Events">Those of the workloads.</param>
/// <param name="Faults">What no log may hold, whatever was done.</param>
/// <param name="InDoubt">Rows that wait for a decision, which must stand behind them.</param>
internal sealed record LogWindow(
    IReadOnlyList<LoggedDecision> Decisions, IReadOnlyList<LoggedRow> Rows, IReadOnlyList<LogEvent> Events, IReadOnlyList<string> Faults, IReadOnlyList<string> InDoubt);
