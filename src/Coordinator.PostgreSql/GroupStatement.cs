using System.Data.Common;
using Coordinator.Log;
using Npgsql;

namespace Coordinator.PostgreSql;

/// <summary>What was sent of a group, as far as an error makes one ask.</summary>
internal interface ISentGroup : IDisposable
{
    /// <summary>Whether the server said of a statement before the commit that it failed: the commit was then not carried out.</summary>
    bool FailedBeforeCommit(Exception error);
}

/// <summary>
/// A group that only writes, as one statement that is a transaction of its own. The server answers the rows that were written when all of them
/// are, then commits, then says that it is ready and that no transaction is open: an error in between, and any other end, is unclear.
/// </summary>
internal sealed class GroupStatement : ISentGroup
{
    private readonly RowArrays _rows = new();
    private readonly CheckArrays _checks = new();
    private readonly DbCommand _command;
    private bool _hasWritten;

    /// <param name="connection">What it is sent over.</param>
    public GroupStatement(DbConnection connection)
    {
        _command = connection.CreateCommand();
        _command.CommandText = PostgreSqlStatements.InsertAlone;
        _rows.AddTo(_command.Parameters);
        _checks.AddTo(_command.Parameters);
        _command.Prepare();
    }

    /// <summary>Takes a group.</summary>
    public void Fill(RowGroup group)
    {
        _rows.Fill(group, [], group.Rows[0].AppendId);
        _checks.Fill(group.Checks.AsSpan());
    }

    /// <summary>Sends it, and reads its answer to the end. How many rows were inserted.</summary>
    public int Send()
    {
        var inserted = 0;
        _hasWritten = false;
        using var reader = _command.ExecuteReader();
        while (reader.Read())
        {
            _hasWritten = true;
            inserted++;
        }

        return reader.NextResult() // asked here, for what closing a reader runs into is not always told
            ? throw new LogStoreException("The group was answered more than once.")
            : inserted;
    }

    /// <inheritdoc/>
    /// <remarks>An error at the commit of a statement that wrote nothing, because a check failed, can be taken for one before it: nothing landed either way.</remarks>
    public bool FailedBeforeCommit(Exception error) => !_hasWritten && error is PostgresException;

    /// <inheritdoc/>
    public void Dispose() => _command.Dispose();
}
