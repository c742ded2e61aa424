using Coordinator.Log;
using Coordinator.Testing.Logs;
using Xunit;

namespace Coordinator.PostgreSql.Tests;

/// <summary>Several hosts on one log, and what a real server makes of the answers.</summary>
public sealed class SharedLogTests(SharedServer server) : IAsyncLifetime
{
    private PostgreSqlLogFixture _fixture = null!;

    public async ValueTask InitializeAsync()
    {
        _fixture = await PostgreSqlLogFixture.CreateAsync(server);
        _fixture.Options.LockTimeout = TimeSpan.FromSeconds(10);
    }

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    [Fact]
    public async Task Of_claims_that_race_exactly_one_lands()
    {
        await using var first = await TestLog.OpenAsync(_fixture, writer: 1);
        var store = _fixture.Create();
        await store.OpenAsync(TestLog.Meta, CancellationToken.None);
        await using var second = TestLog.Unowned(store, shard: 0, writer: 2);
        for (var (round, epoch) = (0, first.Epoch); round < 40; round++)
        {
            var claims = new[] { first.Claim(epoch), second.Claim(epoch) };
            var answers = await Task.WhenAll(
                Task.Run(async () => await first.Store.ClaimAsync(claims[0])), Task.Run(async () => await store.ClaimAsync(claims[1])));
            Assert.Equal([GroupAnswerKind.Landed, GroupAnswerKind.CheckFailed], answers.Select(answer => answer.Kind).Order());
            epoch = answers.Single(answer => answer.Kind is GroupAnswerKind.Landed).Version;
            Assert.Equal(round + 2L, epoch);
        }
    }

    [Fact]
    public async Task A_claim_lands_under_an_owner_that_never_rests()
    {
        await using var owner = await TestLog.OpenAsync(_fixture, writer: 1);
        await using var store = _fixture.Create();
        await store.OpenAsync(TestLog.Meta, CancellationToken.None);
        var claimant = TestLog.Unowned(store, shard: 0, writer: 2);
        var stopping = false;
        var busy = Task.Run(async () =>
        {
            var appended = 0;
            while (!Volatile.Read(ref stopping) && (await owner.AppendAsync(owner.Group(new StreamWrite("busy", appended)))).Kind is GroupAnswerKind.Landed)
            {
                appended++;
            }

            return appended;
        });
        await UntilAppendedAsync(20);
        var tries = 0;
        while ((await store.ClaimAsync(claimant.Claim(owner.Epoch))).Kind is GroupAnswerKind.CheckFailed)
        {
            tries++;
        }

        Volatile.Write(ref stopping, value: true);
        Assert.True(await busy >= 20);
        Assert.InRange(tries, 0, 5);
    }

    /// <summary>Why a shard without an owner is no sign that nobody believes in one shard any more (decision 0013).</summary>
    [Fact]
    public async Task A_claim_from_before_the_log_grew_is_not_seen_until_its_commit_and_stands_in_the_way_of_the_next()
    {
        _fixture.Options.LockTimeout = TimeSpan.FromMilliseconds(60);
        await using var store = _fixture.Create();
        await store.OpenAsync(TestLog.Meta, CancellationToken.None);
        await using var other = await _fixture.ConnectAsync();
        await using var claiming = await other.BeginTransactionAsync();
        await using (var claim = new Npgsql.NpgsqlCommand("INSERT INTO coordinator_event SELECT 'shard/0', 1, 16, 1, 1, NULL, 1, NULL, 0, 1, 0, 0, '', 0, 0, 0, ''", other))
        {
            await claim.ExecuteNonQueryAsync();
        }

        var grown = await LogOpening.OpenAsync(store, TestLog.Meta, null, TimeProvider.System, CancellationToken.None, shardCountMin: 16);
        var next = TestLog.Unowned(store, shard: 0, writer: 2).Claim(0) with { Opened = grown };
        Assert.Equal(0, (await store.ReadShardEndAsync(0, CancellationToken.None)).LastVersion);
        Assert.Equal(GroupAnswerKind.TryAgain, (await store.ClaimAsync(next)).Kind);
        await claiming.CommitAsync();

        Assert.Equal(GroupAnswerKind.CheckFailed, (await store.ClaimAsync(next)).Kind);
        Assert.Equal((GroupAnswerKind.Landed, 2L), await store.ClaimAsync(next with { GuardEpoch = 1 }) is var answer ? (answer.Kind, answer.Version) : default);
    }

    /// <summary>Each reads what the other writes: one of them must fail, or neither order explains both (rule D-9).</summary>
    [Fact]
    public async Task Of_two_hosts_that_write_what_the_other_read_never_both_land()
    {
        await using var left = await TestLog.OpenAsync(_fixture, writer: 1, shard: 1);
        await using var right = await TestLog.OpenAsync(_fixture, writer: 2, shard: 2);
        var landed = 0;
        for (var round = 0; round < 60; round++)
        {
            var (x, y) = ($"x{round}", $"y{round}");
            var groups = new[] { left.Group(new StreamWrite(x, 0), new StreamWrite(y, 0, 0)), right.Group(new StreamWrite(y, 0), new StreamWrite(x, 0, 0)) };
            var answers = await Task.WhenAll(
                Task.Run(async () => await left.AppendAsync(groups[0])), Task.Run(async () => await right.AppendAsync(groups[1])));
            Assert.All(answers, answer => Assert.Contains(answer.Kind, (GroupAnswerKind[])[GroupAnswerKind.Landed, GroupAnswerKind.CheckFailed, GroupAnswerKind.TryAgain]));
            var both = answers.Count(answer => answer.Kind is GroupAnswerKind.Landed);
            Assert.InRange(both, 0, 1);
            landed += both;
        }

        Assert.True(landed > 0, "one of the two can always land");
        Assert.Equal(0L, await _fixture.ScalarAsync("SELECT count(*) FROM coordinator_event WHERE kind = 0"));
    }

    [Fact]
    public async Task A_stream_whose_read_is_being_validated_can_t_be_written_until_that_is_decided()
    {
        _fixture.Options.LockTimeout = TimeSpan.FromMilliseconds(60);
        await using var log = await TestLog.OpenAsync(_fixture);
        await using var reader = await _fixture.ConnectAsync();
        var group = log.Group(new StreamWrite("read", 0));
        await using (var transaction = await reader.BeginTransactionAsync())
        {
            foreach (var statement in (string[])
            [
                "INSERT INTO coordinator_event SELECT 'read', 1, 0, 1, 1, NULL, NULL, NULL, 0, 0, 0, 0, '', 0, 0, 0, ''",
                "DELETE FROM coordinator_event WHERE stream = 'read' AND kind = 0",
            ])
            {
                await using var command = new Npgsql.NpgsqlCommand(statement, reader);
                await command.ExecuteNonQueryAsync();
            }

            Assert.Equal(GroupAnswerKind.TryAgain, (await log.Store.AppendAsync(group)).Kind);
            await transaction.CommitAsync();
        }

        Assert.Equal(GroupAnswerKind.Landed, (await log.AppendAsync(group)).Kind);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_error_at_the_commit_is_unclear_though_nothing_landed(bool provesByRow)
    {
        _fixture.ProvesByRow = provesByRow;
        await using var log = await TestLog.OpenAsync(_fixture);
        await TriggerAsync("RAISE EXCEPTION 'no' USING ERRCODE = '23514'", deferred: true);
        var group = log.Group(new StreamWrite("a", 0));
        Assert.Equal(GroupAnswerKind.Unclear, (await log.Store.AppendAsync(group)).Kind);
        Assert.Equal(0, await log.CountAsync(group));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_row_that_the_database_refuses_is_refused(bool provesByRow)
    {
        _fixture.ProvesByRow = provesByRow;
        await using var log = await TestLog.OpenAsync(_fixture);
        await TriggerAsync("RAISE EXCEPTION 'no' USING ERRCODE = '23514'", deferred: false);
        var group = log.Group(new StreamWrite("a", 0), new StreamWrite("b", 0));
        Assert.Equal(GroupAnswerKind.Refused, (await log.Store.AppendAsync(group)).Kind);
        Assert.Equal(0, await log.CountAsync(group));
        await _fixture.ExecuteAsync("DROP TRIGGER tested ON coordinator_event");
        Assert.Equal(GroupAnswerKind.Landed, (await log.AppendAsync(group)).Kind);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_warning_makes_an_answer_unclear(bool provesByRow)
    {
        _fixture.ProvesByRow = provesByRow;
        await using var log = await TestLog.OpenAsync(_fixture);
        await TriggerAsync("RAISE WARNING 'not as asked'", deferred: false);
        var answer = await log.Store.AppendAsync(log.Group(new StreamWrite("a", 0)));
        Assert.Equal(GroupAnswerKind.Unclear, answer.Kind);
        Assert.Contains("not as asked", answer.Error!.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_row_that_was_silently_left_out_makes_an_answer_unclear(bool provesByRow)
    {
        _fixture.ProvesByRow = provesByRow;
        await using var log = await TestLog.OpenAsync(_fixture);
        await TriggerAsync("IF NEW.stream = 'a' THEN RETURN NULL; END IF", deferred: false);
        Assert.Equal(GroupAnswerKind.Unclear, (await log.Store.AppendAsync(log.Group(new StreamWrite("a", 0)))).Kind);
    }

    [Fact]
    public async Task A_row_taken_out_of_a_shard_is_noticed()
    {
        await using (var log = await TestLog.OpenAsync(_fixture))
        {
            for (var i = 0; i < 4; i++)
            {
                await log.CommitAsync();
            }
        }

        await _fixture.ExecuteAsync("DELETE FROM coordinator_event WHERE stream = 'shard/0' AND version = 3");
        await using var store = _fixture.Create();
        await store.OpenAsync(TestLog.Meta, CancellationToken.None);
        await Assert.ThrowsAsync<LogCorruptException>(async () => await store.ReadAsync(LogStreams.Shard(0), 1, 10, CancellationToken.None));
        var marked = await store.ReadAsync(LogStreams.Shard(0), 1, 10, UnreadableRows.Mark, CancellationToken.None);
        Assert.Equal([4L], marked.Where(row => row.Fault is not null).Select(row => row.Version));
    }

    [Fact]
    public async Task A_table_that_was_replaced_beneath_a_running_host_is_neither_written_nor_read()
    {
        await using var log = await TestLog.OpenAsync(_fixture);
        await log.CommitAsync(new StreamWrite("a", 0));
        await _fixture.ExecuteAsync(
            "ALTER TABLE coordinator_event RENAME TO earlier; CREATE TABLE coordinator_event (LIKE earlier INCLUDING ALL); INSERT INTO coordinator_event SELECT * FROM earlier; "
            + "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'coordinator-log ' || 'earlier'::regclass::oid || ' %'");
        var group = log.Group(new StreamWrite("a", 1));
        Assert.Equal(GroupAnswerKind.Unclear, (await log.Store.AppendAsync(group)).Kind); // the session was ended
        var answer = await log.Store.AppendAsync(group);
        Assert.Equal(GroupAnswerKind.TryAgain, answer.Kind);
        Assert.Contains("RestoredAsGeneration", Assert.IsType<LogStoreException>(answer.Error).Message, StringComparison.Ordinal);
        await Assert.ThrowsAnyAsync<Exception>(async () => await log.ReadAsync("a")); // a session from before
        await Assert.ThrowsAsync<LogStoreException>(async () => await log.ReadAsync("a"));
    }

    [Fact]
    public async Task Heartbeats_go_on_after_their_session_was_ended()
    {
        await using var store = _fixture.Create();
        await store.OpenAsync(TestLog.Meta, CancellationToken.None);
        var beat = new HostBeat(1, 1, new HostProcess("m", "b", "p", 1, 1), [0]);
        await store.Beats!.BeatAsync(beat, CancellationToken.None);
        await _fixture.ExecuteAsync("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'coordinator-log heartbeat'");
        await Assert.ThrowsAnyAsync<Npgsql.NpgsqlException>(async () => await store.Beats.BeatAsync(beat with { Count = 2 }, CancellationToken.None));
        await store.Beats.BeatAsync(beat with { Count = 3 }, CancellationToken.None);
        Assert.Equal(3L, Assert.Single(await store.Beats.ReadBeatsAsync(CancellationToken.None)).Count);
    }

    [Fact]
    public async Task Statements_go_by_index_on_an_empty_table_too()
    {
        await using var dialect = new PostgreSqlLogDialect(_fixture.Options, TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
        using (dialect.OpenWriter())
        {
            using var reader = (Npgsql.NpgsqlConnection)dialect.OpenReader();
            foreach (var statement in (string[])[PostgreSqlStatements.ReadRows, PostgreSqlStatements.ReadShardEnd, PostgreSqlStatements.ReadLastRow, PostgreSqlStatements.FindDecision])
            {
                await using var explain = new Npgsql.NpgsqlCommand("EXPLAIN " + statement, reader);
                explain.Parameters.AddWithValue("@stream", "shard/0");
                explain.Parameters.AddWithValue("@from", 1L);
                explain.Parameters.AddWithValue("@count", 1L);
                explain.Parameters.AddWithValue("@transaction_id", new byte[24]);
                await using var plan = await explain.ExecuteReaderAsync();
                while (await plan.ReadAsync())
                {
                    Assert.DoesNotContain("Seq Scan on coordinator_event", plan.GetString(0), StringComparison.Ordinal);
                }
            }
        }
    }

    private async Task UntilAppendedAsync(long rows)
    {
        for (var looks = 0; (long)(await _fixture.ScalarAsync("SELECT count(*) FROM coordinator_event WHERE stream = 'busy'"))! < rows; looks++)
        {
            Assert.True(looks < 5000, "the owner does not append");
        }
    }

    private Task TriggerAsync(string body, bool deferred) => _fixture.ExecuteAsync(
        $"CREATE FUNCTION {_fixture.Schema}.tested() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN NEW; END $$; "
        + (deferred
            ? "CREATE CONSTRAINT TRIGGER tested AFTER INSERT ON coordinator_event DEFERRABLE INITIALLY DEFERRED"
            : "CREATE TRIGGER tested BEFORE INSERT ON coordinator_event")
        + $" FOR EACH ROW EXECUTE FUNCTION {_fixture.Schema}.tested()");
}
