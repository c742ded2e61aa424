using Coordinator.Log;
using Coordinator.Testing.Logs;
using Npgsql;
using Xunit;

namespace Coordinator.PostgreSql.Tests;

/// <summary>Writes that wait for a key which another session holds: whose it is and what it does decides about its end.</summary>
public sealed class BlockedWriteTests(SharedServer server) : IAsyncLifetime
{
    private static readonly TimeSpan s_patient = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(30);

    private readonly ListLogger _logger = new();
    private readonly Looks _looks = new();
    private PostgreSqlLogFixture _fixture = null!;
    private TestLog _log = null!;

    public async ValueTask InitializeAsync()
    {
        _fixture = await PostgreSqlLogFixture.CreateAsync(server);
        _log = await OpenAsync(writer: 77);
    }

    public async ValueTask DisposeAsync()
    {
        await _log.DisposeAsync();
        await _fixture.DisposeAsync();
    }

    [Fact]
    public async Task A_stopped_session_of_this_log_is_ended_by_the_claim_that_waits_for_it()
    {
        await using var log = await OpenPatientAsync();
        await using var stopped = await HoldNextKeyAsync(await OwnNameAsync(), version: log.Next);
        var answer = await log.Store.ClaimAsync(log.Claim(log.Epoch));
        Assert.Equal(GroupAnswerKind.Landed, answer.Kind);
        await _logger.HasAsync(2001);
        await AssertEndedAsync(stopped);
    }

    [Fact]
    public async Task A_stopped_session_of_this_log_is_ended_by_the_append_that_waits_for_it()
    {
        await using var log = await OpenPatientAsync();
        await using var stopped = await HoldNextKeyAsync(await OwnNameAsync(), version: log.Next);
        await log.CommitAsync(new StreamWrite("a", 0));
        await AssertEndedAsync(stopped);
    }

    [Fact]
    public async Task Another_programs_session_is_named_and_left_alone()
    {
        await using var log = await OpenPatientAsync();
        await using var other = await HoldNextKeyAsync("another program", version: log.Next);
        var writing = log.AppendAsync(log.Group(new StreamWrite("a", 0)));
        await _logger.HasAsync(2002);
        await ExecuteAsync(other, "ROLLBACK");
        Assert.Equal(GroupAnswerKind.Landed, (await writing).Kind);
    }

    [Fact]
    public async Task A_write_that_waits_longer_than_the_lock_time_out_is_tried_again_later()
    {
        await using var other = await HoldNextKeyAsync("another program");
        var group = _log.Group(new StreamWrite("a", 0));
        Assert.Equal(GroupAnswerKind.TryAgain, (await _log.Store.AppendAsync(group)).Kind);
        await ExecuteAsync(other, "ROLLBACK");
        Assert.Equal(GroupAnswerKind.Landed, (await _log.AppendAsync(group)).Kind);
    }

    [Fact]
    public async Task A_session_of_another_log_in_the_same_database_is_left_alone()
    {
        await using var log = await OpenPatientAsync();
        await using var other = await HoldNextKeyAsync("coordinator-log 1 on elsewhere", version: log.Next);
        var writing = log.AppendAsync(log.Group(new StreamWrite("a", 0)));
        await _logger.HasAsync(2002);
        await ExecuteAsync(other, "ROLLBACK");
        Assert.Equal(GroupAnswerKind.Landed, (await writing).Kind);
    }

    [Fact]
    public async Task A_session_of_this_log_that_works_is_left_alone()
    {
        await using var log = await OpenPatientAsync();
        await using var working = await HoldNextKeyAsync(await OwnNameAsync(), version: log.Next);
        var work = ExecuteAsync(working, "SELECT pg_sleep(3600)");
        await UntilAsync(async () => await _fixture.ScalarAsync($"SELECT 1 FROM pg_stat_activity WHERE pid = {working.ProcessID} AND wait_event = 'PgSleep'") is not null);
        var writing = log.AppendAsync(log.Group(new StreamWrite("a", 0)));
        await _looks.FirstAsync();
        await _fixture.ExecuteAsync($"SELECT pg_cancel_backend({working.ProcessID})"); // its work, not the session
        Assert.Equal("57014", (await Assert.ThrowsAsync<PostgresException>(() => work)).SqlState);
        await ExecuteAsync(working, "ROLLBACK");
        Assert.Equal(GroupAnswerKind.Landed, (await writing).Kind);
    }

    /// <summary>Without track_activities the server shows neither state nor start of a transaction, but what a session waits for.</summary>
    [Fact]
    public async Task A_session_that_does_not_say_what_it_does_is_waited_for()
    {
        await using var log = await OpenPatientAsync();
        await using var silent = await HoldNextKeyAsync(await OwnNameAsync(), version: log.Next, prepare: "SET track_activities = off");
        var writing = log.AppendAsync(log.Group(new StreamWrite("a", 0)));
        await _looks.FirstAsync();
        await ExecuteAsync(silent, "ROLLBACK");
        Assert.Equal(GroupAnswerKind.Landed, (await writing).Kind);
    }

    [Fact]
    public async Task A_session_that_may_not_be_ended_is_named()
    {
        var (owner, guest) = ($"{_fixture.Schema}_owner", $"{_fixture.Schema}_guest");
        foreach (var user in (string[])[owner, guest])
        {
            await _fixture.ExecuteAsync($"CREATE ROLE {user} LOGIN PASSWORD 'secret'; GRANT USAGE ON SCHEMA {_fixture.Schema} TO {user}; GRANT ALL ON ALL TABLES IN SCHEMA {_fixture.Schema} TO {user}");
        }

        try
        {
            await using var stopped = await HoldNextKeyAsync(await OwnNameAsync(), owner);
            _fixture.Options.LockTimeout = s_patient;
            _fixture.Options.ConnectionString += $";Username={guest};Password=secret";
            await using var store = _fixture.Create(_logger, patience: s_patience);
            await store.OpenAsync(TestLog.Meta, CancellationToken.None);
            await _logger.HasAsync(2005); // said at open
            var claiming = store.ClaimAsync(_log.Claim(_log.Epoch)).AsTask();
            await _logger.HasAsync(2003);
            await ExecuteAsync(stopped, "ROLLBACK");
            Assert.Equal(GroupAnswerKind.Landed, (await claiming).Kind);
        }
        finally
        {
            foreach (var user in (string[])[owner, guest])
            {
                await server.ExecuteAsync($"DROP OWNED BY {user}; DROP ROLE {user}");
            }
        }
    }

    [Fact]
    public async Task A_write_that_is_given_up_is_answered_at_once_and_its_session_goes_away()
    {
        _fixture.Options.LockTimeout = s_patient;
        await using var log = await OpenAsync(writer: 88);
        await using var other = await HoldNextKeyAsync("another program", version: log.Next);
        var writing = log.Store.AppendAsync(log.Group(new StreamWrite("a", 0))).AsTask();
        var waiting = await WaiterAsync();
        log.Store.AbandonAppend();
        Assert.Equal(GroupAnswerKind.Unclear, (await writing).Kind);

        // The server finds out by itself that nobody waits for this answer any more; the foreign session still holds the key.
        await UntilAsync(async () => await _fixture.ScalarAsync($"SELECT 1 FROM pg_stat_activity WHERE pid = {waiting}") is null);
        await ExecuteAsync(other, "ROLLBACK");
        await log.CommitAsync(new StreamWrite("a", 0));
    }

    [Fact]
    public async Task A_session_ended_in_the_middle_of_a_write_makes_it_unclear_and_the_next_one_runs_on_a_new_one()
    {
        _fixture.Options.LockTimeout = s_patient;
        await using var log = await OpenAsync(writer: 88);
        await using var other = await HoldNextKeyAsync("another program", version: log.Next);
        var group = log.Group(new StreamWrite("a", 0));
        var writing = log.Store.AppendAsync(group).AsTask();
        await _fixture.ExecuteAsync($"SELECT pg_terminate_backend({await WaiterAsync()})");
        Assert.Equal(GroupAnswerKind.Unclear, (await writing).Kind);
        await ExecuteAsync(other, "ROLLBACK");
        Assert.Equal(0, await log.CountAsync(group));
        await log.CommitAsync(new StreamWrite("a", 0));
    }

    /// <summary>Its writes wait far longer than it takes to find whoever is in their way, however slow the machine.</summary>
    private Task<TestLog> OpenPatientAsync()
    {
        _fixture.Options.LockTimeout = s_patient;
        return OpenAsync(writer: 88, s_patience);
    }

    private async Task<TestLog> OpenAsync(ulong writer, TimeSpan? patience = null)
    {
        var store = _fixture.Create(_logger, _looks, patience);
        await store.OpenAsync(TestLog.Meta, CancellationToken.None);
        return await TestLog.ClaimAsync(store, writer, shard: 0);
    }

    private async Task<string> OwnNameAsync() =>
        BlockedWriteWatch.NamePrefix((uint)(await _fixture.ScalarAsync("SELECT 'coordinator_event'::regclass::oid"))!) + "on elsewhere pid 1";

    /// <summary>A session that has written the shard's next row and says no more.</summary>
    private async Task<NpgsqlConnection> HoldNextKeyAsync(string name, string? user = null, long? version = null, string? prepare = null)
    {
        var connection = new NpgsqlConnection(
            $"{_fixture.Options.ConnectionString};Pooling=false;Application Name={name}{(user is null ? string.Empty : $";Username={user};Password=secret")}");
        await connection.OpenAsync();
        if (prepare is not null)
        {
            await ExecuteAsync(connection, prepare);
        }

        await ExecuteAsync(connection, "BEGIN");
        await ExecuteAsync(
            connection,
            $"INSERT INTO coordinator_event SELECT 'shard/0', {version ?? _log.Next}, 17, 1, 1, NULL, {_log.Epoch}, NULL, 0, {_log.Next}, 0, 0, '', 0, 0, 0, ''");
        return connection;
    }

    private async Task<int> WaiterAsync()
    {
        object? waiter = null;
        await UntilAsync(async () => (waiter = await _fixture.ScalarAsync(
            $"SELECT l.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted AND a.application_name LIKE 'coordinator-log ' || 'coordinator_event'::regclass::oid || ' %'")) is not null);
        return (int)waiter!;
    }

    /// <summary>The server does the waiting between two looks.</summary>
    private async Task UntilAsync(Func<Task<bool>> holds)
    {
        for (var looks = 0; !await holds(); looks++)
        {
            Assert.True(looks < 500, "what is waited for has not come");
            await _fixture.ExecuteAsync("SELECT pg_sleep(0.02)");
        }
    }

    private static async Task AssertEndedAsync(NpgsqlConnection connection)
    {
        // The server's last word, or none where the socket is closed first.
        var error = await Assert.ThrowsAnyAsync<NpgsqlException>(() => ExecuteAsync(connection, "COMMIT"));
        Assert.True(error is not PostgresException said || said.SqlState == "57P01");
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string statement)
    {
        await using var command = new NpgsqlCommand(statement, connection);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>The system's time, which tells when a timer's callback has returned: the look after a write that waits.</summary>
    private sealed class Looks : TimeProvider
    {
        private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public async Task FirstAsync()
        {
            try
            {
                await _first.Task.WaitAsync(TimeSpan.FromSeconds(30));
            }
            catch (TimeoutException)
            {
                Assert.Fail("nobody has looked after the write that waits");
            }
        }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => System.CreateTimer(
            told =>
            {
                callback(told);
                _first.TrySetResult();
            },
            state,
            dueTime,
            period);
    }
}
