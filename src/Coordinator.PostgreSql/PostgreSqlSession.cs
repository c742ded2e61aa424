using System.Globalization;
using Npgsql;

namespace Coordinator.PostgreSql;

/// <summary>
/// What every session of the log is made of: a server that is safe to use, settings that the server's or the user's defaults can't
/// turn against it, and a table that is the log.
/// </summary>
internal static class PostgreSqlSession
{
    private const int MajorVersionMin = 13;

    private const string ReadState =
        "SELECT current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit'), "
        + "current_setting('data_sync_retry'), pg_is_in_recovery(), "
        + "current_setting('transaction_read_only'), pg_backend_pid()";

    /// <summary>Refuses a server that is no place for the log, then makes the session fit to write.</summary>
    /// <exception cref="LogStoreException">The server is a replica, a pooler, too old, or may forget commits.</exception>
    public static void MakeWriter(NpgsqlConnection connection, PostgreSqlLogOptions options, PostgreSqlTarget target)
    {
        CheckServer(connection, options, target);

        // What synchronous_commit was found to be is held fast: a change of the server's settings must not reach this session unseen.
        Execute(connection, string.Create(
            CultureInfo.InvariantCulture,
            $"SELECT {Common(connection)}, set_config('lock_timeout', '{(long)options.LockTimeout.TotalMilliseconds}', false), set_config('synchronous_commit', current_setting('synchronous_commit'), false), set_config('default_transaction_read_only', 'off', false)"));
    }

    /// <summary>The same for a session that only reads.</summary>
    public static void MakeReader(NpgsqlConnection connection, PostgreSqlLogOptions options, PostgreSqlTarget target)
    {
        CheckServer(connection, options, target);
        Execute(connection, $"SELECT {Common(connection)}, set_config('default_transaction_read_only', 'on', false)");
    }

    /// <summary>The same for a session that writes snapshots, which may be lost: their commits are not waited for.</summary>
    public static void MakeSideWriter(NpgsqlConnection connection) =>
        Execute(connection, $"SELECT {Common(connection)}, set_config('synchronous_commit', 'off', false)");

    /// <summary>What the log's table is, in this session.</summary>
    /// <exception cref="LogStoreException">It can't keep a log, or this user can't write to it.</exception>
    public static LogTable ReadTable(NpgsqlConnection connection, PostgreSqlLogOptions options, PostgreSqlTarget target)
    {
        using var command = connection.CreateCommand();
        command.CommandText =
            $"SELECT c.oid, c.relpersistence = 'p', {(options.SynchronousStandby ? PostgreSqlStatements.IdentityOfAnyTimeLine : PostgreSqlStatements.Identity)}, "
            + "has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'DELETE') "
            + "AND has_table_privilege(h.oid, 'SELECT') AND has_table_privilege(h.oid, 'INSERT') AND has_table_privilege(h.oid, 'UPDATE') AND has_table_privilege(h.oid, 'DELETE') "
            + "AND has_table_privilege(s.oid, 'SELECT') AND has_table_privilege(s.oid, 'INSERT') AND has_table_privilege(s.oid, 'UPDATE') AND has_table_privilege(s.oid, 'DELETE') "
            + "FROM pg_class c, pg_class h, pg_class s "
            + "WHERE c.oid = to_regclass('coordinator_event') AND h.oid = to_regclass('coordinator_host') AND s.oid = to_regclass('coordinator_snapshot')";
        using var reader = command.ExecuteReader();
        if (!reader.Read())
        {
            throw new LogStoreException($"The log in {target} lacks a table. Restore it, or run the schema script again: it adds what is missing.");
        }

        if (!reader.GetBoolean(1) && !options.AllowUnsafeDurability)
        {
            throw new LogStoreException(
                $"The table coordinator_event in {target} is unlogged or temporary: a crash empties it. ALTER TABLE coordinator_event SET LOGGED, or set {nameof(PostgreSqlLogOptions.AllowUnsafeDurability)} for a log that may be lost.");
        }

        return reader.GetBoolean(3)
            ? new LogTable(reader.GetFieldValue<uint>(0), reader.GetString(2))
            : throw new LogStoreException($"The user '{target.User}' lacks rights on the log's tables in {target}. {PostgreSqlErrors.Rights}");
    }

    /// <summary>Executes statements that have no parameters.</summary>
    public static void Execute(NpgsqlConnection connection, string statements)
    {
        using var command = connection.CreateCommand();
        command.CommandText = statements;
        command.ExecuteNonQuery();
    }

    /// <summary>The first column of the first row.</summary>
    public static object? Scalar(NpgsqlConnection connection, string statement)
    {
        using var command = connection.CreateCommand();
        command.CommandText = statement;
        return command.ExecuteScalar() is { } value and not DBNull ? value : null;
    }

    /// <summary>
    /// No time limit of the server on a write: a statement that it ends is only unclear sooner. Index plans for every statement: the
    /// tables are small when the plans are made, and plans are kept. Row security must fail and not hide rows: what is hidden
    /// would be read as absent. Warnings must be seen. The server looks for a client that went away, even while a statement waits.
    /// </summary>
    private static string Common(NpgsqlConnection connection)
    {
        const string always =
            "set_config('statement_timeout', '0', false), set_config('client_min_messages', 'warning', false), set_config('row_security', 'off', false), "
            + "set_config('jit', 'off', false), set_config('plan_cache_mode', 'force_generic_plan', false), set_config('enable_seqscan', 'off', false), "
            + "set_config('enable_hashjoin', 'off', false), set_config('enable_mergejoin', 'off', false), set_config('enable_bitmapscan', 'off', false), "
            + "set_config('tcp_keepalives_idle', '5', false), set_config('tcp_keepalives_interval', '2', false), set_config('tcp_keepalives_count', '3', false), "
            + "set_config('tcp_user_timeout', '10000', false), set_config('default_transaction_isolation', 'read committed', false)";
        const string since14 =
            ", set_config('idle_session_timeout', '0', false), "
            + "CASE WHEN version() LIKE '%linux%' THEN set_config('client_connection_check_interval', '1000', false) END";
        const string since17 = ", set_config('transaction_timeout', '0', false)";
        var major = connection.PostgreSqlVersion.Major;
        return always + (major >= 14 ? since14 : string.Empty) + (major >= 17 ? since17 : string.Empty);
    }

    private static void CheckServer(NpgsqlConnection connection, PostgreSqlLogOptions options, PostgreSqlTarget target)
    {
        if (connection.PostgreSqlVersion.Major < MajorVersionMin)
        {
            throw new LogStoreException(string.Create(
                CultureInfo.InvariantCulture,
                $"{target} is PostgreSQL {connection.PostgreSqlVersion}; the log needs version {MajorVersionMin} or later. Upgrade the server."));
        }

        using var command = connection.CreateCommand();
        command.CommandText = ReadState;
        using var state = command.ExecuteReader();
        state.Read();
        if (state.GetInt32(6) != connection.ProcessID)
        {
            throw new LogStoreException(
                $"Between this process and {target} is a connection pooler, which may change the session under a write. Connect to the server itself.");
        }

        if (state.GetBoolean(4))
        {
            throw new LogStoreException($"{target} is a replica in recovery. Connect to the primary.");
        }

        if (state.GetString(5) == "on")
        {
            throw new LogStoreException(
                $"Transactions in {target} are read-only for '{target.User}'. Set default_transaction_read_only = off for the user or the database.");
        }

        if (UnsafetyOf(state, options) is { } what && !options.AllowUnsafeDurability)
        {
            throw new LogStoreException(
                $"{target} may forget commits: {what}, or set {nameof(PostgreSqlLogOptions.AllowUnsafeDurability)} for a log that may be lost.");
        }
    }

    /// <summary>What makes the server unsafe and what to do, or null.</summary>
    private static string? UnsafetyOf(NpgsqlDataReader state, PostgreSqlLogOptions options)
    {
        var commit = state.GetString(2);
        return state switch
        {
            _ when state.GetString(0) == "off" => "fsync is off. Switch it on in postgresql.conf",
            _ when state.GetString(1) == "off" => "full_page_writes is off. Switch it on in postgresql.conf",
            _ when state.GetString(3) == "on" => "data_sync_retry is on, which takes data for written after a failed sync. Switch it off in postgresql.conf",
            _ when commit == "off" => "synchronous_commit is off for this user. Set it to on for the user, the database or the server",
            _ when options.SynchronousStandby && commit == "local" =>
                $"synchronous_commit is local, which does not wait for the standby that {nameof(PostgreSqlLogOptions.SynchronousStandby)} declares. Set it to on",
            _ => null,
        };
    }
}

/// <summary>The table of events, as one session found it.</summary>
/// <param name="Oid">Tells it from others of the same name in other schemas.</param>
/// <param name="Store">The store's identity (rule D-3).</param>
internal sealed record LogTable(uint Oid, string Store);
