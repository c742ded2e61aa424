using System.Globalization;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;
using SQLitePCL;

namespace Coordinator.Sqlite;

/// <content>
/// Snapshots and removals between two groups. Each is one statement in a transaction of its own that is not synced: what follows it in the
/// write-ahead log, a group, syncs it too. A crash before that loses the snapshot alone, for it stands behind all that was synced.
/// </content>
internal sealed partial class SqliteLogWriter
{
    private const int SynchronousNormal = 1; // in WAL mode: commits are not synced, checkpoints are

    private long? _synchronous; // as the connection was opened with; read before the first snapshot
    private SqliteStatement? _writeSnapshot;
    private SqliteStatement? _deleteSnapshot;
    private SqliteStatement? _removeShardRows;
    private SqliteStatement? _removeKeys;

    /// <inheritdoc/>
    public override void WriteSnapshot(Snapshot snapshot)
    {
        var statement = _writeSnapshot ??= Prepare(_native, SqliteStatements.WriteSnapshot).Statement;
        statement.Bind(1, snapshot.Stream.Value);
        statement.Bind(2, snapshot.Version);
        statement.Bind(3, (long)snapshot.AppendId.Writer);
        statement.Bind(4, (long)snapshot.AppendId.Number);
        statement.Bind(5, snapshot.Generation);
        statement.Bind(6, snapshot.Position.Shard);
        statement.Bind(7, (long)snapshot.Position.Position);
        statement.Bind(8, snapshot.Type);
        statement.Bind(9, snapshot.TypeVersion);
        statement.Bind(10, snapshot.WrittenAt);
        statement.Bind(11, snapshot.Checksum);
        statement.Bind(12, snapshot.Payload.Span);
        ExecuteUnforced(statement);
    }

    /// <inheritdoc/>
    public override void DeleteSnapshot(StreamName stream)
    {
        var statement = _deleteSnapshot ??= Prepare(_native, SqliteStatements.DeleteSnapshot).Statement;
        statement.Bind(1, stream.Value);
        ExecuteUnforced(statement);
    }

    /// <inheritdoc/>
    public override int RemoveShardRows(ushort shard, ForgetMark horizon, int countMax)
    {
        var statement = _removeShardRows ??= Prepare(_native, SqliteStatements.RemoveShardRows).Statement;
        statement.Bind(1, LogStreams.Shard(shard).Value);
        statement.Bind(2, horizon.Version - 1);
        statement.Bind(3, horizon.Epoch);
        statement.Bind(4, countMax);
        ExecuteUnforced(statement);
        return raw.sqlite3_changes(_native.Handle);
    }

    /// <inheritdoc/>
    public override int RemoveKeys(long writtenBefore, int countMax)
    {
        var statement = _removeKeys ??= Prepare(_native, SqliteStatements.RemoveKeys).Statement;
        statement.Bind(1, writtenBefore);
        statement.Bind(2, countMax);
        ExecuteUnforced(statement);
        return raw.sqlite3_changes(_native.Handle);
    }

    private void ExecuteUnforced(SqliteStatement statement)
    {
        Invariant.Holds(raw.sqlite3_get_autocommit(_native.Handle) != 0, "a snapshot is never written within a group's transaction");
        _synchronous ??= ReadSynchronous();
        SetSynchronous(SynchronousNormal);
        try
        {
            statement.ExecuteNonQuery();
        }
        finally
        {
            SetSynchronous(_synchronous.Value);
        }

        // Groups rest on it. If it is not as it was, this throws, and no group is written over this connection any more.
        Invariant.Holds(ReadSynchronous() == _synchronous, "groups are forced to disk again after a snapshot");
    }

    /// <summary>This pragma is carried out when it is compiled: a statement that is kept would do nothing.</summary>
    private long ReadSynchronous()
    {
        using var statement = new SqliteStatement(_native) { CommandText = "PRAGMA synchronous" };
        statement.Prepare();
        return statement.ExecuteScalar() is long level ? level : 0;
    }

    private void SetSynchronous(long level)
    {
        using var statement = new SqliteStatement(_native) { CommandText = string.Create(CultureInfo.InvariantCulture, $"PRAGMA synchronous = {level}") };
        statement.Prepare();
        statement.ExecuteNonQuery();
    }

    private void DisposeSnapshots()
    {
        _writeSnapshot?.Dispose();
        _deleteSnapshot?.Dispose();
        _removeShardRows?.Dispose();
        _removeKeys?.Dispose();
    }
}
