using Coordinator.Log;
using Coordinator.Testing.Logs;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xunit;

namespace Coordinator.PostgreSql.Tests;

/// <summary>What is refused, and that the message says what to do and keeps the password to itself.</summary>
public sealed class ConfigurationTests(SharedServer server) : IAsyncLifetime
{
    private const string Secret = "hush-hush";

    private PostgreSqlLogFixture _fixture = null!;

    public async ValueTask InitializeAsync() => _fixture = await PostgreSqlLogFixture.CreateAsync(server);

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    [Theory]
    [InlineData("", "Host and Database")]
    [InlineData("Host=db", "Host and Database")]
    [InlineData("Database=app;Password=" + Secret, "Host and Database")]
    [InlineData("Host=db;Database=app;Pasword=" + Secret, "can't be understood")]
    [InlineData("Host=db;Database=app;Port=" + Secret, "can't be understood")]
    [InlineData("postgresql://app:" + Secret + "@db/app?sslmode=require", "can't be understood")]
    [InlineData("Host=db;Database=app;Password=one;" + Secret + "=two", "can't be understood")]
    [InlineData("Host=db1,db2;Database=app", "Target Session Attributes=primary")]
    [InlineData("Host=db1,db2;Database=app;Target Session Attributes=any", "Target Session Attributes=primary")]
    [InlineData("Host=db;Database=app;Multiplexing=true", "Multiplexing")]
    public void A_connection_string_that_leads_to_no_log_is_refused(string connectionString, string says)
    {
        var error = Assert.Throws<LogStoreException>(() => Store(new() { ConnectionString = connectionString }));
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(61_000)]
    public void A_lock_time_out_out_of_range_is_refused(int milliseconds) => Assert.Contains(
        "LockTimeout",
        Assert.Throws<LogStoreException>(() => Store(With("", lockTimeout: TimeSpan.FromMilliseconds(milliseconds)))).Message,
        StringComparison.Ordinal);

    [Theory]
    [InlineData("Port=1", "No PostgreSQL server answers at 127.0.0.1:1")]
    [InlineData("Password=" + Secret, "refuses the user 'postgres'")]
    [InlineData("Database=absent", "no database 'absent'")]
    [InlineData("Search Path=absent", "names no schema")]
    [InlineData("Options=-c synchronous_commit=off", "synchronous_commit is off")]
    [InlineData("Options=-c default_transaction_read_only=on", "read-only")]
    public async Task A_server_that_can_t_be_used_is_refused(string change, string says)
    {
        SharedServer.NeedsOwnServer(); // of which address, user and password are known
        var error = await RefusedAsync(With(change), says);
        Assert.DoesNotContain(Secret, error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(Coordinator.Testing.Postgres.PostgreSqlServer.Password, error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Local_commits_are_refused_where_a_standby_is_declared()
    {
        var options = With("Options=-c synchronous_commit=local");
        await using (var log = Store(options))
        {
            await log.OpenAsync(TestLog.Meta, CancellationToken.None);
        }

        options.SynchronousStandby = true;
        await RefusedAsync(options, "synchronous_commit is local");
    }

    [Fact]
    public async Task Unsafe_durability_is_taken_where_the_option_says_so()
    {
        var options = With("Options=-c synchronous_commit=off");
        options.AllowUnsafeDurability = true;
        await using var log = Store(options);
        await log.OpenAsync(TestLog.Meta, CancellationToken.None);
    }

    [Fact]
    public async Task An_unlogged_table_is_refused()
    {
        await CreateLogAsync();
        await _fixture.ExecuteAsync("ALTER TABLE coordinator_event SET UNLOGGED");
        await RefusedAsync(_fixture.Options, "SET LOGGED");
    }

    [Fact]
    public async Task A_log_of_the_schema_before_gets_what_it_lacks()
    {
        await CreateLogAsync();
        await _fixture.ExecuteAsync("UPDATE coordinator_schema SET version = 2; DROP TABLE coordinator_snapshot; DROP INDEX coordinator_event_key_age");
        await RefusedAsync(With("", createIfMissing: false), "older schema");
        await using var store = Store(_fixture.Options);
        Assert.Equal(TestLog.Meta, (await store.OpenAsync(TestLog.Meta, CancellationToken.None)).Meta);
        await _fixture.ExecuteAsync("SELECT version FROM coordinator_snapshot; REINDEX INDEX coordinator_event_key_age");
    }

    [Fact]
    public async Task Another_schema_version_is_refused()
    {
        await CreateLogAsync();
        await _fixture.ExecuteAsync("UPDATE coordinator_schema SET version = 99");
        await RefusedAsync(_fixture.Options, "schema version 99");
    }

    [Fact]
    public Task A_schema_without_tables_is_refused_where_creating_is_off() =>
        RefusedAsync(With("", createIfMissing: false), "schema script");

    [Fact]
    public async Task The_script_makes_a_log_that_opens_where_creating_is_off()
    {
        await _fixture.ExecuteAsync(PostgreSqlLogOptions.SchemaScript);
        await using var store = Store(With("", createIfMissing: false));
        Assert.Equal(TestLog.Meta, (await store.OpenAsync(TestLog.Meta, CancellationToken.None)).Meta);
    }

    // An index that has the name of the table's key is taken for made, and is not.
    [Fact]
    public async Task Each_index_of_the_schema_is_there()
    {
        await CreateLogAsync();
        Assert.Equal(
            "coordinator_event_decision, coordinator_event_key, coordinator_event_key_age",
            await _fixture.ScalarAsync($"SELECT string_agg(indexname, ', ' ORDER BY indexname) FROM pg_indexes WHERE schemaname = '{_fixture.Schema}' AND tablename = 'coordinator_event'"));
    }

    [Fact]
    public async Task A_user_without_rights_is_refused_and_told_which()
    {
        await CreateLogAsync();
        var user = $"{_fixture.Schema}_guest";
        await _fixture.ExecuteAsync($"CREATE ROLE {user} LOGIN PASSWORD '{Secret}'; GRANT USAGE ON SCHEMA {_fixture.Schema} TO {user}; GRANT SELECT ON ALL TABLES IN SCHEMA {_fixture.Schema} TO {user}");
        try
        {
            var options = With($"Username={user};Password={Secret}");
            await RefusedAsync(options, "SELECT, INSERT and DELETE on coordinator_event");
            await _fixture.ExecuteAsync($"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {_fixture.Schema} TO {user}");
            await using var store = Store(options);
            await store.OpenAsync(TestLog.Meta, CancellationToken.None);
            await (await TestLog.ClaimAsync(store, writer: 1, shard: 0)).CommitAsync(new StreamWrite("a", 0)); // and these rights are enough
        }
        finally
        {
            await _fixture.ExecuteAsync($"DROP OWNED BY {user}; DROP ROLE {user}");
        }
    }

    [Fact]
    public async Task Hosts_that_start_at_once_all_find_one_log()
    {
        var stores = Enumerable.Range(0, 4).Select(_ => _fixture.Create()).ToList();
        var opened = await Task.WhenAll(stores.Select((store, index) => Task.Run(async () =>
            await store.OpenAsync(TestLog.Meta with { Identity = new(TestLog.Meta.Identity.LogId + (ulong)index, 1) }, CancellationToken.None))));
        Assert.Single(opened.Distinct());
        Assert.Equal(1L, await _fixture.ScalarAsync("SELECT count(*) FROM coordinator_event WHERE stream = 'meta'"));
        foreach (var store in stores)
        {
            await store.DisposeAsync();
        }
    }

    [Fact]
    public async Task Sessions_are_named_after_the_log_and_keep_their_settings()
    {
        await using var dialect = new PostgreSqlLogDialect(With("Options=-c statement_timeout=1000 -c default_transaction_isolation=serializable"), TimeProvider.System, NullLogger.Instance);
        using var writer = dialect.OpenWriter();
        var native = (NpgsqlConnection)writer.Connection;
        Assert.StartsWith(
            $"coordinator-log {await _fixture.ScalarAsync("SELECT 'coordinator_event'::regclass::oid")} on {Environment.MachineName}",
            (string)PostgreSqlSession.Scalar(native, "SHOW application_name")!);
        Assert.Equal("0", PostgreSqlSession.Scalar(native, "SHOW statement_timeout"));
        Assert.Equal("60ms", PostgreSqlSession.Scalar(native, "SHOW lock_timeout"));
        Assert.Equal("read committed", PostgreSqlSession.Scalar(native, "SHOW default_transaction_isolation"));
        using var reader = (NpgsqlConnection)dialect.OpenReader();
        Assert.Equal("25006", Assert.Throws<PostgresException>(() => PostgreSqlSession.Execute(reader, "DELETE FROM coordinator_event")).SqlState);
    }

    [Fact]
    public async Task The_builder_makes_the_store_of_its_options()
    {
        var services = new ServiceCollection().AddSingleton<ILoggerFactory>(NullLoggerFactory.Instance);
        services.AddCoordinator().UsePostgreSql(_fixture.Options.ConnectionString, options => options.LockTimeout = TimeSpan.FromSeconds(2));
        await using var provider = services.BuildServiceProvider();
        var opened = await provider.GetRequiredService<ILogStore>().OpenAsync(TestLog.Meta, CancellationToken.None);
        Assert.Equal(TestLog.Meta, opened.Meta);
        Assert.Matches(@"^system \d+ database \d+ table \d+ timeline \w+$", opened.Store);
        Assert.Equal(opened.RecordedStore, opened.Store);
    }

    [Fact]
    public async Task The_socket_beneath_a_connection_is_found()
    {
        await using var connection = await _fixture.ConnectAsync();
        Assert.True(DriverInsides.SocketOf(connection)?.Connected);
    }

    [Fact]
    public async Task A_thread_that_waits_in_the_system_is_let_go_when_the_socket_is_closed()
    {
        await using var other = await _fixture.ConnectAsync();
        await using var connection = new PostgreSqlTarget(_fixture.Options.ConnectionString).Open("waits");
        DriverInsides.WaitInSystem(connection);
        var flags = (await File.ReadAllLinesAsync($"/proc/self/fdinfo/{DriverInsides.SocketOf(connection)!.Handle}")).Single(static line => line.StartsWith("flags:", StringComparison.Ordinal));
        Assert.Equal(0, Convert.ToInt32(flags["flags:".Length..].Trim(), 8) & 0x800);

        await using var holding = new Npgsql.NpgsqlCommand("SELECT pg_advisory_lock(75)", other);
        await holding.ExecuteNonQueryAsync();
        var waiting = Task.Factory.StartNew(
            () =>
            {
                using var command = new Npgsql.NpgsqlCommand("SELECT pg_advisory_lock(75)", connection);
                return command.ExecuteNonQuery();
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
        await using var looking = new Npgsql.NpgsqlCommand("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 75 AND NOT granted", other);
        while ((long)(await looking.ExecuteScalarAsync())! == 0)
        {
        }

        DriverInsides.SocketOf(connection)!.Dispose();
        await Assert.ThrowsAnyAsync<Exception>(() => waiting.WaitAsync(TimeSpan.FromSeconds(20)));
        Assert.True(waiting.IsFaulted);
    }

    [Fact]
    public async Task A_connection_tells_whether_a_transaction_is_open()
    {
        await using var connection = await _fixture.ConnectAsync();
        Assert.True(DriverInsides.IsOutsideTransaction(connection));
        foreach (var (statement, outside) in new[] { ("BEGIN", false), ("SELECT 1", false), ("COMMIT", true), ("SELECT 1", true), ("BEGIN", false), ("ROLLBACK", true) })
        {
            await using var command = new Npgsql.NpgsqlCommand(statement, connection);
            await command.ExecuteNonQueryAsync();
            Assert.Equal(outside, DriverInsides.IsOutsideTransaction(connection));
        }
    }

    private static ILogStore Store(PostgreSqlLogOptions options) => PostgreSqlLogStore.Create(options, TimeProvider.System, NullLogger.Instance);

    private static async Task<LogStoreException> RefusedAsync(PostgreSqlLogOptions options, string says)
    {
        await using var store = Store(options);
        var error = await Assert.ThrowsAsync<LogStoreException>(async () => await store.OpenAsync(TestLog.Meta, CancellationToken.None));
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        return error;
    }

    private PostgreSqlLogOptions With(string change, bool createIfMissing = true, TimeSpan? lockTimeout = null) => new()
    {
        ConnectionString = $"{_fixture.Options.ConnectionString};{change}",
        CreateIfMissing = createIfMissing,
        LockTimeout = lockTimeout ?? _fixture.Options.LockTimeout,
    };

    private async Task CreateLogAsync()
    {
        await using var log = await TestLog.OpenAsync(_fixture);
    }
}
