using Coordinator.Testing.Postgres;
using Npgsql;

namespace Coordinator.Chaos.Drivers.Hosts;

/// <summary>The server that keeps the log: an own one, which may be killed, or the one that COORDINATOR_TEST_POSTGRES names. The log has a database of its own.</summary>
internal sealed class LogServer : IAsyncDisposable
{
    private readonly PostgreSqlServer? _own;
    private readonly string _administration;
    private readonly string _database;

    private LogServer(PostgreSqlServer? own, string administration)
    {
        _own = own;
        _administration = administration;
        _database = $"chaos_{Environment.ProcessId}";
    }

    /// <summary>To the log.</summary>
    public string Log => new NpgsqlConnectionStringBuilder(_administration) { Database = _database }.ConnectionString;

    /// <summary>False for a server that others use too.</summary>
    public bool MayBeKilled => _own is not null;

    public static async Task<LogServer> StartAsync()
    {
        var given = Environment.GetEnvironmentVariable("COORDINATOR_TEST_POSTGRES");
        var own = given is { Length: > 0 } ? null : await PostgreSqlServer.StartNewAsync();
        var server = new LogServer(own, own?.ConnectionString() ?? given!);
        await server.AdministerAsync($"CREATE DATABASE {server._database}");
        return server;
    }

    /// <summary>A session of its own, not pooled: pools would hand out sessions that a kill has ended.</summary>
    public async Task<NpgsqlConnection> ConnectAsync()
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(Log) { Pooling = false, ApplicationName = "chaos judge", CommandTimeout = 60 }.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    public Task StopAsync(PostgreSqlStop how) => _own!.StopAsync(how);

    public Task StartAgainAsync() => _own!.StartAsync();

    /// <summary>Ends every session that a host has with this log; how many there were.</summary>
    public async Task<long> CutAsync()
    {
        await using var connection = await ConnectAsync();
        await using var command = connection.CreateCommand();
        command.CommandText =
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'coordinator-log%'";
        return (long)(await command.ExecuteScalarAsync())!;
    }

    public async ValueTask DisposeAsync()
    {
        if (_own is not null)
        {
            await _own.DisposeAsync();
            return;
        }

        await AdministerAsync($"DROP DATABASE IF EXISTS {_database} WITH (FORCE)");
    }

    private async Task AdministerAsync(string statement)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(_administration) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = statement;
        await command.ExecuteNonQueryAsync();
    }
}
