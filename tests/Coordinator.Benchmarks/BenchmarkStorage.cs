using Coordinator.Log;
using Coordinator.PostgreSql;
using Coordinator.Sqlite;
using Coordinator.Testing.Postgres;
using Microsoft.Extensions.Logging.Abstractions;

namespace Coordinator.Benchmarks;

/// <summary>A place for one log, empty at first and gone at the end.</summary>
internal sealed class BenchmarkStorage : IAsyncDisposable
{
    private readonly DirectoryInfo? _folder;
    private readonly PostgreSqlServer? _server;
    private readonly InMemoryLogStore? _memory;

    private BenchmarkStorage(DirectoryInfo? folder, PostgreSqlServer? server, InMemoryLogStore? memory)
    {
        _folder = folder;
        _server = server;
        _memory = memory;
    }

    public static async Task<BenchmarkStorage> CreateAsync(string store) => store switch
    {
        "memory" => new BenchmarkStorage(null, null, new InMemoryLogStore(TimeProvider.System)),
        "sqlite" => new BenchmarkStorage(Directory.CreateTempSubdirectory("coordinator-benchmark-"), null, null),
        "postgres" => new BenchmarkStorage(null, await PostgreSqlServer.StartNewAsync(), null),
        _ => throw new UsageException($"--store must be memory, sqlite or postgres, not '{store}'."),
    };

    /// <summary>A store over the log, as a process of its own would make it. One at a time.</summary>
    public ILogStore CreateStore() =>
        _server is not null ? PostgreSqlLogStore.Create(new PostgreSqlLogOptions { ConnectionString = _server.ConnectionString() }, TimeProvider.System, NullLogger.Instance)
        : _folder is not null ? SqliteLogStore.Create(new SqliteLogOptions { DataSource = Path.Combine(_folder.FullName, "log.db") }, TimeProvider.System, NullLogger.Instance)
        : _memory!;

    /// <summary>Of the server; only where there is one.</summary>
    public string ConnectionString => _server!.ConnectionString();

    /// <summary>Chooses the log as an application would.</summary>
    public void Choose(CoordinatorBuilder coordinator)
    {
        if (_server is not null)
        {
            coordinator.UsePostgreSql(_server.ConnectionString());
        }
        else if (_folder is not null)
        {
            coordinator.UseSqlite(Path.Combine(_folder.FullName, "log.db"));
        }
        else
        {
            coordinator.UseLogStore(_ => _memory!);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _folder?.Delete(recursive: true);
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }
    }
}
