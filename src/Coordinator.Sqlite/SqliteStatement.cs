using System.Data;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Coordinator.Sqlite;

/// <summary>
/// One prepared statement with typed binding. The driver's own command looks each parameter up by name, boxes each value
/// and allocates a binder for it, which costs more than SQLite's insert. It is a <see cref="DbCommand"/>, so that whatever
/// stands between the store and the driver sees every execution.
/// </summary>
internal sealed class SqliteStatement(SqliteConnection connection) : DbCommand
{
    private const int Persistent = 1; // SQLITE_PREPARE_PERSISTENT
    private const int Row = 100;
    private const int Done = 101;

    private sqlite3_stmt? _statement;
    private long?[] _numbers = [];
    private string?[] _texts = [];
    private byte[] _utf8 = new byte[256];

    /// <inheritdoc/>
    [AllowNull]
    public override string CommandText { get; set; } = string.Empty;

    /// <summary>Ignored: nothing here is ever interrupted.</summary>
    public override int CommandTimeout { get; set; }

    /// <inheritdoc/>
    public override CommandType CommandType { get; set; } = CommandType.Text;

    /// <inheritdoc/>
    public override bool DesignTimeVisible { get; set; }

    /// <inheritdoc/>
    public override UpdateRowSource UpdatedRowSource { get; set; }

    /// <inheritdoc/>
    protected override DbConnection? DbConnection { get; set; } = connection;

    /// <inheritdoc/>
    protected override DbParameterCollection DbParameterCollection => throw new NotSupportedException("Bind by index.");

    /// <inheritdoc/>
    protected override DbTransaction? DbTransaction { get; set; }

    /// <inheritdoc/>
    public override void Prepare()
    {
        var result = raw.sqlite3_prepare_v3(connection.Handle, CommandText, Persistent, out _statement);
        if (result != raw.SQLITE_OK)
        {
            throw Error(result);
        }

        var parameters = raw.sqlite3_bind_parameter_count(_statement);
        _numbers = new long?[parameters + 1];
        _texts = new string?[parameters + 1];
    }

    /// <summary>Binds a number, unless the parameter has it from the last time.</summary>
    public void Bind(int index, long value)
    {
        if (_numbers[index] != value)
        {
            Check(raw.sqlite3_bind_int64(_statement, index, value));
            _numbers[index] = value;
        }
    }

    /// <summary>Binds text, unless the parameter has this very string from the last time.</summary>
    public void Bind(int index, string value)
    {
        if (ReferenceEquals(_texts[index], value))
        {
            return;
        }

        _texts[index] = null;
        if (_utf8.Length < value.Length * 3)
        {
            _utf8 = new byte[value.Length * 3];
        }

        // An empty span has no address, which SQLite takes for NULL.
        Check(value.Length == 0
            ? raw.sqlite3_bind_text(_statement, index, value)
            : raw.sqlite3_bind_text(_statement, index, _utf8.AsSpan(0, Encoding.UTF8.GetBytes(value, _utf8))));
        _texts[index] = value;
    }

    /// <summary>Binds bytes. An empty blob is not NULL.</summary>
    public void Bind(int index, ReadOnlySpan<byte> value) =>
        Check(value.IsEmpty ? raw.sqlite3_bind_zeroblob(_statement, index, 0) : raw.sqlite3_bind_blob(_statement, index, value));

    /// <summary>Binds NULL.</summary>
    public void BindNull(int index)
    {
        _numbers[index] = null;
        Check(raw.sqlite3_bind_null(_statement, index));
    }

    /// <summary>Runs a query to its first row; false if it has none. <see cref="Reset"/> ends it.</summary>
    public bool Step() => raw.sqlite3_step(_statement) switch
    {
        Row => true,
        Done => false,
        var result => throw Fail(result),
    };

    /// <summary>Ends a query.</summary>
    public void Reset() => _ = raw.sqlite3_reset(_statement);

    /// <summary>A column of the row that <see cref="Step"/> found.</summary>
    public long Number(int column) => raw.sqlite3_column_int64(_statement, column);

    /// <summary>A column of the row that <see cref="Step"/> found; valid until the next call.</summary>
    public ReadOnlySpan<byte> Blob(int column) => raw.sqlite3_column_blob(_statement, column);

    /// <summary>1 for a statement with parameters (they write one row here), -1 for BEGIN, COMMIT and ROLLBACK.</summary>
    public override int ExecuteNonQuery()
    {
        _ = Step();
        Reset();
        return _numbers.Length > 1 ? 1 : -1;
    }

    /// <summary>The first column of the first row as a number, or null.</summary>
    public override object? ExecuteScalar()
    {
        object? value = Step() ? Number(0) : null;
        Reset();
        return value;
    }

    /// <summary>Does nothing: an append is never cancelled.</summary>
    public override void Cancel()
    {
    }

    /// <inheritdoc/>
    protected override DbParameter CreateDbParameter() => throw new NotSupportedException("Bind by index.");

    /// <inheritdoc/>
    protected override DbDataReader ExecuteDbDataReader(CommandBehavior behavior) => throw new NotSupportedException("Step through it.");

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _statement?.Dispose();
            _statement = null;
        }

        base.Dispose(disposing);
    }

    private void Check(int result)
    {
        if (result != raw.SQLITE_OK)
        {
            throw Error(result);
        }
    }

    /// <summary>The error of a step. A statement that is not reset would keep its transaction from ending.</summary>
    private SqliteException Fail(int result)
    {
        var error = Error(result);
        Reset();
        return error;
    }

    private SqliteException Error(int result) =>
        new(raw.sqlite3_errmsg(connection.Handle).utf8_to_string(), result & 0xFF, raw.sqlite3_extended_errcode(connection.Handle));
}

/// <summary>A connection whose <see cref="DbConnection.CreateCommand"/> makes <see cref="SqliteStatement"/>s.</summary>
internal sealed class SqliteWriterConnection(string connectionString) : SqliteConnection(connectionString)
{
    /// <summary>The one made last: who executes through a wrapper binds here.</summary>
    public SqliteStatement? Created { get; private set; }

    /// <inheritdoc/>
    protected override DbCommand CreateDbCommand() => Created = new SqliteStatement(this);
}
