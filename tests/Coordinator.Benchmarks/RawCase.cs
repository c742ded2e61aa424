using System.Collections.Immutable;
using System.Text.Json;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;
using Microsoft.Data.Sqlite;

namespace Coordinator.Benchmarks;

/// <summary>
/// What writers can do without a coordinator: single-row commits, one forced sync each, straight through the driver. For SQLite
/// one writer with the log's own settings (WAL, synchronous FULL); for PostgreSQL prepared INSERTs on as many connections as asked.
/// </summary>
internal static class RawCase
{
    private const int PayloadBytes = 160;

    public static async Task<bool> RunAsync(Arguments arguments)
    {
        var store = arguments.Text("store", "memory");
        var connections = store == "postgres" ? arguments.Number("concurrency", 1) : 1;
        var (warmUp, seconds) = (arguments.Seconds("warmup", 5), arguments.Seconds("seconds", 5));
        Window window;
        if (store == "postgres")
        {
            window = await RawPostgreSql.RunAsync(connections, warmUp, seconds);
        }
        else
        {
            var (commit, close) = Open(store);
            window = await ClosedLoop.RunAsync(1, warmUp, seconds, _ => ValueTask.FromResult(commit()));
            close();
        }

        Console.WriteLine(JsonSerializer.Serialize(new
        {
            @case = "raw",
            store,
            accounts = 0,
            concurrency = connections,
            committedPerSecond = Math.Round(window.Committed / window.Seconds),
            abortedPerSecond = Math.Round(window.Aborted / window.Seconds, 1),
            p50Ms = Math.Round(window.P50Ms, 3),
            p99Ms = Math.Round(window.P99Ms, 3),
            forcedBatchesPerCommit = 1.0,
            allocatedBytesPerCommit = Math.Round(window.AllocatedBytesPerCommit),
            cpuMicrosPerCommit = Math.Round(window.CpuMicrosPerCommit, 1),
            balanced = window.Aborted == 0,
        }));
        return window.Aborted == 0;
    }

    private static (Func<bool> Commit, Action Close) Open(string store) => store switch
    {
        "memory" => OpenMemory(),
        "sqlite" => OpenSqlite(),
        _ => throw new UsageException($"--store must be memory, sqlite or postgres, not '{store}'."),
    };

    private static (Func<bool> Commit, Action Close) OpenMemory()
    {
        var log = new InMemoryLogStore(TimeProvider.System);
        var version = 0L;
        var payload = new byte[PayloadBytes];
        var stream = new StreamName("raw");
        return (
            () =>
            {
                var row = new LogRow
                {
                    Stream = stream, Version = ++version, Kind = RowKind.Event, AppendId = new AppendId(1, (ulong)version), Payload = payload,
                };
                var group = new RowGroup([row], ImmutableArray.Create(new StreamCheck(stream, version - 1, 0, default, false)));
                return log.AppendAsync(group).AsTask().GetAwaiter().GetResult().Kind is GroupAnswerKind.Landed;
            },
            () => { });
    }

    private static (Func<bool> Commit, Action Close) OpenSqlite()
    {
        var folder = Directory.CreateTempSubdirectory("coordinator-raw-");
        var connection = new SqliteConnection($"Data Source={Path.Combine(folder.FullName, "raw.db")};Pooling=False");
        connection.Open();
        Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE raw (id INTEGER PRIMARY KEY, payload BLOB NOT NULL)");
        var insert = connection.CreateCommand();
        insert.CommandText = "INSERT INTO raw (payload) VALUES ($payload)";
        insert.Parameters.Add("$payload", SqliteType.Blob).Value = new byte[PayloadBytes];
        return (
            () =>
            {
                using var transaction = connection.BeginTransaction();
                insert.Transaction = transaction;
                insert.ExecuteNonQuery();
                transaction.Commit();
                return true;
            },
            () =>
            {
                insert.Dispose();
                connection.Dispose();
                folder.Delete(recursive: true);
            });

        void Execute(string sql)
        {
            using var command = connection.CreateCommand();
            command.CommandText = sql;
            command.ExecuteNonQuery();
        }
    }
}
