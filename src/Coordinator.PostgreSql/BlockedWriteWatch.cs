using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace Coordinator.PostgreSql;

/// <summary>
/// Looks after a write that waits for a key: it ends the session that holds it, if that is one of this log's whose client has stopped
/// in mid-send. To that client its write is unclear, which it settles as any other. A session that works, or is another
/// program's, is left alone: the write then waits for it until the lock time-out, again and again.
/// </summary>
/// <param name="target">Where to connect: the watched session is busy waiting.</param>
/// <param name="writer">The process id of the writer's session.</param>
/// <param name="table">The oid of the events table, which is what sessions of one log have in common.</param>
/// <param name="patience">How long a write waits before anyone looks, and how old the holder's transaction must be.</param>
/// <param name="time">For the timer.</param>
/// <param name="logger">Hears what was ended, and what should have been.</param>
internal sealed class BlockedWriteWatch(
    PostgreSqlTarget target, int writer, uint table, TimeSpan patience, TimeProvider time, ILogger logger) : IDisposable
{
    /// <summary>
    /// A session whose state can't be seen belongs to another user; whoever may end it all the same was given that right for this.
    /// A session that waits for its client is not in the middle of a COMMIT. One whose transaction has no start (it had none a
    /// moment ago, or track_activities is off) is not known to have stopped.
    /// </summary>
    private const string EndStoppedHolders =
        "SELECT b.pid, b.usename::text, b.application_name, b.ours, b.stopped, CASE WHEN b.ours AND b.stopped AND b.may THEN pg_terminate_backend(b.pid) END "
        + "FROM (SELECT a.pid, a.usename, a.application_name, a.datname = current_database() AND starts_with(a.application_name, $2) AS ours, "
        + "a.state IS NULL OR coalesce(a.wait_event_type = 'Client' AND clock_timestamp() - a.xact_start >= $3, false) AS stopped, "
        + "pg_has_role(a.usesysid, 'MEMBER') OR pg_has_role('pg_signal_backend', 'MEMBER') AS may "
        + "FROM pg_stat_activity a WHERE a.pid = ANY (pg_blocking_pids($1)) OFFSET 0) b";

    private readonly Lock _gate = new();
    private ITimer? _timer;
    private bool _watching;

    /// <summary>What the names of this log's sessions start with.</summary>
    public static string NamePrefix(uint table) => $"coordinator-log {table} ";

    /// <summary>Watches until disposed.</summary>
    public Watched Watch()
    {
        lock (_gate)
        {
            _watching = true;
            _timer ??= time.CreateTimer(static watch => ((BlockedWriteWatch)watch!).Look(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            _timer.Change(patience, Timeout.InfiniteTimeSpan);
        }

        return new Watched(this);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Stop();
        _timer?.Dispose();
    }

    private void Stop()
    {
        lock (_gate)
        {
            _watching = false;
            _timer?.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    private void Look()
    {
        lock (_gate)
        {
            if (!_watching)
            {
                return;
            }
        }

        try
        {
            EndHolders();
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            // Nothing depends on it but time: the write ends by its lock time-out and is tried again, and so is this. A timer calls:
            // what is not caught here ends the process.
            PostgreSqlLog.HoldersNotFound(logger, target.ToString(), error.Message);
        }
    }

    private void EndHolders()
    {
        using var connection = target.Open(NamePrefix(table) + "watch", commandTimeoutSeconds: 5);
        using var command = connection.CreateCommand();
        command.CommandText = EndStoppedHolders;
        command.Parameters.Add(new NpgsqlParameter<int> { NpgsqlDbType = NpgsqlDbType.Integer, TypedValue = writer });
        command.Parameters.Add(new NpgsqlParameter<string> { NpgsqlDbType = NpgsqlDbType.Text, TypedValue = NamePrefix(table) });
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { NpgsqlDbType = NpgsqlDbType.Interval, TypedValue = patience });
        using var holders = command.ExecuteReader();
        while (holders.Read())
        {
            var (pid, user, name) = (holders.GetInt32(0), holders.IsDBNull(1) ? string.Empty : holders.GetString(1), holders.GetString(2));
            if (!holders.IsDBNull(5))
            {
                PostgreSqlLog.HolderEnded(logger, pid, name);
            }
            else if (!holders.GetBoolean(3))
            {
                PostgreSqlLog.HolderIsForeign(logger, pid, name, user);
            }
            else if (holders.GetBoolean(4))
            {
                PostgreSqlLog.HolderMayNotBeEnded(logger, pid, name, user, target.User);
            }
        }
    }

    /// <summary>One write that is watched.</summary>
    internal readonly struct Watched(BlockedWriteWatch watch) : IDisposable
    {
        public void Dispose() => watch.Stop();
    }
}
