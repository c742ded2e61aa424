using System.Diagnostics;
using System.Net;
using Coordinator.Testing.Postgres;
using Npgsql;

namespace Coordinator.Chaos.Drivers.Postgres;

/// <summary>
/// The server that keeps the log: an own one, which may be killed, or the one that COORDINATOR_TEST_POSTGRES names. The log has a database of its own; on an own server and as root its files
/// are in a file system of their own, which can be made full.
/// </summary>
internal sealed class LogServer : IAsyncDisposable
{
    private const string Roomy = "6g";

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

    /// <summary>Why its disk can't be made full; null if it can.</summary>
    public string? WhyNeverFull { get; private set; } = "the log's files are in no file system of their own";

    private string Space => Path.Combine(_own!.SocketFolder, "space");

    public static async Task<LogServer> StartAsync()
    {
        var given = Environment.GetEnvironmentVariable("COORDINATOR_TEST_POSTGRES");
        var own = given is { Length: > 0 } ? null : await PostgreSqlServer.StartNewAsync();
        var server = new LogServer(own, own?.ConnectionString() ?? given!);
        if (own is not null && Environment.IsPrivilegedProcess)
        {
            Directory.CreateDirectory(server.Space);
            AppDomain.CurrentDomain.ProcessExit += server.OnProcessExit;
            server.WhyNeverFull = await RunAsync("mount", "-t", "tmpfs", "-o", $"size={Roomy}", "tmpfs", server.Space) ?? await RunAsync("chown", "postgres", server.Space);
        }

        if (server.WhyNeverFull is null)
        {
            await server.AdministerAsync($"CREATE TABLESPACE chaos LOCATION '{server.Space}'");
        }

        await server.AdministerAsync($"CREATE DATABASE {server._database}{(server.WhyNeverFull is null ? " TABLESPACE chaos" : string.Empty)}");
        return server;
    }

    /// <summary>To the log, over a link.</summary>
    public string LogThrough(ServerLink link) => new NpgsqlConnectionStringBuilder(Log) { Host = "127.0.0.1", Port = link.Port }.ConnectionString;

    /// <summary>A link to it that can be cut.</summary>
    public ServerLink NewLink()
    {
        var address = new NpgsqlConnectionStringBuilder(Log);
        return new ServerLink(new DnsEndPoint(address.Host!, address.Port));
    }

    /// <summary>A session of its own, not pooled: pools would hand out sessions that a kill has ended.</summary>
    public async Task<NpgsqlConnection> ConnectAsync()
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(Log) { Pooling = false, ApplicationName = "chaos judge", CommandTimeout = 60 }.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    /// <summary>A session with a copy of the log of its own, which its search path finds first.</summary>
    public async Task<NpgsqlConnection> ConnectToCopyAsync()
    {
        var connection = await ConnectAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "CREATE TEMPORARY TABLE coordinator_event AS TABLE public.coordinator_event; SET search_path = pg_temp";
        await command.ExecuteNonQueryAsync();
        return connection;
    }

    public Task StopAsync(PostgreSqlStop how) => _own!.StopAsync(how);

    public Task StartAgainAsync() => _own!.StartAsync();

    /// <summary>From now on no table can grow, but for a few pages; false: it can again.</summary>
    public async Task FillAsync(bool isFull)
    {
        const int tries = 20, pages = 64 * 1024;
        string? why = null;
        for (var number = 0; number < tries; number++)
        {
            var drive = new DriveInfo(Space);
            why = await RunAsync("mount", "-o", $"remount,size={(isFull ? $"{drive.TotalSize - drive.AvailableFreeSpace + pages}" : Roomy)}", Space);
            if (why is null)
            {
                return;
            }
        }

        throw new InvalidOperationException($"The log's file system can't be resized: {why}"); // it is used up faster than that
    }

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
        if (_own is null)
        {
            await AdministerAsync($"DROP DATABASE IF EXISTS {_database} WITH (FORCE)");
            return;
        }

        if (WhyNeverFull is null)
        {
            await _own.StopAsync(PostgreSqlStop.Kill);
            AppDomain.CurrentDomain.ProcessExit -= OnProcessExit;
            await RunAsync("umount", Space);
        }

        await _own.DisposeAsync();
    }

    /// <summary>Of a run that is broken off no file system is left behind.</summary>
    private void OnProcessExit(object? sender, EventArgs arguments)
    {
        using var process = Process.Start("umount", ["--lazy", Space]);
        process.WaitForExit();
    }

    /// <summary>What the program said if it failed; null if it did not.</summary>
    private static async Task<string?> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardError = true })!;
        var said = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? null : $"{program} failed: {said.Trim()}";
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
