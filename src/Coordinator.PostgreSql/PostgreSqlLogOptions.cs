using Coordinator.PostgreSql;

namespace Coordinator;

/// <summary>Settings of the log in a PostgreSQL database.</summary>
public sealed class PostgreSqlLogOptions
{
    /// <summary>
    /// Npgsql connection string to the server itself: Host and Database are needed. No default. Pooling, time-outs, keepalives
    /// and the application name are set by the log, whatever it says; Search Path chooses the schema. Several hosts only together with
    /// Target Session Attributes=primary (or read-write).
    /// </summary>
    public string ConnectionString { get; set; } = string.Empty;

    /// <summary>
    /// Default: true. Whether missing tables are created. If false and they are missing, opening fails and says so; a DBA then
    /// runs <see cref="SchemaScript"/>.
    /// </summary>
    public bool CreateIfMissing { get; set; } = true;

    /// <summary>
    /// Default: 1 s. How long a write waits for a key that another session has locked. Half of it is granted to that session; then
    /// it is ended if it is one of this log's and its client has stopped. After all of it the write is tried again
    /// later. From 10 ms to 1 min.
    /// </summary>
    public TimeSpan LockTimeout { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Default: false. Says that what takes over from this server always has every commit: a synchronous standby, never a
    /// restored backup. The log then goes on after a promotion by itself. Without it a promotion has to be declared by
    /// <see cref="CoordinatorOptions.RestoredAsGeneration"/>. To be chosen before the log is created: changing it counts as another store. While
    /// synchronous_standby_names is empty the promise does not hold, and opening the log warns of it.
    /// </summary>
    public bool SynchronousStandby { get; set; }

    /// <summary>
    /// Default: false. If true, a server is used although it may forget commits (fsync, full_page_writes or synchronous_commit
    /// switched off, an unlogged table): after a crash, transactions that were reported committed may be gone. For throw-away
    /// databases only.
    /// </summary>
    public bool AllowUnsafeDurability { get; set; }

    /// <summary>The tables as a script, for who creates them by hand. They go to the first schema of the search path.</summary>
    public static string SchemaScript => PostgreSqlStatements.Schema;
}
