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

    private readonly SemaphoreSlim _turn = new(1);
    private NpgsqlConnection? _connection;

    /// <inheritdoc/>
    public async ValueTask BeatAsync(HostBeat beat, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(beat);
        await ExecuteAsync(
            PostgreSqlStatements.Beat,
            static command => new ValueTask<int>(command.ExecuteNonQueryAsync()),
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
        ExecuteAsync(PostgreSqlStatements.ReadBeats, ReadAllAsync, cancellation);

    /// <inheritdoc/>
    public async ValueTask ForgetBeatAsync(ulong host, CancellationToken cancellation) => await ExecuteAsync(
        PostgreSqlStatements.ForgetBeat,
        static command => new ValueTask<int>(command.ExecuteNonQueryAsync()),
        cancellation,
        Number((long)host)).ConfigureAwait(false);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _turn.WaitAsync().ConfigureAwait(false);
        await CloseAsync().ConfigureAwait(false);
        _turn.Dispose();
    }

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

    private async ValueTask<T> ExecuteAsync<T>(
        string statement, Func<NpgsqlCommand, ValueTask<T>> execute, CancellationToken cancellation, params NpgsqlParameter[] parameters)
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
                var result = await execute(command).ConfigureAwait(false);
                healthy = true;
                return result;
            }
        }
        finally
        {
            if (!healthy)
            {
                await CloseAsync().ConfigureAwait(false); // whatever state it is in: the next beat gets a new one
            }

            _turn.Release();
        }
    }

    private async ValueTask<NpgsqlConnection> OpenAsync(CancellationToken cancellation)
    {
        var connection = target.Connect("coordinator-log heartbeat", TimeoutSeconds);
        try
        {
            await connection.OpenAsync(cancellation).ConfigureAwait(false);
            PostgreSqlSession.Execute(connection, "SET synchronous_commit = off");
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
