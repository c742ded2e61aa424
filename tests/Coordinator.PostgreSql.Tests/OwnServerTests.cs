using Coordinator.Log;
using Coordinator.Testing.Logs;
using Coordinator.Testing.Postgres;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xunit;

namespace Coordinator.PostgreSql.Tests;

/// <summary>A server that is misconfigured, killed, copied and promoted.</summary>
public sealed class OwnServerTests : IAsyncLifetime
{
    private PostgreSqlServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        SharedServer.NeedsOwnServer();
        _server = await PostgreSqlServer.StartNewAsync();
    }

    public ValueTask DisposeAsync() => _server?.DisposeAsync() ?? ValueTask.CompletedTask;

    [Fact]
    public async Task A_server_that_may_forget_commits_is_refused()
    {
        foreach (var (name, value, sound) in ((string, string, string)[])[("fsync", "off", "on"), ("full_page_writes", "off", "on"), ("data_sync_retry", "on", "off")])
        {
            await _server.RestartAsync(PostgreSqlStop.Immediate, (name, value));
            await using (var store = Store(_server))
            {
                var error = await Assert.ThrowsAsync<LogStoreException>(async () => await OpenAsync(store));
                Assert.Contains($"{name} is {value}", error.Message, StringComparison.Ordinal);
            }

            await using (var store = Store(_server, options => options.AllowUnsafeDurability = true))
            {
                await OpenAsync(store);
            }

            await _server.RestartAsync(PostgreSqlStop.Fast, (name, sound));
        }
    }

    [Theory]
    [InlineData(PostgreSqlStop.Immediate)]
    [InlineData(PostgreSqlStop.Kill)]
    [InlineData(PostgreSqlStop.Fast)]
    internal async Task What_had_landed_before_the_server_stopped_is_there_and_the_rest_is_settled(PostgreSqlStop how)
    {
        await using var log = await TestLog.ClaimAsync(await OpenAsync(Store(_server)), writer: 7, shard: 0);
        var landed = new List<RowGroup>();
        var stopping = Task.CompletedTask;
        RowGroup group;
        GroupAnswer answer;
        while ((answer = await log.AppendAsync(group = log.Group(new StreamWrite($"a{landed.Count}", 0)))).Kind is GroupAnswerKind.Landed)
        {
            landed.Add(group);
            if (landed.Count == 50)
            {
                stopping = Task.Run(() => _server.StopAsync(how));
            }
        }

        Assert.Contains(answer.Kind, (GroupAnswerKind[])[GroupAnswerKind.Unclear, GroupAnswerKind.TryAgain]);
        await stopping;
        Assert.Equal(GroupAnswerKind.TryAgain, (await log.Store.AppendAsync(group)).Kind); // nobody there: nothing was sent
        await _server.StartAsync();
        foreach (var one in landed)
        {
            Assert.Equal(one.Rows.Length, await ReadAsync(() => log.CountAsync(one)));
        }

        var found = await log.CountAsync(group);
        Assert.True(found == 0 || (found == group.Rows.Length && answer.Kind is GroupAnswerKind.Unclear));
        await log.ContinueAtAsync((await log.Store.ReadShardEndAsync(0, CancellationToken.None)).LastVersion + 1);
        await log.CommitAsync(new StreamWrite("after", 0));
        Assert.Equal(log.Next - 1, (await log.ReadAsync(log.Shard.Value)).Length);
    }

    [Fact]
    public async Task A_replica_is_refused_and_its_promotion_noticed()
    {
        await using (var log = await TestLog.ClaimAsync(await OpenAsync(Store(_server)), writer: 7, shard: 0))
        {
            await log.CommitAsync(new StreamWrite("a", 0));
        }

        await using var replica = await _server.StartReplicaAsync();
        await using (var store = Store(replica))
        {
            var error = await Assert.ThrowsAsync<LogStoreException>(async () => await OpenAsync(store));
            Assert.Contains("Connect to the primary", error.Message, StringComparison.Ordinal);
        }

        await using (var either = Store($"{_server.ConnectionString()};Host=127.0.0.1:{replica.Port},127.0.0.1:{_server.Port};Target Session Attributes=primary"))
        {
            await OpenAsync(either); // of several hosts, the one that may be written to
        }

        await _server.StopAsync();
        await replica.PromoteAsync();
        await AssertOtherStoreAsync(replica.ConnectionString());
    }

    [Fact]
    public async Task A_promotion_is_taken_for_the_same_store_where_the_standby_is_declared_synchronous()
    {
        static void Declare(PostgreSqlLogOptions options) => options.SynchronousStandby = true;
        await using (var log = await TestLog.ClaimAsync(await OpenAsync(Store(_server, Declare)), writer: 7, shard: 0))
        {
            await log.CommitAsync(new StreamWrite("a", 0));
        }

        await using var replica = await _server.StartReplicaAsync();
        await _server.StopAsync();
        await replica.PromoteAsync();
        await using var promoted = await TestLog.ClaimAsync(await OpenAsync(Store(replica, Declare)), writer: 8, shard: 0);
        await promoted.CommitAsync(new StreamWrite("a", 1));
    }

    [Fact]
    public async Task A_copied_database_is_noticed()
    {
        await ExecuteAsync("CREATE DATABASE original");
        await using (var log = await TestLog.ClaimAsync(await OpenAsync(Store(_server.ConnectionString("original"))), writer: 7, shard: 0))
        {
            await log.CommitAsync(new StreamWrite("a", 0));
        }

        await ExecuteAsync("CREATE DATABASE restored TEMPLATE original");
        await AssertOtherStoreAsync(_server.ConnectionString("restored"));
        await using var first = await TestLog.ClaimAsync(await OpenAsync(Store(_server.ConnectionString("original"))), writer: 8, shard: 0);
        await first.CommitAsync(new StreamWrite("a", 1));
    }

    /// <summary>L13: the sessions that a host decides, reads and beats with are its own from the start; nobody can take the last one from it.</summary>
    [Fact]
    public async Task A_server_that_has_no_session_left_still_takes_the_commits_of_a_host_that_runs()
    {
        await _server.RestartAsync(PostgreSqlStop.Fast, ("max_connections", "12"));
        await using var log = await TestLog.ClaimAsync(await OpenAsync(Store(_server)), writer: 7, shard: 0);
        var beat = new HostBeat(1, 1, new HostProcess("m", "b", "p", 1, 1), [0]);
        await log.Store.Beats!.BeatAsync(beat, CancellationToken.None);
        var others = new List<NpgsqlConnection>();
        var refused = await Assert.ThrowsAsync<PostgresException>(async () =>
        {
            while (others.Count < 20)
            {
                var one = new NpgsqlConnection($"{_server.ConnectionString()};Pooling=false");
                others.Add(one);
                await one.OpenAsync();
            }
        });
        Assert.Equal(PostgresErrorCodes.TooManyConnections, refused.SqlState);

        for (var number = 0; number < 20; number++)
        {
            await log.CommitAsync(new StreamWrite("a", number));
            await log.Store.Beats.BeatAsync(beat with { Count = number + 2 }, CancellationToken.None);
        }

        Assert.Equal(20, (await log.ReadAsync("a")).Length);
        foreach (var one in others)
        {
            await one.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_log_opens_over_a_unix_socket()
    {
        await using var log = await TestLog.ClaimAsync(
            await OpenAsync(Store($"{_server.ConnectionString()};Host={_server.SocketFolder}")), writer: 7, shard: 0);
        await log.CommitAsync(new StreamWrite("a", 0));
    }

    [Fact]
    public async Task A_pooler_in_between_is_refused()
    {
        await using var pooler = new PoolerInBetween(_server.Port);
        await using var store = Store($"{_server.ConnectionString()};Port={pooler.Port};SSL Mode=Disable");
        var error = await Assert.ThrowsAsync<LogStoreException>(async () => await OpenAsync(store));
        Assert.Contains("Connect to the server itself", error.Message, StringComparison.Ordinal);
    }

    private static async Task AssertOtherStoreAsync(string connectionString)
    {
        await using var store = Store(connectionString);
        var opened = await store.OpenAsync(TestLog.Meta, CancellationToken.None);
        Assert.NotEqual(opened.RecordedStore, opened.Store);
        var end = await store.ReadShardEndAsync(0, CancellationToken.None);
        var claim = TestLog.Unowned(store, shard: 0, writer: 9).Claim(end.Owned!.Version);
        var answer = await store.ClaimAsync(claim);
        Assert.Equal(GroupAnswerKind.Refused, answer.Kind);
        Assert.Contains("RestoredAsGeneration", answer.Error!.Message, StringComparison.Ordinal);
        Assert.Equal(end.LastVersion, (await store.ReadShardEndAsync(0, CancellationToken.None)).LastVersion);
    }

    private static ILogStore Store(PostgreSqlServer server, Action<PostgreSqlLogOptions>? configure = null) => Store(server.ConnectionString(), configure);

    private static ILogStore Store(string connectionString, Action<PostgreSqlLogOptions>? configure = null)
    {
        var options = new PostgreSqlLogOptions { ConnectionString = connectionString };
        configure?.Invoke(options);
        return PostgreSqlLogStore.Create(options, TimeProvider.System, NullLogger.Instance);
    }

    private static async Task<ILogStore> OpenAsync(ILogStore store)
    {
        await store.OpenAsync(TestLog.Meta, CancellationToken.None);
        return store;
    }

    /// <summary>The first read after the server was away may meet a session from before.</summary>
    private static async Task<int> ReadAsync(Func<Task<int>> read)
    {
        try
        {
            return await read();
        }
        catch (NpgsqlException)
        {
            return await read();
        }
    }

    private async Task ExecuteAsync(string statement)
    {
        await using var connection = new NpgsqlConnection($"{_server.ConnectionString()};Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(statement, connection);
        await command.ExecuteNonQueryAsync();
    }
}
