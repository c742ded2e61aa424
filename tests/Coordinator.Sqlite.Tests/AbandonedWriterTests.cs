using System.Collections.Immutable;
using System.Data.Common;
using Coordinator.AdoNet;
using Coordinator.Log;
using Coordinator.Testing.Faults;
using Coordinator.Testing.Logs;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Coordinator.Sqlite.Tests;

/// <summary>
/// A dialect that may leave a stuck writer behind, as those of database servers may: the append is answered at once, and
/// the next one runs beside the stuck one, on another connection and another thread.
/// </summary>
public sealed class AbandonedWriterTests : IAsyncDisposable
{
    private readonly SqliteLogFixture _fixture = new();

    [Fact]
    public async Task A_stuck_append_is_answered_at_once_and_the_next_one_does_not_wait_for_it()
    {
        await using var store = new AdoNetLogStore(new LettingGo(_fixture), TimeProvider.System);
        await store.OpenAsync(TestLog.Meta, CancellationToken.None);
        var log = await TestLog.ClaimAsync(store, writer: 7, shard: 0);
        _fixture.Faults.Arm(AppendFault.StallAtCommit);
        var writing = store.AppendAsync(log.Group(new StreamWrite("a", 0))).AsTask();
        await _fixture.Faults.Stalled;

        store.AbandonAppend();
        Assert.Equal(GroupAnswerKind.Unclear, (await writing).Kind);

        // The stuck transaction still holds SQLite's write lock: the next append is sent, and told so.
        Assert.Equal(GroupAnswerKind.TryAgain, (await store.AppendAsync(log.Group(new StreamWrite("b", 0)))).Kind);
        _fixture.Faults.Release();
    }

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    /// <summary>SQLite's dialect in all but one point.</summary>
    private sealed class LettingGo(SqliteLogFixture fixture) : LogDialect
    {
        private readonly SqliteLogDialect _sqlite = new(
            fixture.Options, TimeProvider.System, NullLogger.Instance, wrap: fixture.DriverFaults.Wrap);

        public override bool ReleasesStuckWriter => true;

        public override string Description => _sqlite.Description;

        public override bool MayCreateSchema => _sqlite.MayCreateSchema;

        public override string SchemaScript => _sqlite.SchemaScript;

        public override string ReadRowsStatement => _sqlite.ReadRowsStatement;

        public override string ReadShardEndStatement => _sqlite.ReadShardEndStatement;

        public override string FindOwnedStatement => _sqlite.FindOwnedStatement;

        public override string FindDecisionStatement => _sqlite.FindDecisionStatement;

        public override string ReadLastRowStatement => _sqlite.ReadLastRowStatement;

        public override string ReadSnapshotStatement => _sqlite.ReadSnapshotStatement;

        public override string InspectStatement => _sqlite.InspectStatement;

        public override ValueTask AcquireAsync(CancellationToken cancellation) => _sqlite.AcquireAsync(cancellation);

        public override LogWriter OpenWriter() => _sqlite.OpenWriter();

        public override DbConnection OpenReader() => _sqlite.OpenReader();

        public override int SchemaVersion(DbConnection connection) => _sqlite.SchemaVersion(connection);

        public override void CreateSchema(DbConnection connection) => _sqlite.CreateSchema(connection);

        public override string? Explain(Exception error) => _sqlite.Explain(error);

        public override object KeysParameter(ImmutableArray<RowKey> keys) => _sqlite.KeysParameter(keys);

        public override ValueTask DisposeAsync() => _sqlite.DisposeAsync();
    }
}
