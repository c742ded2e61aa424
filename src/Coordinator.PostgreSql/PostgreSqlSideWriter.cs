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

    private readonly PostgreSqlTurns _connection = new(target, "coordinator-log side", TimeoutSeconds, prepare);

    /// <inheritdoc/>
    public async ValueTask WriteSnapshotAsync(Snapshot snapshot, CancellationToken cancellation) => await _connection.ExecuteAsync(
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
        await _connection.ExecuteAsync(PostgreSqlStatements.DeleteSnapshot, cancellation, Text(stream.Value)).ConfigureAwait(false);

    /// <inheritdoc/>
    public ValueTask<int> RemoveShardRowsAsync(ushort shard, ForgetMark horizon, int countMax, CancellationToken cancellation) => _connection.ExecuteAsync(
        PostgreSqlStatements.RemoveShardRows,
        cancellation,
        Text(LogStreams.Shard(shard).Value),
        Number(horizon.Version - 1),
        Number(horizon.Epoch),
        Integer(countMax));

    /// <inheritdoc/>
    public ValueTask<int> RemoveKeysAsync(long writtenBefore, int countMax, CancellationToken cancellation) =>
        _connection.ExecuteAsync(PostgreSqlStatements.RemoveKeys, cancellation, Number(writtenBefore), Integer(countMax));

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private static NpgsqlParameter<string> Text(string value) => new() { NpgsqlDbType = NpgsqlDbType.Text, TypedValue = value };

    private static NpgsqlParameter<long> Number(long value) => new() { NpgsqlDbType = NpgsqlDbType.Bigint, TypedValue = value };

    private static NpgsqlParameter<int> Integer(int value) => new() { NpgsqlDbType = NpgsqlDbType.Integer, TypedValue = value };
}
