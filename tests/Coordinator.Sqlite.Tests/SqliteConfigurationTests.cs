using Coordinator.Log;
using Coordinator.Testing.Logs;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Coordinator.Sqlite.Tests;

/// <summary>What is refused, and that the message says what to do; what is set, and that it is.</summary>
public sealed class SqliteConfigurationTests : IAsyncDisposable
{
    private readonly SqliteLogFixture _fixture = new();

    [Theory]
    [InlineData("")]
    [InlineData("  ")]
    [InlineData(":memory:")]
    [InlineData("file::memory:?cache=shared")]
    [InlineData("file:log.db?mode=memory")]
    public void A_data_source_that_is_no_plain_path_is_refused(string dataSource)
    {
        var error = Assert.Throws<LogStoreException>(
            () => SqliteLogStore.Create(new SqliteLogOptions { DataSource = dataSource }, TimeProvider.System, NullLogger.Instance));
        Assert.Contains("path", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_directory_that_does_not_exist_is_refused_and_not_created()
    {
        var folder = Path.Combine(_fixture.Folder, "absent");
        await RefusedAsync(new() { DataSource = Path.Combine(folder, "log.db") }, "Create it");
        Assert.False(Directory.Exists(folder));
    }

    [Fact]
    public Task A_directory_as_database_is_refused() => RefusedAsync(new() { DataSource = _fixture.Folder }, "is a directory");

    [Fact]
    public async Task A_read_only_file_is_refused()
    {
        await CreateLogAsync();
        new FileInfo(Database).IsReadOnly = true;
        await RefusedAsync(_fixture.Options, "read-only");
        new FileInfo(Database).IsReadOnly = false;
    }

    [Fact]
    public async Task A_file_that_is_no_database_is_refused_and_left_alone()
    {
        var text = string.Concat(Enumerable.Repeat("This is a letter, not a database. ", 100));
        await File.WriteAllTextAsync(Database, text);
        await RefusedAsync(_fixture.Options, "not a SQLite database");
        Assert.Equal(text, await File.ReadAllTextAsync(Database));
    }

    [Fact]
    public async Task A_missing_file_is_refused_where_creating_is_off()
    {
        await RefusedAsync(new() { DataSource = Database, CreateIfMissing = false }, "switched off");
        Assert.False(File.Exists(Database));
    }

    [Fact]
    public async Task A_database_without_the_schema_is_refused_where_creating_is_off()
    {
        Execute("CREATE TABLE other (x)");
        await RefusedAsync(new() { DataSource = Database, CreateIfMissing = false }, "schema script");
    }

    [Fact]
    public async Task The_script_makes_a_log_that_opens_where_creating_is_off()
    {
        Execute(SqliteLogOptions.SchemaScript);
        await using var store = SqliteLogStore.Create(
            new() { DataSource = Database, CreateIfMissing = false }, TimeProvider.System, NullLogger.Instance);
        Assert.Equal(TestLog.Meta, (await store.OpenAsync(TestLog.Meta, CancellationToken.None)).Meta);
    }

    [Fact]
    public async Task A_log_of_the_schema_before_gets_what_it_lacks()
    {
        await CreateLogAsync();
        Execute("UPDATE coordinator_schema SET version = 2; DROP TABLE coordinator_snapshot; DROP INDEX coordinator_event_key");
        await RefusedAsync(new() { DataSource = Database, CreateIfMissing = false }, "older schema");
        await using var store = SqliteLogStore.Create(_fixture.Options, TimeProvider.System, NullLogger.Instance);
        Assert.Equal(TestLog.Meta, (await store.OpenAsync(TestLog.Meta, CancellationToken.None)).Meta);
        Execute("SELECT version FROM coordinator_snapshot; REINDEX coordinator_event_key");
    }

    [Fact]
    public async Task Another_schema_version_is_refused()
    {
        await CreateLogAsync();
        Execute("UPDATE coordinator_schema SET version = 1");
        await RefusedAsync(_fixture.Options, "schema version 1");
    }

    [Fact]
    public async Task A_database_that_is_locked_by_another_program_is_refused_at_creation()
    {
        using var other = _fixture.Connect();
        Execute("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE", other);
        await RefusedAsync(_fixture.Options, "Another program");
    }

    [Theory]
    [InlineData(1, 1000, 8000)]
    [InlineData(250, 0, 8000)]
    [InlineData(250, 1000, 1)]
    public void Settings_out_of_range_are_refused(int poll, int lockTimeout, int pages) => Assert.Throws<LogStoreException>(() =>
        SqliteLogStore.Create(
            new()
            {
                DataSource = Database,
                StandbyPollInterval = TimeSpan.FromMilliseconds(poll),
                LockTimeout = TimeSpan.FromMilliseconds(lockTimeout),
                CheckpointPages = pages,
            },
            TimeProvider.System,
            NullLogger.Instance));

    [Fact]
    public async Task The_database_keeps_a_write_ahead_log()
    {
        await CreateLogAsync();
        using var connection = _fixture.Connect();
        Assert.Equal("wal", Scalar(connection, "PRAGMA journal_mode"));
    }

    [Fact]
    public async Task The_writer_forces_each_commit_and_the_readers_cannot_write()
    {
        await CreateLogAsync();
        await using var dialect = new SqliteLogDialect(_fixture.Options, TimeProvider.System, NullLogger.Instance);
        await dialect.AcquireAsync(CancellationToken.None);
        using var writer = dialect.OpenWriter();
        using var reader = (SqliteConnection)dialect.OpenReader();
        Assert.Equal(2L, Scalar((SqliteConnection)writer.Connection, "PRAGMA synchronous"));
        Assert.Equal(0L, Scalar(reader, "PRAGMA wal_autocheckpoint"));
        var error = Assert.Throws<SqliteException>(() => Execute("DELETE FROM coordinator_event", reader));
        Assert.Equal(8, error.SqliteErrorCode);
    }

    [Fact]
    public async Task Decisions_are_looked_up_by_an_index()
    {
        await CreateLogAsync();
        using var connection = _fixture.Connect();
        using var command = connection.CreateCommand();
        command.CommandText = "EXPLAIN QUERY PLAN " + SqliteStatements.FindDecision;
        command.Parameters.AddWithValue("@stream", "shard/0");
        command.Parameters.AddWithValue("@transaction_id", new byte[24]);
        using var reader = command.ExecuteReader();
        var plan = new List<string>();
        while (reader.Read())
        {
            plan.Add(reader.GetString(3));
        }

        Assert.Contains(plan, step => step.Contains("coordinator_event_decision", StringComparison.Ordinal));
        Assert.DoesNotContain(plan, step => step.StartsWith("SCAN TABLE coordinator_event", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_key_written_behind_the_stores_back_is_a_failed_check()
    {
        await using var log = await TestLog.OpenAsync(_fixture);
        var group = log.Group(new StreamWrite("a", 0));
        Execute("CREATE TRIGGER intruder BEFORE INSERT ON coordinator_event WHEN NEW.stream = 'a' AND NEW.kind = 1 BEGIN "
            + "INSERT INTO coordinator_event SELECT 'a', 1, 2, 0, 0, NULL, NULL, NULL, 0, 0, 0, 0, '', 0, 0, 0, x'' "
            + "WHERE NOT EXISTS (SELECT 1 FROM coordinator_event WHERE stream = 'a'); END");
        Assert.Equal(GroupAnswerKind.CheckFailed, (await log.Store.AppendAsync(group)).Kind);
        Assert.Equal(0, await log.CountAsync(group));
    }

    [Fact]
    public async Task A_row_that_the_database_refuses_is_refused()
    {
        await using var log = await TestLog.OpenAsync(_fixture);
        Execute("CREATE TRIGGER refusing BEFORE INSERT ON coordinator_event WHEN NEW.stream = 'a' BEGIN SELECT RAISE(ABORT, 'no'); END");
        var group = log.Group(new StreamWrite("a", 0), new StreamWrite("b", 0));
        Assert.Equal(GroupAnswerKind.Refused, (await log.Store.AppendAsync(group)).Kind);
        Assert.Equal(0, await log.CountAsync(group));
    }

    [Fact]
    public async Task An_error_that_made_the_database_roll_back_by_itself_is_still_definite()
    {
        await using var log = await TestLog.OpenAsync(_fixture);
        Execute("CREATE TRIGGER ending BEFORE INSERT ON coordinator_event WHEN NEW.stream = 'b' BEGIN SELECT RAISE(ROLLBACK, 'no'); END");
        var group = log.Group(new StreamWrite("a", 0), new StreamWrite("b", 0), new StreamWrite("c", 0));
        Assert.Equal(GroupAnswerKind.Refused, (await log.Store.AppendAsync(group)).Kind);
        Assert.Equal(0, await log.CountAsync(group));
        Execute("DROP TRIGGER ending");
        await log.CommitAsync(new StreamWrite("b", 0));
    }

    [Fact]
    public async Task While_another_program_holds_the_write_lock_the_answer_is_to_try_again()
    {
        await using var log = await TestLog.OpenAsync(_fixture);
        var group = log.Group(new StreamWrite("a", 0));
        using (var other = _fixture.Connect())
        {
            Execute("BEGIN IMMEDIATE", other);
            Assert.Equal(GroupAnswerKind.TryAgain, (await log.Store.AppendAsync(group)).Kind);
        }

        Assert.Equal(GroupAnswerKind.Landed, (await log.AppendAsync(group)).Kind);
    }

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    private string Database => _fixture.Options.DataSource;

    private async Task CreateLogAsync()
    {
        await using var log = await TestLog.OpenAsync(_fixture);
    }

    private static async Task RefusedAsync(SqliteLogOptions options, string says)
    {
        await using var store = SqliteLogStore.Create(options, TimeProvider.System, NullLogger.Instance);
        var error = await Assert.ThrowsAsync<LogStoreException>(async () => await store.OpenAsync(TestLog.Meta, CancellationToken.None));
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
    }

    private void Execute(string statement)
    {
        using var connection = _fixture.Connect();
        Execute(statement, connection);
    }

    private static void Execute(string statement, SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = statement;
        command.ExecuteNonQuery();
    }

    private static object? Scalar(SqliteConnection connection, string statement)
    {
        using var command = connection.CreateCommand();
        command.CommandText = statement;
        return command.ExecuteScalar();
    }
}
