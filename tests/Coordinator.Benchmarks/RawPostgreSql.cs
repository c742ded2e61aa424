using System.Collections.Concurrent;
using Coordinator.Testing.Postgres;
using Npgsql;
using NpgsqlTypes;

namespace Coordinator.Benchmarks;

/// <summary>Single-row INSERT commits over several connections, each prepared: the server merges their syncs as it can.</summary>
internal static class RawPostgreSql
{
    private const int PayloadBytes = 160;

    public static async Task<Window> RunAsync(int connections, TimeSpan warmUp, TimeSpan seconds)
    {
        var server = await PostgreSqlServer.StartNewAsync();
        await using var _ = server;
        var source = NpgsqlDataSource.Create(server.ConnectionString());
        await using var disposed = source;
        await using (var create = source.CreateCommand("CREATE TABLE raw (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload bytea NOT NULL)"))
        {
            await create.ExecuteNonQueryAsync();
        }

        var idle = new ConcurrentBag<NpgsqlCommand>();
        for (var i = 0; i < connections; i++)
        {
            var connection = await source.OpenConnectionAsync();
            var insert = new NpgsqlCommand("INSERT INTO raw (payload) VALUES ($1)", connection);
            insert.Parameters.Add(new NpgsqlParameter<byte[]> { NpgsqlDbType = NpgsqlDbType.Bytea, TypedValue = new byte[PayloadBytes] });
            await insert.PrepareAsync();
            idle.Add(insert);
        }

        return await ClosedLoop.RunAsync(connections, warmUp, seconds, async _ =>
        {
            if (!idle.TryTake(out var insert))
            {
                throw new InvalidOperationException("There is a connection for each worker.");
            }

            var written = await insert.ExecuteNonQueryAsync();
            idle.Add(insert);
            return written == 1;
        });
    }
}
