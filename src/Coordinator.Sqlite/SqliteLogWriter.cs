using System.Data.Common;
using System.Globalization;
using System.Text;
using Coordinator.AdoNet;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Coordinator.Sqlite;

/// <summary>
/// The only connection that writes. BEGIN IMMEDIATE takes SQLite's one write lock, so that what the checks read can't
/// change before COMMIT.
/// </summary>
internal sealed class SqliteLogWriter : LogWriter
{
    /// <summary>
    /// For BEGIN alone: the driver repeats a statement that finds the database locked until this has passed, and for ever
    /// if it is 0. It never interrupts a statement that runs.
    /// </summary>
    private const int BusySeconds = 1;

    private readonly SqliteConnection _native;
    private readonly DbCommand _begin;
    private readonly DbCommand _commit;
    private readonly DbCommand _rollBack;
    private readonly DbCommand _streamEnds;
    private readonly DbCommand _insert;
    private readonly DbCommand _claim;
    private readonly DbParameter[] _row;
    private readonly StringBuilder _streams = new();

    public SqliteLogWriter(DbConnection connection, SqliteConnection native)
        : base(connection)
    {
        _native = native;
        _begin = Prepare("BEGIN IMMEDIATE");
        _begin.CommandTimeout = BusySeconds;
        _commit = Prepare("COMMIT");
        _rollBack = Prepare("ROLLBACK");
        _streamEnds = Prepare(SqliteStatements.StreamEnds, "streams");
        string[] row =
        [
            "stream", "version", "kind", "append_writer", "append_number", "transaction_id", "epoch", "shard", "position",
            "previous_shard", "previous_position", "type", "type_version", "written_at", "checksum", "payload",
        ];
        _insert = Prepare(SqliteStatements.Insert, row);
        _row = [.. _insert.Parameters.Cast<DbParameter>()];
        _claim = Prepare(
            SqliteStatements.Claim,
            "stream", "append_writer", "append_number", "shard", "previous_shard", "previous_position", "type", "type_version", "written_at",
            "checksum", "payload", "guard", "log_id", "generation");
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
        var row = SealedClaim(claim.Row);
        object[] values =
        [
            row.Stream.Value, (long)row.AppendId.Writer, (long)row.AppendId.Number, (long)row.Position.Shard, (long)row.Previous.Shard,
            (long)row.Previous.Position, row.Type, (long)row.TypeVersion, row.WrittenAt, (long)row.Checksum, row.Payload.ToArray(),
            claim.GuardEpoch, (long)claim.Identity.LogId, (long)claim.Identity.Generation,
        ];
        for (var i = 0; i < values.Length; i++)
        {
            _claim.Parameters[i].Value = values[i];
        }

        return _claim.ExecuteScalar() is long version ? version : 0;
    }

    /// <inheritdoc/>
    public override bool Commit()
    {
        _commit.ExecuteNonQuery();
        return raw.sqlite3_get_autocommit(_native.Handle) != 0;
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
            foreach (var command in (DbCommand[])[_begin, _commit, _rollBack, _streamEnds, _insert, _claim])
            {
                command.Dispose();
            }
        }

        base.Dispose(disposing);
    }

    /// <summary>The checksum of a claim, which leaves out what only the statement knows.</summary>
    private static LogRow SealedClaim(LogRow row)
    {
        if (!LogStreams.TryParseShard(row.Stream, out var shard))
        {
            throw new ArgumentException($"'{row.Stream}' is no shard.", nameof(row));
        }

        var claim = new LogRow
        {
            Stream = row.Stream,
            Version = 0,
            Kind = RowKind.ShardOwned,
            AppendId = row.AppendId,
            Position = new LogPosition(shard, 0),
            Previous = row.Previous,
            Type = row.Type,
            TypeVersion = row.TypeVersion,
            WrittenAt = row.WrittenAt,
            Payload = row.Payload,
        };
        claim.Checksum = RowChecksum.Of(claim, 0);
        return claim;
    }

    /// <summary>One statement for all checks of the group; the comparison itself is the rule that every store shares.</summary>
    private bool ChecksHold(ReadOnlySpan<StreamCheck> checks)
    {
        Span<StreamEnd> ends = checks.Length <= 128 ? stackalloc StreamEnd[checks.Length] : new StreamEnd[checks.Length];
        _streamEnds.Parameters[0].Value = Names(checks);
        using (var reader = _streamEnds.ExecuteReader())
        {
            while (reader.Read())
            {
                var held = (RowKind)reader.GetInt64(2) is RowKind.Held;
                ends[(int)reader.GetInt64(0)] = new StreamEnd(
                    reader.GetInt64(1), held ? Holder(reader) : default, reader.IsDBNull(4) ? 0 : reader.GetInt64(4));
            }
        }

        for (var i = 0; i < checks.Length; i++)
        {
            if (!checks[i].Holds(ends[i]))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>An unreadable holder is nobody's: the stream stays held.</summary>
    private static TransactionId Holder(DbDataReader reader)
    {
        string? fault = null;
        var holder = RowDecoder.ReadTransaction(reader, 3, ref fault);
        return fault is null ? holder : throw new LogStoreException($"A Held row can't be read: {fault}.");
    }

    private string Names(ReadOnlySpan<StreamCheck> checks)
    {
        _streams.Clear().Append('[');
        foreach (var check in checks)
        {
            _streams.Append(_streams.Length > 1 ? "," : null).AppendJson(check.Stream.Value);
        }

        return _streams.Append(']').ToString();
    }

    private void Bind(LogRow row)
    {
        _row[0].Value = row.Stream.Value;
        _row[1].Value = row.Version;
        _row[2].Value = (long)row.Kind;
        _row[3].Value = (long)row.AppendId.Writer;
        _row[4].Value = (long)row.AppendId.Number;
        _row[5].Value = row.Transaction.IsEmpty ? DBNull.Value : row.Transaction.ToByteArray();
        _row[6].Value = row.Epoch == 0 ? DBNull.Value : row.Epoch;
        _row[7].Value = (long)row.Position.Shard;
        _row[8].Value = (long)row.Position.Position;
        _row[9].Value = (long)row.Previous.Shard;
        _row[10].Value = (long)row.Previous.Position;
        _row[11].Value = row.Type;
        _row[12].Value = (long)row.TypeVersion;
        _row[13].Value = row.WrittenAt;
        _row[14].Value = (long)row.Checksum;
        _row[15].Value = row.Payload.ToArray();
    }

    private DbCommand Prepare(string text, params string[] parameters)
    {
        var command = Connection.CreateCommand();
        command.CommandText = text;
        command.CommandTimeout = 0; // an append has no time-out: giving up in the middle would only hide what happened
        foreach (var name in parameters)
        {
            LogDialect.Parameter(command, "@" + name);
        }

        command.Prepare();
        return command;
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
