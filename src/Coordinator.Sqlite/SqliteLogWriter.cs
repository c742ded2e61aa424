using System.Data.Common;
using System.Globalization;
using System.Text;
using Coordinator.AdoNet;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;
using SQLitePCL;

namespace Coordinator.Sqlite;

/// <summary>
/// The only connection that writes. BEGIN IMMEDIATE takes SQLite's one write lock, so that what the checks read can't
/// change before COMMIT.
/// </summary>
internal sealed partial class SqliteLogWriter : LogWriter
{
    private readonly SqliteWriterConnection _native;
    private readonly DbCommand _begin;
    private readonly DbCommand _commit;
    private readonly DbCommand _rollBack;
    private readonly DbCommand _insert;
    private readonly DbCommand _claim;
    private readonly SqliteStatement _insertRow;
    private readonly SqliteStatement _claimRow;
    private readonly SqliteStatement _streamEnd;

    /// <param name="connection">What statements that write are executed through.</param>
    /// <param name="native">The driver's connection beneath it.</param>
    public SqliteLogWriter(DbConnection connection, SqliteWriterConnection native)
        : base(connection)
    {
        _native = native;
        (_begin, _) = Prepare(connection, "BEGIN IMMEDIATE");
        (_commit, _) = Prepare(connection, "COMMIT");
        (_rollBack, _) = Prepare(connection, "ROLLBACK");
        (_insert, _insertRow) = Prepare(connection, SqliteStatements.Insert);
        (_claim, _claimRow) = Prepare(connection, SqliteStatements.Claim);
        (_, _streamEnd) = Prepare(native, SqliteStatements.StreamEnd);
    }

    /// <inheritdoc/>
    public override void Begin() => _begin.ExecuteNonQuery();

    /// <inheritdoc/>
    public override bool CheckAndWrite(RowGroup group)
    {
        if (!ChecksHold(group.Checks.AsSpan()))
        {
            return false;
        }

        foreach (var row in group.Rows)
        {
            Bind(row);
            if (_insert.ExecuteNonQuery() != 1)
            {
                throw new LogStoreException($"{row} was taken, but not as one row.");
            }
        }

        return true;
    }

    /// <inheritdoc/>
    public override long WriteClaim(ShardClaim claim)
    {
        var row = ClaimRow.Sealed(claim.Row);
        _claimRow.Bind(1, row.Stream.Value);
        _claimRow.Bind(2, (long)row.AppendId.Writer);
        _claimRow.Bind(3, (long)row.AppendId.Number);
        _claimRow.Bind(4, row.Position.Shard);
        _claimRow.Bind(5, row.Previous.Shard);
        _claimRow.Bind(6, (long)row.Previous.Position);
        _claimRow.Bind(7, row.Type);
        _claimRow.Bind(8, row.TypeVersion);
        _claimRow.Bind(9, row.WrittenAt);
        _claimRow.Bind(10, row.Checksum);
        _claimRow.Bind(11, row.Payload.Span);
        _claimRow.Bind(12, claim.GuardEpoch);
        _claimRow.Bind(13, (long)claim.MetaAppendId.Writer);
        _claimRow.Bind(14, (long)claim.MetaAppendId.Number);
        BindOrNull(_claimRow, 15, row.Checkpoint);
        return _claim.ExecuteScalar() is long version ? version : 0;
    }

    /// <inheritdoc/>
    public override bool Commit()
    {
        // -1 is the statement's answer to a COMMIT; anything else came from something in between.
        return _commit.ExecuteNonQuery() == -1 && raw.sqlite3_get_autocommit(_native.Handle) != 0;
    }

    /// <inheritdoc/>
    public override bool EndByRollback()
    {
        // SQLite rolls back by itself on some errors (a full disk for one); a second ROLLBACK would only report an error.
        if (raw.sqlite3_get_autocommit(_native.Handle) == 0)
        {
            _rollBack.ExecuteNonQuery();
        }

        return raw.sqlite3_get_autocommit(_native.Handle) != 0;
    }

    /// <inheritdoc/>
    public override GroupAnswerKind Classify(Exception error) => SqliteErrors.Classify(error);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            foreach (var command in (DbCommand[])[_begin, _commit, _rollBack, _insert, _claim, _streamEnd])
            {
                command.Dispose();
            }

            DisposeSnapshots();
        }

        base.Dispose(disposing);
    }

    /// <summary>The comparison itself is the rule that every store shares.</summary>
    private bool ChecksHold(ReadOnlySpan<StreamCheck> checks)
    {
        foreach (var check in checks)
        {
            if (!Holds(check))
            {
                return false;
            }
        }

        return true;
    }

    private bool Holds(StreamCheck check)
    {
        _streamEnd.Bind(1, check.Stream.Value);
        try
        {
            if (!_streamEnd.Step())
            {
                return check.Holds(default);
            }

            TransactionId holder = default;
            if (_streamEnd.Number(1) == (long)RowKind.Held && !TransactionId.TryRead(_streamEnd.Blob(3), out holder))
            {
                return false; // damaged: held for nobody knows whom
            }

            return check.Holds(new StreamEnd(_streamEnd.Number(0), holder, _streamEnd.Number(2))); // NULL reads as 0: no shard
        }
        finally
        {
            _streamEnd.Reset();
        }
    }

    private void Bind(LogRow row)
    {
        _insertRow.Bind(1, row.Stream.Value);
        _insertRow.Bind(2, row.Version);
        _insertRow.Bind(3, (long)row.Kind);
        _insertRow.Bind(4, (long)row.AppendId.Writer);
        _insertRow.Bind(5, (long)row.AppendId.Number);
        BindTransaction(row.Transaction);
        BindOrNull(_insertRow, 7, row.Epoch);
        BindOrNull(_insertRow, 8, row.Checkpoint);
        _insertRow.Bind(9, row.Position.Shard);
        _insertRow.Bind(10, (long)row.Position.Position);
        _insertRow.Bind(11, row.Previous.Shard);
        _insertRow.Bind(12, (long)row.Previous.Position);
        _insertRow.Bind(13, row.Type);
        _insertRow.Bind(14, row.TypeVersion);
        _insertRow.Bind(15, row.WrittenAt);
        _insertRow.Bind(16, row.Checksum);
        _insertRow.Bind(17, row.Payload.Span);
    }

    private void BindTransaction(TransactionId transaction)
    {
        if (transaction.IsEmpty)
        {
            _insertRow.BindNull(6);
            return;
        }

        Span<byte> bytes = stackalloc byte[TransactionId.ByteLength];
        transaction.WriteTo(bytes);
        _insertRow.Bind(6, bytes);
    }

    private static void BindOrNull(SqliteStatement statement, int index, long value)
    {
        if (value == 0)
        {
            statement.BindNull(index);
        }
        else
        {
            statement.Bind(index, value);
        }
    }

    /// <summary>The command to execute, through whatever wraps the driver, and the statement beneath it to bind to.</summary>
    private (DbCommand Command, SqliteStatement Statement) Prepare(DbConnection connection, string text)
    {
        var command = connection.CreateCommand();
        command.CommandText = text;
        command.Prepare();
        return (command, _native.Created!);
    }
}

/// <summary>JSON for the statements that take a list.</summary>
internal static class SqliteJson
{
    /// <summary>A stream's name as JSON: printable ASCII, so that only quotes and backslashes need care.</summary>
    public static StringBuilder AppendJson(this StringBuilder json, string name)
    {
        json.Append('"');
        if (name.AsSpan().ContainsAny('"', '\\'))
        {
            json.Append(name.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal));
        }
        else
        {
            json.Append(name);
        }

        return json.Append('"');
    }

    /// <summary>Keys as an array of [stream, version].</summary>
    public static string Keys(IEnumerable<RowKey> keys)
    {
        var json = new StringBuilder("[");
        foreach (var key in keys)
        {
            json.Append(json.Length > 1 ? ",[" : "[").AppendJson(key.Stream.Value).Append(CultureInfo.InvariantCulture, $",{key.Version}]");
        }

        return json.Append(']').ToString();
    }
}
