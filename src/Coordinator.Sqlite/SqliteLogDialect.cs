using System.Collections.Immutable;
using System.Data.Common;
using System.Globalization;
using Coordinator.AdoNet;
using Coordinator.Log;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using SQLitePCL;

namespace Coordinator.Sqlite;

/// <summary>
/// SQLite under the owner's lock: write-ahead log, synchronous=FULL, no pooling, one connection that writes and alone
/// checkpoints (SQLite before 3.51.3 can corrupt a write-ahead log that two connections write and checkpoint).
/// </summary>
internal sealed partial class SqliteLogDialect : LogDialect
{
    private const int NoCheckpointOnClose = 1006; // SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE

    private readonly SqliteLogOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Func<DbConnection, DbConnection>? _wrap;
    private readonly Action<string>? _standingBy;
    private readonly string _path;
    private OwnerLock? _owner;
    private bool _recovered;

    static SqliteLogDialect() => Batteries_V2.Init();

    /// <param name="options">Where and how.</param>
    /// <param name="time">For polling the owner's lock.</param>
    /// <param name="logger">Hears once that this process stands by.</param>
    /// <param name="standingBy">Called once with who the owner is when the lock is taken.</param>
    /// <param name="wrap">Puts something between the store and the driver: tests inject faults there.</param>
    public SqliteLogDialect(
        SqliteLogOptions options,
        TimeProvider time,
        ILogger logger,
        Action<string>? standingBy = null,
        Func<DbConnection, DbConnection>? wrap = null)
    {
        _options = options;
        _time = time;
        _logger = logger;
        _standingBy = standingBy;
        _wrap = wrap;
        _path = SqliteFile.Resolve(options.DataSource);
    }

    /// <inheritdoc/>
    public override string Description => $"SQLite file '{_path}'";

    /// <summary>False: a second writer beside a stuck one is what the one-writer rule is there to prevent.</summary>
    public override bool ReleasesStuckWriter => false;

    /// <inheritdoc/>
    public override bool MayCreateSchema => _options.CreateIfMissing;

    /// <inheritdoc/>
    public override string SchemaScript => SqliteStatements.Schema;

    /// <inheritdoc/>
    public override string ReadRowsStatement => SqliteStatements.ReadRows;

    /// <inheritdoc/>
    public override string ReadShardEndStatement => SqliteStatements.ReadShardEnd;

    /// <inheritdoc/>
    public override string FindOwnedStatement => SqliteStatements.FindOwned;

    /// <inheritdoc/>
    public override string FindDecisionStatement => SqliteStatements.FindDecision;

    /// <inheritdoc/>
    public override string ReadLastRowStatement => SqliteStatements.ReadLastRow;

    /// <inheritdoc/>
    public override string ReadSnapshotStatement => SqliteStatements.ReadSnapshot;

    /// <inheritdoc/>
    public override string InspectStatement => SqliteStatements.Inspect;

    /// <inheritdoc/>
    public override async ValueTask AcquireAsync(CancellationToken cancellation)
    {
        if (_owner is not null)
        {
            return;
        }

        SqliteFile.Check(_path, _options.CreateIfMissing);
        var told = false;
        while ((_owner = OwnerLock.TryTake(_path, _time.GetUtcNow())) is null)
        {
            if (!told)
            {
                told = true;
                var owner = OwnerLock.ReadOwner(_path) ?? "an unknown process";
                LogStandingBy(_logger, _path, owner);
                _standingBy?.Invoke(owner);
            }

            await Task.Delay(_options.StandbyPollInterval, _time, cancellation).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public override LogWriter OpenWriter()
    {
        var native = Open(new SqliteWriterConnection(ConnectionString(
            _options.CreateIfMissing ? SqliteOpenMode.ReadWriteCreate : SqliteOpenMode.ReadWrite)));
        DbConnection? connection = null;
        try
        {
            if (raw.sqlite3_db_readonly(native.Handle, "main") != 0)
            {
                throw new LogStoreException($"The database '{_path}' can only be read. The log needs write access to the file and to its directory.");
            }

            MakeDurable(native);
            connection = _wrap?.Invoke(native) ?? native;
            EnsureSchema(native);
            return new SqliteLogWriter(connection, native);
        }
        catch
        {
            (connection ?? native).Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override DbConnection OpenReader()
    {
        var connection = Open(new SqliteConnection(ConnectionString(SqliteOpenMode.ReadWrite))); // read-only could not make the index
        Execute(connection, "PRAGMA query_only = ON");
        Execute(connection, "PRAGMA wal_autocheckpoint = 0");

        // The last connection to close checkpoints; should that ever be this one, it must not.
        _ = raw.sqlite3_db_config(connection.Handle, NoCheckpointOnClose, 1, out _);
        return connection;
    }

    /// <inheritdoc/>
    public override int SchemaVersion(DbConnection connection)
    {
        var exists = Scalar(connection, "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'coordinator_schema'");
        return exists is 0L ? 0 : Convert.ToInt32(Scalar(connection, "SELECT max(version) FROM coordinator_schema"), CultureInfo.InvariantCulture);
    }

    /// <inheritdoc/>
    public override void CreateSchema(DbConnection connection) => Execute(connection, $"BEGIN IMMEDIATE;\n{SchemaScript}\nCOMMIT;");

    /// <inheritdoc/>
    public override string? Explain(Exception error) => SqliteErrors.Explain(error, _path);

    /// <inheritdoc/>
    public override object KeysParameter(ImmutableArray<RowKey> keys) => SqliteJson.Keys(keys);

    /// <inheritdoc/>
    public override ValueTask DisposeAsync()
    {
        _owner?.Dispose();
        _owner = null;
        return ValueTask.CompletedTask;
    }

    private void MakeDurable(SqliteConnection connection)
    {
        var journal = Scalar(connection, "PRAGMA journal_mode = WAL") as string;
        Execute(connection, "PRAGMA synchronous = FULL");
        Execute(connection, "PRAGMA fullfsync = ON"); // macOS: fsync alone does not reach the disk there
        Execute(connection, "PRAGMA checkpoint_fullfsync = ON");
        Execute(connection, string.Create(CultureInfo.InvariantCulture, $"PRAGMA wal_autocheckpoint = {_options.CheckpointPages}"));
        Execute(connection, "PRAGMA cache_size = -16384");
        _ = raw.sqlite3_busy_timeout(connection.Handle, (int)_options.LockTimeout.TotalMilliseconds);
        var synchronous = Scalar(connection, "PRAGMA synchronous") is long level ? level : 0;
        if ((journal != "wal" || synchronous < 2) && !_options.AllowUnsafeDurability)
        {
            throw new LogStoreException(
                $"The database '{_path}' can't be made durable: journal mode '{journal}', synchronous {synchronous}; needed are 'wal' and 2 (FULL). Use a local disk that supports shared memory, or set {nameof(SqliteLogOptions.AllowUnsafeDurability)} for a database that may be lost.");
        }

        if (!_recovered)
        {
            // What a dead owner left in the write-ahead log may have failed to sync: copied and synced anew before anything rests on it.
            Execute(connection, "PRAGMA wal_checkpoint(TRUNCATE)");
            _recovered = true;
        }
    }

    /// <summary>The time-out is for opening and reading; the driver repeats a statement that finds the database locked for so long.</summary>
    private string ConnectionString(SqliteOpenMode mode) => new SqliteConnectionStringBuilder
    {
        DataSource = _path,
        Mode = mode,
        Pooling = false,
        DefaultTimeout = Math.Max(1, (int)_options.LockTimeout.TotalSeconds),
    }.ToString();

    private static T Open<T>(T connection)
        where T : SqliteConnection
    {
        try
        {
            connection.Open();
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private static void Execute(DbConnection connection, string statement)
    {
        using var command = ((SqliteConnection)connection).CreateCommand();
        command.CommandText = statement;
        command.ExecuteNonQuery();
    }

    private static object? Scalar(DbConnection connection, string statement)
    {
        using var command = ((SqliteConnection)connection).CreateCommand();
        command.CommandText = statement;
        return command.ExecuteScalar();
    }

    [LoggerMessage(2101, LogLevel.Information, "The log '{Path}' is owned by {Owner}; standing by for its lock.")]
    private static partial void LogStandingBy(ILogger logger, string path, string owner);
}
