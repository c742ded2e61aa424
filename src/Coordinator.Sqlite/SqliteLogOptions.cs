using Coordinator.Sqlite;

namespace Coordinator;

/// <summary>Settings of the log in a SQLite file.</summary>
public sealed class SqliteLogOptions
{
    /// <summary>
    /// Path of the database file, on a local disk. No default. Relative paths start at the working directory. Not a
    /// connection string; an in-memory database is refused, because the log has to outlive the process.
    /// </summary>
    public string DataSource { get; set; } = string.Empty;

    /// <summary>
    /// Default: true. Whether a missing file or schema is created. If false and either is missing, opening fails and says so.
    /// </summary>
    public bool CreateIfMissing { get; set; } = true;

    /// <summary>
    /// Default: 250 ms. How often a process that waits for the owner's lock tries it again. The lock falls with the owner's
    /// process, so this is the longest a take-over waits after the owner is gone. At least 10 ms.
    /// </summary>
    public TimeSpan StandbyPollInterval { get; set; } = TimeSpan.FromMilliseconds(250);

    /// <summary>
    /// Default: 1 s. How long a write waits, before anything of it is sent, for another program that holds the database's
    /// write lock (a tool that copies or inspects it). Then it is tried again later. At least 1 ms.
    /// </summary>
    public TimeSpan LockTimeout { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Default: 8000 pages of 4 KB. After how many pages in the write-ahead log its content is copied into the database
    /// file. More: fewer and longer copies, a larger side file. At least 100.
    /// </summary>
    public int CheckpointPages { get; set; } = 8000;

    /// <summary>
    /// Default: false. If true, a database is used although write-ahead logging or synchronous=FULL could not be set: after
    /// a power failure, transactions that were reported committed may be gone. For throw-away databases only.
    /// </summary>
    public bool AllowUnsafeDurability { get; set; }

    /// <summary>The tables as a script, for who creates them by hand.</summary>
    public static string SchemaScript => SqliteStatements.Schema;
}
