using System.Collections.Immutable;
using Coordinator.Log;
using Npgsql;
using NpgsqlTypes;

namespace Coordinator.PostgreSql;

/// <summary>
/// Heartbeats in a table, over a connection of their own: a beat must not wait behind a group, nor a group behind a beat. They are not
/// forced to disk, and give up after two seconds.
/// </summary>
internal sealed class PostgreSqlHostBeats(PostgreSqlTarget target) : IHostBeats, IAsyncDisposable
{
    private const int TimeoutSeconds = 2;

    private readonly PostgreSqlTurns _connection = new(
        target, "coordinator-log heartbeat", TimeoutSeconds, static connection => PostgreSqlSession.Execute(connection, "SET synchronous_commit = off"));

    /// <inheritdoc/>
    public async ValueTask BeatAsync(HostBeat beat, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(beat);
        await _connection.ExecuteAsync(
            PostgreSqlStatements.Beat,
            cancellation,
            Number((long)beat.Host),
            Number(beat.Count),
            Text(beat.Process.Machine),
            Text(beat.Process.Boot),
            Text(beat.Process.PidNamespace),
            new NpgsqlParameter<int> { NpgsqlDbType = NpgsqlDbType.Integer, TypedValue = beat.Process.Pid },
            Number(beat.Process.StartedAt),
            new NpgsqlParameter<int[]> { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Integer, TypedValue = [.. beat.Shards] }).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask<ImmutableArray<HostBeat>> ReadBeatsAsync(CancellationToken cancellation) =>
        _connection.ExecuteAsync(PostgreSqlStatements.ReadBeats, static (command, _) => ReadAllAsync(command), cancellation);

    /// <inheritdoc/>
    public async ValueTask ForgetBeatAsync(ulong host, CancellationToken cancellation) =>
        await _connection.ExecuteAsync(PostgreSqlStatements.ForgetBeat, cancellation, Number((long)host)).ConfigureAwait(false);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private static NpgsqlParameter<string> Text(string value) => new() { NpgsqlDbType = NpgsqlDbType.Text, TypedValue = value };

    private static NpgsqlParameter<long> Number(long value) => new() { NpgsqlDbType = NpgsqlDbType.Bigint, TypedValue = value };

    private static async ValueTask<ImmutableArray<HostBeat>> ReadAllAsync(NpgsqlCommand command)
    {
        var beats = ImmutableArray.CreateBuilder<HostBeat>();
        var reader = await command.ExecuteReaderAsync().ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            while (await reader.ReadAsync().ConfigureAwait(false))
            {
                beats.Add(new HostBeat(
                    (ulong)reader.GetInt64(0),
                    reader.GetInt64(1),
                    new HostProcess(reader.GetString(2), reader.GetString(3), reader.GetString(4), reader.GetInt32(5), reader.GetInt64(6)),
                    [.. reader.GetFieldValue<int[]>(7).Select(static shard => (ushort)shard)]));
            }
        }

        return beats.DrainToImmutable();
    }
}
