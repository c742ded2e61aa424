using System.Data.Common;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;
using Npgsql;
using NpgsqlTypes;

namespace Coordinator.PostgreSql;

/// <summary>
/// A group with streams that it only reads, from BEGIN to COMMIT, and the proof that COMMIT was one, as statements that the server gets in one
/// trip. It skips all that stand behind one that fails.
/// </summary>
internal sealed class GroupBatch : ISentGroup
{
    private readonly RowArrays _rows = new();
    private readonly CheckArrays _checks = new();
    private readonly DbBatch _batch;
    private readonly DbBatchCommand _insert;
    private readonly DbBatchCommand _delete;
    private readonly DbBatchCommand _commit;
    private readonly NpgsqlParameter<string[]> _readStreams = new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text, TypedValue = [] };
    private readonly NpgsqlParameter<long[]> _readVersions = new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint, TypedValue = [] };
    private readonly NpgsqlParameter<long> _ownerWriter = new() { NpgsqlDbType = NpgsqlDbType.Bigint };
    private readonly NpgsqlParameter<long> _ownerNumber = new() { NpgsqlDbType = NpgsqlDbType.Bigint };
    private readonly KeyProof _proof;

    /// <param name="connection">What it is sent over.</param>
    public GroupBatch(DbConnection connection)
    {
        _batch = connection.CreateBatch();
        Add(_batch, PostgreSqlStatements.Begin);
        _insert = Add(_batch, PostgreSqlStatements.Insert);
        _rows.AddTo(_insert.Parameters);
        _checks.AddTo(_insert.Parameters);
        _delete = Add(_batch, PostgreSqlStatements.DeletePlaceholders);
        _delete.Parameters.AddRange(new DbParameter[] { _readStreams, _readVersions, _ownerWriter, _ownerNumber });
        _commit = Add(_batch, "COMMIT");
        _proof = new KeyProof(Add(_batch, PostgreSqlStatements.Proof));
        _batch.Prepare();
    }

    /// <summary>Adds a statement to a batch.</summary>
    public static DbBatchCommand Add(DbBatch batch, string text)
    {
        var command = batch.CreateBatchCommand();
        command.CommandText = text;
        batch.BatchCommands.Add(command);
        return command;
    }

    /// <summary>Takes a group. Each stream that is only read gets a placeholder at its next version, which is gone again before COMMIT.</summary>
    public void Fill(RowGroup group, ReadOnlySpan<RowKey> placeholders)
    {
        var first = group.Rows[0];
        _rows.Fill(group, placeholders, first.AppendId);
        _checks.Fill(group.Checks.AsSpan());
        _proof.Expect(first.Stream, first.Version, first.AppendId);
        var streams = new string[placeholders.Length];
        var versions = new long[placeholders.Length];
        for (var i = 0; i < placeholders.Length; i++)
        {
            (streams[i], versions[i]) = (placeholders[i].Stream.Value, placeholders[i].Version);
        }

        _readStreams.TypedValue = streams;
        _readVersions.TypedValue = versions;
        (_ownerWriter.TypedValue, _ownerNumber.TypedValue) = ((long)first.AppendId.Writer, (long)first.AppendId.Number);
    }

    /// <summary>Sends it. Whether the proof was found, how many rows were inserted and how many placeholders removed.</summary>
    public (bool Proven, int Inserted, int Deleted) Send()
    {
        bool proven;
        using (var reader = _batch.ExecuteReader())
        {
            proven = reader.Read();
        }

        return (proven, _insert.RecordsAffected, _delete.RecordsAffected);
    }

    /// <inheritdoc/>
    public bool FailedBeforeCommit(Exception error)
    {
        var failed = (error as DbException)?.BatchCommand;
        foreach (var command in _batch.BatchCommands)
        {
            if (ReferenceEquals(command, _commit))
            {
                return false;
            }

            if (ReferenceEquals(command, failed))
            {
                return true;
            }
        }

        return false;
    }

    /// <inheritdoc/>
    public void Dispose() => _batch.Dispose();
}

/// <summary>
/// The row whose being there proves a COMMIT. The driver does not show what COMMIT was answered with, and PostgreSQL answers the COMMIT of
/// a failed transaction with ROLLBACK and no error.
/// </summary>
internal sealed class KeyProof
{
    private readonly NpgsqlParameter<string> _stream = new() { NpgsqlDbType = NpgsqlDbType.Text, TypedValue = string.Empty };
    private readonly NpgsqlParameter<long> _version = new() { NpgsqlDbType = NpgsqlDbType.Bigint };
    private readonly NpgsqlParameter<long> _writer = new() { NpgsqlDbType = NpgsqlDbType.Bigint };
    private readonly NpgsqlParameter<long> _number = new() { NpgsqlDbType = NpgsqlDbType.Bigint };

    public KeyProof(DbBatchCommand command) => command.Parameters.AddRange(new DbParameter[] { _stream, _version, _writer, _number });

    /// <summary>Names the row.</summary>
    public void Expect(StreamName stream, long version, AppendId appendId)
    {
        _stream.TypedValue = stream.Value;
        _version.TypedValue = version;
        _writer.TypedValue = (long)appendId.Writer;
        _number.TypedValue = (long)appendId.Number;
    }
}
