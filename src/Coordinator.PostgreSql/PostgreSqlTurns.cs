using Npgsql;

namespace Coordinator.PostgreSql;

/// <summary>One connection of its own, for statements that take turns on it. After one that failed the next gets a new connection.</summary>
/// <param name="target">The server.</param>
/// <param name="name">What the connection is called at the server.</param>
/// <param name="timeoutSeconds">After which connecting and statements give up.</param>
/// <param name="prepare">Makes an open connection fit, or refuses it.</param>
internal sealed class PostgreSqlTurns(PostgreSqlTarget target, string name, int timeoutSeconds, Action<NpgsqlConnection> prepare) : IAsyncDisposable
{
    private readonly SemaphoreSlim _turn = new(1);
    private NpgsqlConnection? _connection;

    /// <summary>Executes a statement that answers with a number of rows.</summary>
    public ValueTask<int> ExecuteAsync(string statement, CancellationToken cancellation, params NpgsqlParameter[] parameters) =>
        ExecuteAsync(statement, static (command, token) => new ValueTask<int>(command.ExecuteNonQueryAsync(token)), cancellation, parameters);

    /// <summary>Executes a statement.</summary>
    public async ValueTask<T> ExecuteAsync<T>(
        string statement, Func<NpgsqlCommand, CancellationToken, ValueTask<T>> execute, CancellationToken cancellation, params NpgsqlParameter[] parameters)
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
                var result = await execute(command, cancellation).ConfigureAwait(false);
                healthy = true;
                return result;
            }
        }
        finally
        {
            if (!healthy)
            {
                await CloseAsync().ConfigureAwait(false); // whatever state it is in: the next statement gets a new one
            }

            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _turn.WaitAsync().ConfigureAwait(false);
        await CloseAsync().ConfigureAwait(false);
        _turn.Dispose();
    }

    private async ValueTask<NpgsqlConnection> OpenAsync(CancellationToken cancellation)
    {
        var connection = target.Connect(name, timeoutSeconds);
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
