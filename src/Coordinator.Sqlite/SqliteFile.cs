namespace Coordinator.Sqlite;

/// <summary>Which files can hold a log.</summary>
internal static class SqliteFile
{
    private static readonly string[] NetworkFormats =
        ["nfs", "nfs4", "cifs", "smb", "smb2", "smbfs", "ncpfs", "afs", "9p", "v9fs", "fuse.sshfs", "ceph", "lustre", "gpfs"];

    /// <summary>
    /// The one full path of a database. A link is followed to the file it names: two names of one database would have two
    /// owners. (Hard links can't be told apart; SQLite forbids them too.)
    /// </summary>
    /// <exception cref="LogStoreException">It names no file.</exception>
    public static string Resolve(string dataSource)
    {
        if (string.IsNullOrWhiteSpace(dataSource) || dataSource.Contains('\0', StringComparison.Ordinal))
        {
            throw new LogStoreException($"{nameof(SqliteLogOptions)}.{nameof(SqliteLogOptions.DataSource)} names no file. Give the path of the log's database.");
        }

        if (dataSource.StartsWith(':') || dataSource.StartsWith("file:", StringComparison.OrdinalIgnoreCase))
        {
            throw new LogStoreException(
                $"'{dataSource}' is not a plain path. The log needs a file on a local disk: an in-memory database is gone with the process. For tests use the in-memory store.");
        }

        var path = Path.GetFullPath(dataSource);
        return File.Exists(path) && File.ResolveLinkTarget(path, returnFinalTarget: true) is { } target ? target.FullName : path;
    }

    /// <summary>Refuses what can be seen to be no place for a log before anything is created.</summary>
    public static void Check(string path, bool mayCreate)
    {
        var directory = Path.GetDirectoryName(path);
        if (string.IsNullOrEmpty(directory) || !Directory.Exists(directory))
        {
            throw new LogStoreException($"There is no directory '{directory}' for the log's database. Create it, or name another.");
        }

        if (Directory.Exists(path))
        {
            throw new LogStoreException($"'{path}' is a directory. Name a file in it.");
        }

        if (File.Exists(path))
        {
            if (new FileInfo(path).IsReadOnly)
            {
                throw new LogStoreException($"The file '{path}' is read-only. The log needs write access.");
            }
        }
        else if (!mayCreate)
        {
            throw new LogStoreException(
                $"There is no log at '{path}', and creating it is switched off ({nameof(SqliteLogOptions.CreateIfMissing)}).");
        }

        if (IsOnNetwork(directory, out var format))
        {
            throw new LogStoreException(
                $"'{directory}' is on a network file system ({format}), where neither the owner's lock nor SQLite's are safe. Use a local disk.");
        }
    }

    /// <summary>By the name of the file system's type. What is not named here, or can't be asked, is taken for local.</summary>
    private static bool IsOnNetwork(string directory, out string format)
    {
        try
        {
            format = new DriveInfo(directory).DriveFormat;
            return Array.Exists(NetworkFormats, format.StartsWith) || (OperatingSystem.IsWindows() && directory.StartsWith(@"\\", StringComparison.Ordinal));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            format = string.Empty;
            return false;
        }
    }
}
