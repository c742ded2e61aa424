using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Coordinator.Testing.Postgres;

/// <summary>How a server is asked to stop.</summary>
internal enum PostgreSqlStop : byte
{
    /// <summary>Ends all sessions and writes a checkpoint.</summary>
    Fast,

    /// <summary>Ends at once; the next start recovers from the log.</summary>
    Immediate,

    /// <summary>All its processes are killed.</summary>
    Kill,
}

/// <summary>
/// A PostgreSQL server of one's own, in a temporary folder, on a free port of this machine. It goes when it is disposed or the process
/// ends in good order.
/// </summary>
internal sealed class PostgreSqlServer : IAsyncDisposable
{
    /// <summary>Of the superuser postgres.</summary>
    public const string Password = "squeamish-ossifrage";

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly string _folder;
    private readonly Dictionary<string, string> _settings;
    private ServerProcess? _process;

    private PostgreSqlServer(string folder, Dictionary<string, string> settings)
    {
        _folder = folder;
        _settings = settings;
        Port = FreePort();
        AppDomain.CurrentDomain.ProcessExit += OnProcessExit;
    }

    /// <summary>On 127.0.0.1.</summary>
    public int Port { get; }

    /// <summary>Folder of its Unix socket.</summary>
    public string SocketFolder => _folder;

    /// <summary>Folder of its data.</summary>
    public string DataFolder => Path.Combine(_folder, "data");

    /// <summary>What it wrote to its log since it was started last, the newest lines.</summary>
    public string Log => _process?.Log ?? string.Empty;

    /// <summary>Creates a server and starts it.</summary>
    public static async Task<PostgreSqlServer> StartNewAsync(params (string Name, string Value)[] settings)
    {
        var server = new PostgreSqlServer(await CreateFolderAsync().ConfigureAwait(false), settings.ToDictionary(one => one.Name, one => one.Value));
        try
        {
            var password = Path.Combine(server._folder, "password");
            await File.WriteAllTextAsync(password, Password).ConfigureAwait(false);
            await PostgreSqlBinaries.RunAsync(PostgreSqlBinaries.Command(
                PostgreSqlBinaries.PathOf("initdb"),
                "-D", server.DataFolder, "-U", "postgres", "--pwfile", password, "--auth-local=trust", "--auth-host=scram-sha-256",
                "--encoding=UTF8", "--no-locale", "--no-sync")).ConfigureAwait(false);
            await File.AppendAllTextAsync(Path.Combine(server.DataFolder, "pg_hba.conf"), "local replication all trust\n").ConfigureAwait(false);
            await server.StartAsync().ConfigureAwait(false);
            return server;
        }
        catch
        {
            await server.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Creates a replica that streams from this server, and starts it.</summary>
    public async Task<PostgreSqlServer> StartReplicaAsync()
    {
        var replica = new PostgreSqlServer(await CreateFolderAsync().ConfigureAwait(false), []);
        try
        {
            await PostgreSqlBinaries.RunAsync(PostgreSqlBinaries.Command(
                PostgreSqlBinaries.PathOf("pg_basebackup"),
                "-h", SocketFolder, "-p", Text(Port), "-U", "postgres", "-D", replica.DataFolder, "--checkpoint=fast", "--no-sync",
                "--write-recovery-conf")).ConfigureAwait(false);
            await replica.StartAsync().ConfigureAwait(false);
            return replica;
        }
        catch
        {
            await replica.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>An Npgsql connection string for the superuser.</summary>
    public string ConnectionString(string database = "postgres") =>
        string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={Port};Database={database};Username=postgres;Password={Password}");

    /// <summary>Starts it; a setting given here holds from now on.</summary>
    public async Task StartAsync(params (string Name, string Value)[] settings)
    {
        foreach (var (name, value) in settings)
        {
            _settings[name] = value;
        }

        var arguments = new List<string> { "-D", DataFolder };
        foreach (var (name, value) in Defaults().Concat(_settings.Select(one => (one.Key, one.Value))))
        {
            arguments.AddRange(["-c", $"{name}={value}"]);
        }

        _process = new ServerProcess(PostgreSqlBinaries.Start(PostgreSqlBinaries.Command(
            PostgreSqlBinaries.PathOf("postgres"), CollectionsMarshal.AsSpan(arguments))));
        await _process.Ready.WaitAsync(s_patience).ConfigureAwait(false);
    }

    /// <summary>Stops it and waits until all its processes are gone.</summary>
    public async Task StopAsync(PostgreSqlStop how = PostgreSqlStop.Fast)
    {
        if (_process is not { } process)
        {
            return;
        }

        _process = null;
        await process.StopAsync(how).WaitAsync(s_patience).ConfigureAwait(false);
    }

    /// <summary>Stops it and starts it again; a setting given here holds from now on.</summary>
    public async Task RestartAsync(PostgreSqlStop how = PostgreSqlStop.Fast, params (string Name, string Value)[] settings)
    {
        await StopAsync(how).ConfigureAwait(false);
        await StartAsync(settings).ConfigureAwait(false);
    }

    /// <summary>Makes a replica a server of its own, and waits until it is.</summary>
    public Task PromoteAsync() =>
        PostgreSqlBinaries.RunAsync(PostgreSqlBinaries.Command(PostgreSqlBinaries.PathOf("pg_ctl"), "promote", "-D", DataFolder, "-w"));

    /// <summary>Stops one of its processes in its tracks, or lets it go on.</summary>
    public static void Freeze(int processId, bool frozen) => ServerProcess.Send(processId, frozen ? ServerProcess.Stopped : ServerProcess.Continued);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        AppDomain.CurrentDomain.ProcessExit -= OnProcessExit;
        await StopAsync(PostgreSqlStop.Kill).ConfigureAwait(false);
        Directory.Delete(_folder, recursive: true);
    }

    private static async Task<string> CreateFolderAsync()
    {
        var folder = Directory.CreateTempSubdirectory("coordinator-postgres-").FullName;
        if (Environment.IsPrivilegedProcess && OperatingSystem.IsLinux())
        {
            await PostgreSqlBinaries.RunAsync(new ProcessStartInfo("chown", ["postgres", folder])
            {
                UseShellExecute = false,
                RedirectStandardError = true,
                RedirectStandardOutput = true,
            }).ConfigureAwait(false);
        }

        return folder;
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private IEnumerable<(string Name, string Value)> Defaults() =>
    [
        ("listen_addresses", "127.0.0.1"),
        ("port", Text(Port)),
        ("unix_socket_directories", _folder),
        ("max_connections", "150"),
        ("shared_buffers", "64MB"),
        ("logging_collector", "off"),
        ("log_destination", "stderr"),
    ];

    private void OnProcessExit(object? sender, EventArgs arguments) => _process?.KillAll();
}
