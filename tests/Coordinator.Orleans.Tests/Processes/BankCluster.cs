using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Coordinator.Testing.Postgres;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Xunit;

[assembly: AssemblyFixture(typeof(Coordinator.Orleans.Tests.LogServer))]

namespace Coordinator.Orleans.Tests;

/// <summary>The PostgreSQL server of all tests with processes; each has a database of its own.</summary>
public sealed class LogServer : IAsyncDisposable
{
    private readonly SemaphoreSlim _gate = new(1);
    private PostgreSqlServer? _server;
    private int _databases;

    /// <summary>The connection string to a new database. The server is started for the first.</summary>
    internal async Task<string> CreateDatabaseAsync()
    {
        await _gate.WaitAsync();
        try
        {
            Assert.True(PostgreSqlBinaries.Missing is null, PostgreSqlBinaries.Missing);
            _server ??= await PostgreSqlServer.StartNewAsync();
            var name = string.Create(CultureInfo.InvariantCulture, $"bank{++_databases}");
            await using var source = Npgsql.NpgsqlDataSource.Create(_server.ConnectionString());
            await using var command = source.CreateCommand($"CREATE DATABASE {name}");
            await command.ExecuteNonQueryAsync();
            return _server.ConnectionString(name);
        }
        finally
        {
            _gate.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        _gate.Dispose();
    }
}

/// <summary>Silos of one log: the first, which is never killed, in this process, the others in processes of their own.</summary>
internal sealed class BankCluster : IAsyncDisposable
{
    private static readonly Lock s_gate = new();

    // Below those that the system gives to connections, of which one could take a port between the look and its use.
    private static int s_port = 20_000 + (Environment.ProcessId * 16 % 10_000);

    private readonly string _connectionString;
    private readonly TimeSpan _responseTimeout;
    private readonly IHost _first;
    private readonly List<SiloProcess> _others = [];
    private readonly List<IHost> _clients = [];

    private BankCluster(string connectionString, TimeSpan responseTimeout, SiloPorts ports, IHost first) =>
        (_connectionString, _responseTimeout, Ports, _first) = (connectionString, responseTimeout, ports, first);

    /// <summary>Of the silo in this process.</summary>
    public SiloPorts Ports { get; }

    public ITransactions Transactions => Of<ITransactions>();

    public IGrainFactory Grains => Of<IGrainFactory>();

    public static async Task<BankCluster> StartAsync(LogServer server, TimeSpan responseTimeout)
    {
        var connectionString = await server.CreateDatabaseAsync();
        var silo = FreePort();
        var ports = new SiloPorts(silo, FreePort(), silo);
        var first = SiloHost.Build(ports, connectionString, responseTimeout);
        await first.StartAsync();
        return new BankCluster(connectionString, responseTimeout, ports, first);
    }

    /// <summary>A service of the silo in this process.</summary>
    public T Of<T>()
        where T : notnull => _first.Services.GetRequiredService<T>();

    /// <summary>Starts silos, each in a process of its own.</summary>
    public async Task<SiloProcess[]> AddAsync(int count)
    {
        var silos = await Task.WhenAll(Enumerable.Range(0, count).Select(_ => SiloProcess.StartAsync(new SiloPorts(FreePort(), FreePort(), Ports.Primary), _connectionString, _responseTimeout)));
        _others.AddRange(silos);
        return silos;
    }

    /// <summary>A client of the cluster that knows one gateway.</summary>
    public async Task<IServiceProvider> ConnectAsync(SiloPorts gateway)
    {
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Logging.ClearProviders();
        builder.UseOrleansClient(client => client
            .UseLocalhostClustering(gateway.Gateway)
            .Configure<ClientMessagingOptions>(options => options.ResponseTimeout = _responseTimeout)
            .AddCoordinatorClient());
        var host = builder.Build();
        await host.StartAsync();
        _clients.Add(host);
        return host.Services;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var client in _clients)
        {
            client.Dispose(); // without a goodbye, for which it would wait where its gateway is gone
        }

        foreach (var other in _others)
        {
            await other.DisposeAsync();
        }

        await _first.StopAsync();
        _first.Dispose();
    }

    private static int FreePort()
    {
        lock (s_gate)
        {
            while (true)
            {
                s_port = s_port < 30_000 ? s_port + 1 : 20_000;
                try
                {
                    using var listener = new TcpListener(IPAddress.Loopback, s_port);
                    listener.Start();
                    return s_port;
                }
                catch (SocketException)
                {
                    // Taken: the next one.
                }
            }
        }
    }
}
