using Coordinator.AdoNet;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;
using Npgsql;
using NpgsqlTypes;

namespace Coordinator.PostgreSql;

/// <summary>
/// Writes snapshots and removes rows over a connection of their own, one short statement each, which is not forced to disk and gives up after a few
/// seconds: no commit of the log waits for one, and one that is lost costs nothing but time.
/// </summary>
/// <param name="target">The server.</param>
/// <param name="prepare">Makes an open connection fit, and refuses one to another store than the log was opened in.</param>
internal sealed class PostgreSqlSideWriter(PostgreSqlTarget target, Action<NpgsqlConnection> prepare) : ISideWriter, IAsyncDisposable
{
    private const int TimeoutSeconds = 5;

    private readonly SemaphoreSlim _turn = new(1);
    private NpgsqlConnection? _connection;

    /// <inheritdoc/>
    public async ValueTask WriteSnapshotAsync(Snapshot snapshot, CancellationToken cancellation) => await ExecuteAsync(
        PostgreSqlStatements.WriteSnapshot,
        cancellation,
        Text(snapshot.Stream.Value),
        Number(snapshot.Version),
        Number((long)snapshot.AppendId.Writer),
        Number((long)snapshot.AppendId.Number),
        new NpgsqlParameter<short> { NpgsqlDbType = NpgsqlDbType.Smallint, TypedValue = snapshot.Generation },
        Integer(snapshot.Position.Shard),
        Number((long)snapshot.Position.Position),
        Text(snapshot.Type),
        Integer(snapshot.TypeVersion),
        Number(snapshot.WrittenAt),
        Number(snapshot.Checksum),
        new NpgsqlParameter<ReadOnlyMemory<byte>> { NpgsqlDbType = NpgsqlDbType.Bytea, TypedValue = snapshot.Payload }).ConfigureAwait(false);

    /// <inheritdoc/>
    public async ValueTask DeleteSnapshotAsync(StreamName stream, CancellationToken cancellation) =>
        await ExecuteAsync(PostgreSqlStatements.DeleteSnapshot, cancellation, Text(stream.Value)).ConfigureAwait(false);

    /// <inheritdoc/>
    public ValueTask<int> RemoveShardRowsAsync(ushort shard, ForgetMark horizon, int countMax, CancellationToken cancellation) => ExecuteAsync(
        PostgreSqlStatements.RemoveShardRows,
        cancellation,
        Text(LogStreams.Shard(shard).Value),
        Number(horizon.Version - 1),
        Number(horizon.Epoch),
        Integer(countMax));

    /// <inheritdoc/>
    public ValueTask<int> RemoveKeysAsync(long writtenBefore, int countMax, CancellationToken cancellation) =>
        ExecuteAsync(PostgreSqlStatements.RemoveKeys, cancellation, Number(writtenBefore), Integer(countMax));

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _turn.WaitAsync().ConfigureAwait(false);
        await CloseAsync().ConfigureAwait(false);
        _turn.Dispose();
    }

    private static NpgsqlParameter<string> Text(string value) => new() { NpgsqlDbType = NpgsqlDbType.Text, TypedValue = value };

    private static NpgsqlParameter<long> Number(long value) => new() { NpgsqlDbType = NpgsqlDbType.Bigint, TypedValue = value };

    private static NpgsqlParameter<int> Integer(int value) => new() { NpgsqlDbType = NpgsqlDbType.Integer, TypedValue = value };

    private async ValueTask<int> ExecuteAsync(string statement, CancellationToken cancellation, params NpgsqlParameter[] parameters)
    {
        await _turn.WaitAsync(cancellation).ConfigureAwait(false);
        var healthy = false;
        try
        {
            var connection = _connection ??= await OpenAsync(cancellation).ConfigureAwait(false);
            var command = connection.CreateCommand();
            await using (command.ConfigureAwait(false))
            {
                command.CommandText = statement;
                command.Parameters.AddRange(parameters);
                var count = await command.ExecuteNonQueryAsync(cancellation).ConfigureAwait(false);
                healthy = true;
                return count;
            }
        }
        finally
        {
            if (!healthy)
            {
                await CloseAsync().ConfigureAwait(false); // whatever state it is in: the next snapshot gets a new one
            }

            _turn.Release();
        }
    }

    private async ValueTask<NpgsqlConnection> OpenAsync(CancellationToken cancellation)
    {
        var connection = target.Connect("coordinator-log side", TimeoutSeconds);
        try
        {
            await connection.OpenAsync(cancellation).ConfigureAwait(false);
            prepare(connection);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private async ValueTask CloseAsync()
    {
        if (_connection is { } connection)
        {
            _connection = null;
            await connection.DisposeAsync().ConfigureAwait(false);
        }
    }
}
