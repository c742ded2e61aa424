using Coordinator.AdoNet;
using Coordinator.Log;
using Coordinator.Protocol;
using Npgsql;
using NpgsqlTypes;

namespace Coordinator.PostgreSql;

/// <summary>
/// Writes snapshots over a connection of their own, one short statement each, which is not forced to disk and gives up after a few
/// seconds: no commit of the log waits for one, and one that is lost costs nothing but time.
/// </summary>
/// <param name="target">The server.</param>
/// <param name="prepare">Makes an open connection fit, and refuses one to another store than the log was opened in.</param>
internal sealed class PostgreSqlSnapshots(PostgreSqlTarget target, Action<NpgsqlConnection> prepare) : ISnapshotWriter, IAsyncDisposable
{
    private const int TimeoutSeconds = 5;

    private readonly SemaphoreSlim _turn = new(1);
    private NpgsqlConnection? _connection;

    /// <inheritdoc/>
    public ValueTask WriteAsync(Snapshot snapshot, CancellationToken cancellation) => ExecuteAsync(
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
        new NpgsqlParameter<ReadOnlyMemory<byte>> { NpgsqlDbType = NpgsqlDbType.Bytea, TypedValue = snapshot.Payload });

    /// <inheritdoc/>
    public ValueTask DeleteAsync(StreamName stream, CancellationToken cancellation) =>
        ExecuteAsync(PostgreSqlStatements.DeleteSnapshot, cancellation, Text(stream.Value));

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

    private async ValueTask ExecuteAsync(string statement, CancellationToken cancellation, params NpgsqlParameter[] parameters)
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
                await command.ExecuteNonQueryAsync(cancellation).ConfigureAwait(false);
                healthy = true;
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
        var connection = target.Connect("coordinator-log snapshots", TimeoutSeconds);
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
