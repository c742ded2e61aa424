using System.Text;

namespace Coordinator.Protocol.Tests.Tables;

/// <summary>What a machine does with one input in one state.</summary>
/// <param name="Text">Where it goes, or that it ignores or refuses.</param>
/// <param name="Reason">Why it ignores or refuses; null if it goes on.</param>
internal readonly record struct Cell(string Text, string? Reason);

/// <summary>A table of inputs against states, with the reasons numbered below it: what docs/protocol.md shows.</summary>
internal sealed class CellTable(string name, string corner, IReadOnlyList<string> columns)
{
    private readonly List<(string Input, Cell[] Cells)> _rows = [];

    public string Name => name;

    public void Add(string input, params Cell[] cells) => _rows.Add((input, cells));

    public string Render()
    {
        var reasons = new List<string>();
        var text = new StringBuilder();
        text.Append("| ").Append(corner).Append(" | ").AppendJoin(" | ", columns).Append(" |\n|---");
        foreach (var _ in columns)
        {
            text.Append("|---");
        }

        text.Append("|\n");
        foreach (var (input, cells) in _rows)
        {
            text.Append("| ").Append(input);
            foreach (var cell in cells)
            {
                text.Append(" | ").Append(cell.Text);
                if (cell.Reason is not null)
                {
                    text.Append(" [").Append(NumberOf(cell.Reason, reasons)).Append(']');
                }
            }

            text.Append(" |\n");
        }

        for (var i = 0; i < reasons.Count; i++)
        {
            text.Append(i == 0 ? "\n" : string.Empty).Append($"{i + 1}. {reasons[i]}\n");
        }

        return text.ToString();
    }

    private static int NumberOf(string reason, List<string> reasons)
    {
        var index = reasons.IndexOf(reason);
        if (index < 0)
        {
            index = reasons.Count;
            reasons.Add(reason);
        }

        return index + 1;
    }
}
