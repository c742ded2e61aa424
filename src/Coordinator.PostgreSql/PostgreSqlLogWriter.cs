using System.Data.Common;
using System.Runtime.InteropServices;
using Coordinator.AdoNet;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;
using Npgsql;
using NpgsqlTypes;

namespace Coordinator.PostgreSql;

/// <summary>
/// The connection that writes. What the checks read can change until the rows are written, but only by a row at the version
/// behind: there the group's own row (or, for a stream that it only reads, a placeholder) waits for that row's transaction
/// and fails if it commits. So the key alone keeps hosts apart, and those that only write pay nothing for those that read.
/// </summary>
internal sealed class PostgreSqlLogWriter : LogWriter
{
    /// <summary>
    /// How often a claim is tried in its one trip. It loses to a row that the old owner is just writing, waits for that row's COMMIT, and
    /// is then there before the owner's next one; a claim that first went back to its host would come too late each time.
    /// </summary>
    private const int ClaimTries = 4;

    private readonly NpgsqlConnection _native;
    private readonly BlockedWriteWatch _watch;
    private readonly string _claimStatement;
    private readonly GroupStatement? _alone; // null where a row must prove each commit
    private readonly List<RowKey> _placeholders = [];
    private GroupBatch? _batch;
    private ISentGroup? _sent;
    private (StreamName Stream, long Version, AppendId AppendId) _claimed;
    private PostgresNotice? _warning;

    /// <param name="connection">What statements that write are executed through.</param>
    /// <param name="native">The driver's connection beneath it.</param>
    /// <param name="identity">The expression that says which store this is.</param>
    /// <param name="watch">Looks after writes that wait.</param>
    /// <param name="provesByRow">Whether every commit is to be proven by a row, as where the driver hides the session's state.</param>
    public PostgreSqlLogWriter(DbConnection connection, NpgsqlConnection native, string identity, BlockedWriteWatch watch, bool provesByRow)
        : base(connection)
    {
        _native = native;
        _watch = watch;
        _claimStatement = PostgreSqlStatements.Claim(identity);
        _alone = provesByRow || DriverInsides.IsOutsideTransaction(native) is null ? null : new GroupStatement(connection);
        native.Notice += OnNotice;
    }

    /// <inheritdoc/>
    public override bool WritesWhole => true;

    /// <inheritdoc/>
    public override bool WriteWhole(RowGroup group)
    {
        FindPlaceholders(group);
        _warning = null;
        using var watched = _watch.Watch();
        return _alone is not null && _placeholders.Count == 0 ? WriteAlone(_alone, group) : WriteBatch(group);
    }

    /// <inheritdoc/>
    public override void Begin()
    {
        _sent = null;
        _warning = null;
        Execute(PostgreSqlStatements.Begin);
    }

    /// <inheritdoc/>
    public override long WriteClaim(ShardClaim claim)
    {
        var row = ClaimRow.Sealed(claim.Row);
        using var batch = Connection.CreateBatch();
        for (var tries = 0; tries < ClaimTries; tries++)
        {
            AddClaim(batch, claim, row);
        }

        using var watched = _watch.Watch();
        using var reader = batch.ExecuteReader();
        string? live = null;
        string? recorded = null;
        do
        {
            if (!reader.Read())
            {
                throw new LogStoreException("The claim was answered by nothing.");
            }

            if (!reader.IsDBNull(0))
            {
                _claimed = (row.Stream, reader.GetInt64(0), row.AppendId);
                return _claimed.Version;
            }

            live = reader.GetString(1);
            recorded = reader.IsDBNull(2) ? "none" : reader.GetString(2);
        }
        while (reader.NextResult());

        return live == recorded
            ? 0
            : throw new OtherStoreException(
                $"The log was written in the store '{recorded}' and is now in '{live}': it was restored, copied, or a standby was promoted. Make sure that the original runs nowhere any more, then start with {nameof(CoordinatorOptions)}.{nameof(CoordinatorOptions.RestoredAsGeneration)}.");
    }

    /// <inheritdoc/>
    public override bool Commit()
    {
        using var batch = Connection.CreateBatch();
        GroupBatch.Add(batch, "COMMIT");
        new KeyProof(GroupBatch.Add(batch, PostgreSqlStatements.Proof)).Expect(_claimed.Stream, _claimed.Version, _claimed.AppendId);
        using var reader = batch.ExecuteReader();
        return reader.Read() && !reader.Read() && _warning is null;
    }

    /// <inheritdoc/>
    public override bool EndByRollback()
    {
        // The server warns of a ROLLBACK that finds no transaction: that one is the look.
        const string noTransaction = "25P01";
        for (var tries = 0; tries < 2; tries++)
        {
            _warning = null;
            Execute("ROLLBACK");
            if (_warning is { SqlState: noTransaction })
            {
                return true;
            }
        }

        return false;
    }

    /// <inheritdoc/>
    public override GroupAnswerKind Classify(Exception error) =>
        _sent is { } sent && !sent.FailedBeforeCommit(error)
            ? GroupAnswerKind.Unclear
            : PostgreSqlErrors.Classify(error);

    /// <summary>
    /// Closes the socket beneath the driver, which is stuck in it, and says nothing to the server: that looks for clients that
    /// went away by itself, and the next write ends a session that holds its keys.
    /// </summary>
    public override void Abort() => DriverInsides.SocketOf(_native)?.Dispose();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _native.Notice -= OnNotice;
            _watch.Dispose();
            _alone?.Dispose();
            _batch?.Dispose();
        }

        base.Dispose(disposing);
    }

    private bool WriteAlone(GroupStatement statement, RowGroup group)
    {
        _sent = statement;
        statement.Fill(group);
        var inserted = statement.Send();
        RefuseWarning();
        if (DriverInsides.IsOutsideTransaction(_native) is not true)
        {
            throw new LogStoreException("The group was answered, but its session says that a transaction is open: it is not committed.");
        }

        if (inserted == 0)
        {
            return false; // even where the rows are to be found: then an earlier try of the same group has put them there
        }

        return inserted == group.Rows.Length ? true : throw new LogStoreException($"Of {group.Rows.Length} rows {inserted} were taken.");
    }

    private bool WriteBatch(RowGroup group)
    {
        _sent = null; // until something of the group can have been sent
        var batch = _batch ??= new GroupBatch(Connection);
        _sent = batch;
        batch.Fill(group, CollectionsMarshal.AsSpan(_placeholders));
        var (proven, inserted, deleted) = batch.Send();
        RefuseWarning();
        if (inserted == 0 && deleted == 0)
        {
            return false; // as above
        }

        return proven && inserted == group.Rows.Length + _placeholders.Count && deleted == _placeholders.Count
            ? true
            : throw new LogStoreException($"COMMIT was answered, but of {group.Rows.Length} rows {inserted} were taken, and they are {(proven ? string.Empty : "not ")}to be found.");
    }

    private void RefuseWarning()
    {
        if (_warning is not null)
        {
            throw new LogStoreException($"The server answered with a warning: {_warning.MessageText}");
        }
    }

    private void AddClaim(DbBatch batch, ShardClaim claim, LogRow row) => GroupBatch.Add(batch, _claimStatement).Parameters.AddRange(new DbParameter[]
    {
        Text(row.Stream.Value), Number((long)row.AppendId.Writer), Number((long)row.AppendId.Number), Number(row.Checkpoint),
        Integer(row.Position.Shard), Integer(row.Previous.Shard), Number((long)row.Previous.Position), Text(row.Type),
        Integer(row.TypeVersion), Number(row.WrittenAt), Number(row.Checksum),
        new NpgsqlParameter<ReadOnlyMemory<byte>> { NpgsqlDbType = NpgsqlDbType.Bytea, TypedValue = row.Payload },
        Number(claim.GuardEpoch), Number((long)claim.MetaAppendId.Writer), Number((long)claim.MetaAppendId.Number),
    });

    private static NpgsqlParameter<string> Text(string value) => new() { NpgsqlDbType = NpgsqlDbType.Text, TypedValue = value };

    private static NpgsqlParameter<long> Number(long value) => new() { NpgsqlDbType = NpgsqlDbType.Bigint, TypedValue = value };

    private static NpgsqlParameter<int> Integer(int value) => new() { NpgsqlDbType = NpgsqlDbType.Integer, TypedValue = value };

    /// <summary>A warning is not a refusal, but whoever warns has not done what was asked: COMMIT without a transaction, or without its standby.</summary>
    private void OnNotice(object sender, NpgsqlNoticeEventArgs arguments)
    {
        if (arguments.Notice.InvariantSeverity is "WARNING")
        {
            _warning = arguments.Notice;
        }
    }

    /// <summary>The next version of each stream that is checked and not written, in the order of streams.</summary>
    private void FindPlaceholders(RowGroup group)
    {
        _placeholders.Clear();
        if (!group.LocksReads)
        {
            return;
        }

        foreach (var check in group.Checks)
        {
            // Rows are sorted, checks come in any order.
            if (!IsWritten(group.Rows.AsSpan(), check.Stream))
            {
                _placeholders.Add(new RowKey(check.Stream, check.Version + 1));
            }
        }

        if (_placeholders.Count > 1)
        {
            _placeholders.Sort(static (left, right) => left.Stream.CompareTo(right.Stream));
        }
    }

    private static bool IsWritten(ReadOnlySpan<LogRow> sorted, StreamName stream)
    {
        while (!sorted.IsEmpty)
        {
            var middle = sorted.Length / 2;
            var order = sorted[middle].Stream.CompareTo(stream);
            if (order == 0)
            {
                return true;
            }

            sorted = order < 0 ? sorted[(middle + 1)..] : sorted[..middle];
        }

        return false;
    }

    private void Execute(string statement)
    {
        using var command = Connection.CreateCommand();
        command.CommandText = statement;
        command.ExecuteNonQuery();
    }
}
