using System.Data.Common;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Testing.Logs;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Coordinator.Sqlite.Tests;

/// <summary>Snapshots go over the connection that commits go over: they must leave it as it was.</summary>
public sealed class SnapshotWriteTests : IAsyncDisposable
{
    private readonly SqliteLogFixture _fixture = new();

    [Fact]
    public async Task Commits_are_forced_to_disk_again_after_a_snapshot()
    {
        await using var dialect = new SqliteLogDialect(_fixture.Options, TimeProvider.System, NullLogger.Instance);
        await dialect.AcquireAsync(CancellationToken.None);
        using var writer = dialect.OpenWriter();
        Assert.Equal(2L, Synchronous(writer.Connection));
        writer.WriteSnapshot(SnapshotOf("a"));
        Assert.Equal(2L, Synchronous(writer.Connection));
        writer.DeleteSnapshot(new StreamName("a"));
        Assert.Equal(2L, Synchronous(writer.Connection));
    }

    [Fact]
    public async Task A_snapshot_is_never_written_within_a_groups_transaction()
    {
        await using var dialect = new SqliteLogDialect(_fixture.Options, TimeProvider.System, NullLogger.Instance);
        await dialect.AcquireAsync(CancellationToken.None);
        using var writer = dialect.OpenWriter();
        writer.Begin();
        Assert.Throws<InvariantViolationException>(() => writer.WriteSnapshot(SnapshotOf("a")));
        Assert.True(writer.EndByRollback());
    }

    [Fact]
    public async Task A_snapshot_that_can_not_be_written_keeps_no_commit_back()
    {
        await using var log = await TestLog.OpenAsync(_fixture);
        await using (var connection = _fixture.Connect())
        await using (var drop = connection.CreateCommand())
        {
            drop.CommandText = "DROP TABLE coordinator_snapshot";
            await drop.ExecuteNonQueryAsync();
        }

        await Assert.ThrowsAsync<SqliteException>(async () => await log.Store.Snapshots!.WriteSnapshotAsync(SnapshotOf("a"), CancellationToken.None));
        await log.CommitAsync(new StreamWrite("a", 0));
        Assert.Single(await log.ReadAsync("a"));
    }

    [Fact]
    public async Task A_store_that_is_closed_takes_no_snapshot()
    {
        var log = await TestLog.OpenAsync(_fixture);
        await log.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await log.Store.Snapshots!.WriteSnapshotAsync(SnapshotOf("a"), CancellationToken.None));
    }

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    private static object? Synchronous(DbConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA synchronous";
        command.Prepare();
        return command.ExecuteScalar();
    }

    private static Snapshot SnapshotOf(string stream)
    {
        var snapshot = new Snapshot
        {
            Stream = new StreamName(stream), Version = 1, AppendId = new(1, 1), Generation = 1, Position = new LogPosition(0, 1), Type = "tested", TypeVersion = 1,
        };
        snapshot.Checksum = snapshot.ComputeChecksum();
        return snapshot;
    }
}
