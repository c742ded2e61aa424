namespace Coordinator.Tests;

/// <summary>Files of the repository that tests compare with the code.</summary>
internal static class RepositoryFiles
{
    public static string Root { get; } = FindRoot();

    /// <summary>The rows of the table of a page that has this heading, cell by cell.</summary>
    public static IReadOnlyList<string[]> Table(string page, params string[] heading)
    {
        var lines = File.ReadAllLines(Path.Combine(Root, page));
        var at = Array.FindIndex(lines, line => Cells(line).SequenceEqual(heading));
        return at < 0
            ? throw new InvalidOperationException($"{page} has no table '{string.Join(" | ", heading)}'.")
            : [.. lines.Skip(at + 2).TakeWhile(line => line.StartsWith('|')).Select(Cells)];
    }

    private static string[] Cells(string line) => [.. line.Trim('|').Split('|').Select(cell => cell.Trim())];

    private static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Coordinator.sln")))
        {
            folder = Path.GetDirectoryName(folder)
                ?? throw new InvalidOperationException("The tests do not run inside the repository: no Coordinator.sln above them.");
        }

        return folder;
    }
}
