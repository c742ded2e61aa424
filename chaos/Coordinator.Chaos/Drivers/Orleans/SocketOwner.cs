using System.Globalization;

namespace Coordinator.Chaos.Drivers.Orleans;

/// <summary>Finds the process at the other end of a connection on this machine, as Linux tells it in /proc.</summary>
internal static class SocketOwner
{
    private const int LocalColumn = 1, RemoteColumn = 2, InodeColumn = 9;

    /// <summary>The process that has connected from one port to the other; null if none of the given ones has (any more).</summary>
    public static int? Find(int fromPort, int toPort, IEnumerable<int> processes) =>
        InodeOf(fromPort, toPort) is { } inode && processes.FirstOrDefault(process => Has(process, $"socket:[{inode}]")) is var owner and > 0 ? owner : null;

    private static string? InodeOf(int fromPort, int toPort)
    {
        var (local, remote) = (Hex(fromPort), Hex(toPort));
        return ((string[])["/proc/net/tcp", "/proc/net/tcp6"]).Where(File.Exists)
            .SelectMany(static table => File.ReadLines(table).Skip(1))
            .Select(static row => row.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .FirstOrDefault(row => row[LocalColumn].EndsWith(local, StringComparison.Ordinal) && row[RemoteColumn].EndsWith(remote, StringComparison.Ordinal))?[InodeColumn];

        static string Hex(int port) => string.Create(CultureInfo.InvariantCulture, $":{port:X4}");
    }

    private static bool Has(int process, string socket)
    {
        try
        {
            return new DirectoryInfo($"/proc/{process}/fd").EnumerateFileSystemInfos().Any(file => file.LinkTarget == socket);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false; // it is gone
        }
    }
}
