using System.Globalization;
using System.Text;

namespace Coordinator.Chaos.Drivers.Reports;

/// <summary>Draws a run: commits a second, with the faults marked, as SVG that reads on light and on dark ground.</summary>
internal static class Timeline
{
    private const int Width = 1000, Height = 320, Left = 50, Right = 10, Top = 40, Bottom = 36, ColumnsMax = 300, TicksMax = 6;
    private const string Ink = "#7d8590", Throughput = "#2f81f7";

    private static readonly int[] s_steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];

    private static readonly (string Name, string Colour, string[] Words)[] s_groups =
    [
        ("store", "#a371f7", ["server", "disk", "connections cut", "I/O", "space"]),
        ("frozen, cut off, clock", "#d29922", ["frozen", "link", "clock", "network", "silence"]),
        ("processes", "#f85149", []), // all others
    ];

    /// <param name="committedBySecond">Commits by the second of the run in which they became known.</param>
    /// <param name="faults">What was done, from when to when.</param>
    public static string Draw(IReadOnlyDictionary<int, int> committedBySecond, IReadOnlyList<(string Fault, TimeSpan From, TimeSpan To)> faults)
    {
        var (first, last) = committedBySecond.Count == 0 ? (0, 1) : (committedBySecond.Keys.Min(), committedBySecond.Keys.Max() + 1);
        var step = Math.Max(1, (last - first + ColumnsMax - 1) / ColumnsMax); // seconds a column
        var columns = Enumerable.Range(0, ((last - first) / step) + 1)
            .Select(column => Enumerable.Range(first + (column * step), step).Sum(second => committedBySecond.GetValueOrDefault(second)) / (double)step).ToArray();
        var (xMax, yMax) = (columns.Length * step, Math.Max(1, columns.Max()));
        var svg = new StringBuilder();
        svg.AppendLine(Text($"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Width} {Height}\" font-family=\"system-ui, sans-serif\" font-size=\"12\" fill=\"{Ink}\">"));
        svg.AppendLine("<title>Commits a second, with the faults marked</title>");
        DrawAxes(svg, xMax, yMax);
        svg.AppendLine(Text($"<path fill=\"{Throughput}\" fill-opacity=\"0.25\" stroke=\"{Throughput}\" d=\"M{Left},{Y(0, yMax):F1}{string.Concat(columns.Select((value, at) => Text($" L{X(at * step, xMax):F1},{Y(value, yMax):F1} L{X((at + 1) * step, xMax):F1},{Y(value, yMax):F1}")))} L{X(xMax, xMax):F1},{Y(0, yMax):F1} Z\"/>"));
        DrawFaults(svg, faults, first, xMax);
        svg.AppendLine("</svg>");
        return svg.ToString();
    }

    private static void DrawAxes(StringBuilder svg, int xMax, double yMax)
    {
        foreach (var value in Ticks(yMax))
        {
            svg.AppendLine(Text($"<path stroke=\"{Ink}\" stroke-opacity=\"0.3\" d=\"M{Left},{Y(value, yMax):F1} H{Width - Right}\"/><text x=\"{Left - 6}\" y=\"{Y(value, yMax) + 4:F1}\" text-anchor=\"end\">{value}</text>"));
        }

        foreach (var second in Ticks(xMax))
        {
            svg.AppendLine(Text($"<text x=\"{X(second, xMax):F1}\" y=\"{Height - 18}\" text-anchor=\"middle\">{second} s</text>"));
        }

        svg.AppendLine(Text($"<rect x=\"{Left}\" y=\"12\" width=\"10\" height=\"10\" fill=\"{Throughput}\"/><text x=\"{Left + 15}\" y=\"21\">commits a second</text>"));
        for (var number = 0; number < s_groups.Length; number++)
        {
            var x = Left + 170 + (number * 190);
            svg.AppendLine(Text($"<rect x=\"{x}\" y=\"12\" width=\"10\" height=\"10\" fill=\"{s_groups[number].Colour}\"/><text x=\"{x + 15}\" y=\"21\">faults: {s_groups[number].Name}</text>"));
        }
    }

    /// <summary>A line where a fault was done, and a bar below as long as it and its healing took.</summary>
    private static void DrawFaults(StringBuilder svg, IReadOnlyList<(string Fault, TimeSpan From, TimeSpan To)> faults, int first, int xMax)
    {
        const int barHeight = 5;
        foreach (var (fault, from, to) in faults)
        {
            var colour = Array.Find(s_groups, group => group.Words.Length == 0 || Array.Exists(group.Words, word => fault.Contains(word, StringComparison.Ordinal))).Colour;
            var (x, end) = (X(from.TotalSeconds - first, xMax), X(to.TotalSeconds - first, xMax));
            svg.AppendLine(Text($"<g fill=\"{colour}\"><title>{fault}</title><rect x=\"{x:F1}\" y=\"{Top}\" width=\"1\" height=\"{Height - Bottom - Top}\" fill-opacity=\"0.35\"/><rect x=\"{x:F1}\" y=\"{Height - Bottom}\" width=\"{Math.Max(1, end - x):F1}\" height=\"{barHeight}\"/></g>"));
        }
    }

    private static double X(double second, int xMax) => Left + (second / xMax * (Width - Left - Right));

    private static double Y(double value, double yMax) => Height - Bottom - (value / yMax * (Height - Bottom - Top));

    /// <summary>Round numbers from zero on.</summary>
    private static IEnumerable<int> Ticks(double max)
    {
        var step = Array.Find(s_steps, step => max / step <= TicksMax || step == s_steps[^1]);
        return Enumerable.Range(0, (int)(max / step) + 1).Select(number => number * step);
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
