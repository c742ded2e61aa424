using System.Collections.Immutable;
using System.Data.Common;
using System.Globalization;
using Coordinator.AdoNet;
using Coordinator.Log;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace Coordinator.PostgreSql;

/// <summary>
/// PostgreSQL, shared by any number of hosts: nothing but the key (stream, version) keeps their writes apart.
/// </summary>
internal sealed class PostgreSqlLogDialect : LogDialect
{
    private const long SchemaLock = 0x436F_6F72_6469_6E61; // any number, the same in all hosts

    private readonly PostgreSqlLogOptions _options;
    private readonly PostgreSqlTarget _target;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Func<DbConnection, DbConnection>? _wrap;
    private readonly TimeSpan _patience;
    private readonly bool _provesByRow;
    private readonly PostgreSqlHostBeats _beats;
    private readonly PostgreSqlSideWriter _side;
    private readonly Lock _gate = new();
    private string? _store;
    private bool _warned;

    /// <param name="options">Where and how.</param>
    /// <param name="time">For looking after writes that wait.</param>
    /// <param name="logger">Hears of sessions that are in the way.</param>
    /// <param name="wrap">Puts something between the store and the driver: tests inject faults there.</param>
    /// <param name="patience">How long a write waits before anyone looks for who is in its way; null: half of the lock time-out.</param>
    /// <param name="provesByRow">Treats every session as one whose state the driver hides.</param>
    public PostgreSqlLogDialect(
        PostgreSqlLogOptions options,
        TimeProvider time,
        ILogger logger,
        Func<DbConnection, DbConnection>? wrap = null,
        TimeSpan? patience = null,
        bool provesByRow = false)
    {
        _options = options;
        _target = new PostgreSqlTarget(options.ConnectionString);
        _time = time;
        _logger = logger;
        _wrap = wrap;
        _patience = patience ?? options.LockTimeout / 2;
        _provesByRow = provesByRow;
        _beats = new PostgreSqlHostBeats(_target);
        _side = new PostgreSqlSideWriter(_target, OpenSide);
    }

    /// <inheritdoc/>
    public override string Description => _target.ToString();

    /// <summary>True: what the one left behind still sends meets the keys of the one that follows.</summary>
    public override bool ReleasesStuckWriter => true;

    /// <inheritdoc/>
    public override bool AnchorsReaders => false;

    /// <inheritdoc/>
    public override bool MayCreateSchema => _options.CreateIfMissing;

    /// <inheritdoc/>
    public override string SchemaScript => PostgreSqlStatements.Schema;

    /// <inheritdoc/>
    public override string ReadRowsStatement => PostgreSqlStatements.ReadRows;

    /// <inheritdoc/>
    public override string ReadShardEndStatement => PostgreSqlStatements.ReadShardEnd;

    /// <inheritdoc/>
    public override string FindOwnedStatement => PostgreSqlStatements.FindOwned;

    /// <inheritdoc/>
    public override string FindDecisionStatement => PostgreSqlStatements.FindDecision;

    /// <inheritdoc/>
    public override string ReadLastRowStatement => PostgreSqlStatements.ReadLastRow;

    /// <inheritdoc/>
    public override string ReadSnapshotStatement => PostgreSqlStatements.ReadSnapshot;

    /// <inheritdoc/>
    public override ISideWriter? SideWriter => _side;

    /// <inheritdoc/>
    public override string InspectStatement => PostgreSqlStatements.Inspect;

    /// <inheritdoc/>
    public override IHostBeats? Beats => _beats;

    /// <inheritdoc/>
    public override ValueTask<string> ReadStoreIdentityAsync(CancellationToken cancellation)
    {
        lock (_gate)
        {
            return ValueTask.FromResult(_store ?? throw new InvalidOperationException("No connection has been opened yet."));
        }
    }

    /// <inheritdoc/>
    public override ValueTask AcquireAsync(CancellationToken cancellation) => ValueTask.CompletedTask; // the log is shared

    /// <inheritdoc/>
    public override LogWriter OpenWriter()
    {
        var native = _target.Open("coordinator-log");
        DbConnection? connection = null;
        try
        {
            PostgreSqlSession.MakeWriter(native, _options, _target);
            EnsureSchema(native);
            var table = TakeTable(native);
            WarnOnce(native, table);
            DriverInsides.LimitSilence(native);
            DriverInsides.WaitInSystem(native);
            connection = _wrap?.Invoke(native) ?? native;
            var watch = new BlockedWriteWatch(_target, native.ProcessID, table.Oid, _patience, _time, _logger);
            return new PostgreSqlLogWriter(connection, native, IdentityExpression, watch, _provesByRow);
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
        var connection = _target.Open("coordinator-log");
        try
        {
            PostgreSqlSession.MakeReader(connection, _options, _target);
            TakeTable(connection);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override int SchemaVersion(DbConnection connection)
    {
        var native = (NpgsqlConnection)connection;
        return PostgreSqlSession.Scalar(native, "SELECT to_regclass('coordinator_schema')::oid") is null
            ? 0
            : Convert.ToInt32(PostgreSqlSession.Scalar(native, "SELECT max(version) FROM coordinator_schema") ?? 0, CultureInfo.InvariantCulture);
    }

    /// <summary>Behind a lock: IF NOT EXISTS alone lets two hosts that start at once run into each other.</summary>
    public override void CreateSchema(DbConnection connection) => PostgreSqlSession.Execute(
        (NpgsqlConnection)connection,
        string.Create(CultureInfo.InvariantCulture, $"BEGIN; SET LOCAL lock_timeout = '30s'; SELECT pg_advisory_xact_lock({SchemaLock});\n{SchemaScript}\nCOMMIT;"));

    /// <inheritdoc/>
    public override string? Explain(Exception error) => PostgreSqlErrors.Explain(error, _target);

    /// <inheritdoc/>
    public override object KeysParameter(ImmutableArray<RowKey> keys)
    {
        var texts = new string[keys.Length];
        for (var i = 0; i < keys.Length; i++)
        {
            texts[i] = string.Create(CultureInfo.InvariantCulture, $"{keys[i].Version} {keys[i].Stream.Value}");
        }

        return texts;
    }

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        await _beats.DisposeAsync().ConfigureAwait(false);
        await _side.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>A server that was restored beneath a running host must not be given what the host remembers.</summary>
    private void OpenSide(NpgsqlConnection connection)
    {
        PostgreSqlSession.MakeSideWriter(connection);
        TakeTable(connection);
    }

    private string IdentityExpression =>
        _options.SynchronousStandby ? PostgreSqlStatements.IdentityOfAnyTimeLine : PostgreSqlStatements.Identity;

    /// <summary>
    /// Makes sure that the session sees the log that was opened first, and names it after that. A server that was restored or
    /// promoted beneath a running host has forgotten what the host knows: it must neither be read nor written.
    /// </summary>
    private LogTable TakeTable(NpgsqlConnection connection)
    {
        var table = PostgreSqlSession.ReadTable(connection, _options, _target);
        lock (_gate)
        {
            _store ??= table.Store;
            if (_store != table.Store)
            {
                throw new LogStoreException(
                    $"The log was opened in the store '{_store}', and {_target} is now '{table.Store}': it was restored, recreated, or a standby was promoted. Stop all hosts and start them with {nameof(CoordinatorOptions)}.{nameof(CoordinatorOptions.RestoredAsGeneration)}; or bring the first store back.");
            }
        }

        using var name = connection.CreateCommand();
        name.CommandText = "SELECT set_config('application_name', $1, false)";
        name.Parameters.Add(new NpgsqlParameter<string> { NpgsqlDbType = NpgsqlDbType.Text, TypedValue = NameOf(table) });
        name.ExecuteNonQuery();
        return table;
    }

    /// <summary>Which log, and which host; the server cuts it at 63 bytes.</summary>
    private static string NameOf(LogTable table) => string.Create(
        CultureInfo.InvariantCulture, $"{BlockedWriteWatch.NamePrefix(table.Oid)}on {Environment.MachineName} pid {Environment.ProcessId}");

    private void WarnOnce(NpgsqlConnection connection, LogTable table)
    {
        if (_warned)
        {
            return;
        }

        _warned = true;
        using var command = connection.CreateCommand();
        command.CommandText =
            "SELECT string_agg(DISTINCT usename, ', ') FROM pg_stat_activity WHERE datname = current_database() AND starts_with(application_name, $1) "
            + "AND NOT pg_has_role(usesysid, 'MEMBER') AND NOT pg_has_role('pg_signal_backend', 'MEMBER')";
        command.Parameters.Add(new NpgsqlParameter<string> { NpgsqlDbType = NpgsqlDbType.Text, TypedValue = BlockedWriteWatch.NamePrefix(table.Oid) });
        if (command.ExecuteScalar() is string others)
        {
            PostgreSqlLog.MayNotEndSessions(_logger, _target.User, others);
        }

        if (_options.SynchronousStandby && PostgreSqlSession.Scalar(connection, "SELECT nullif(current_setting('synchronous_standby_names'), '')") is null)
        {
            PostgreSqlLog.NoSynchronousStandby(_logger, _target.ToString());
        }
    }
}
