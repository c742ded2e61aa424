using System.Data;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;

namespace Coordinator.Testing.Faults;

/// <summary>What a statement does, as far as faults care.</summary>
internal enum StatementKind : byte
{
    /// <summary>Anything else.</summary>
    Other,

    /// <summary>Starts the transaction.</summary>
    Begin,

    /// <summary>Writes rows.</summary>
    Insert,

    /// <summary>Ends the transaction.</summary>
    Commit,

    /// <summary>Ends it without effect.</summary>
    Rollback,
}

/// <summary>Tells statements apart by their text.</summary>
internal static class StatementKinds
{
    /// <summary>What a statement does.</summary>
    public static StatementKind Of(string statement) => statement.AsSpan().TrimStart() switch
    {
        var text when text.StartsWith("BEGIN", StringComparison.OrdinalIgnoreCase) => StatementKind.Begin,
        var text when text.StartsWith("COMMIT", StringComparison.OrdinalIgnoreCase) => StatementKind.Commit,
        var text when text.StartsWith("ROLLBACK", StringComparison.OrdinalIgnoreCase) => StatementKind.Rollback,
        var text when text.Contains("INSERT INTO", StringComparison.OrdinalIgnoreCase) => StatementKind.Insert,
        _ => StatementKind.Other,
    };
}

/// <summary>A connection whose statements run into <see cref="DriverFaults"/>.</summary>
internal sealed class FaultyConnection(DbConnection inner, DriverFaults faults) : DbConnection
{
    /// <summary>The driver's connection.</summary>
    public DbConnection Inner { get; } = inner;

    /// <summary>An error was answered on it.</summary>
    public bool HasFailed { get; set; }

    /// <summary>Nothing is answered on it any more.</summary>
    public bool IsLost { get; set; }

    /// <summary>A transaction was begun on it and not ended.</summary>
    public bool IsInTransaction { get; set; }

    /// <summary>The server goes on without the client: closing this end does not end the transaction.</summary>
    public bool IsDetached { get; set; }

    /// <inheritdoc/>
    [AllowNull]
    public override string ConnectionString
    {
        get => Inner.ConnectionString;
        set => Inner.ConnectionString = value;
    }

    /// <inheritdoc/>
    public override string Database => Inner.Database;

    /// <inheritdoc/>
    public override string DataSource => Inner.DataSource;

    /// <inheritdoc/>
    public override string ServerVersion => Inner.ServerVersion;

    /// <inheritdoc/>
    public override ConnectionState State => IsLost ? ConnectionState.Broken : Inner.State;

    /// <inheritdoc/>
    public override void ChangeDatabase(string databaseName) => Inner.ChangeDatabase(databaseName);

    /// <inheritdoc/>
    public override void Open() => Inner.Open();

    /// <inheritdoc/>
    public override void Close()
    {
        if (!IsDetached)
        {
            Inner.Close();
        }
    }

    /// <inheritdoc/>
    public override bool CanCreateBatch => Inner.CanCreateBatch;

    internal DbDataReader Execute(DbBatch inner, Func<DbDataReader> run) => faults.Execute(this, inner, run);

    internal DbDataReader ExecuteAlone(Func<DbDataReader> run) => faults.ExecuteAlone(this, run);

    internal T Execute<T>(StatementKind kind, Func<T> run, T otherTag) => faults.Execute(this, kind, run, otherTag);

    /// <inheritdoc/>
    protected override DbTransaction BeginDbTransaction(IsolationLevel isolationLevel) =>
        new FaultyTransaction(this, Execute(StatementKind.Begin, () => Inner.BeginTransaction(isolationLevel), null!));

    /// <inheritdoc/>
    protected override DbBatch CreateDbBatch() => new FaultyBatch(this, Inner.CreateBatch());

    /// <inheritdoc/>
    protected override DbCommand CreateDbCommand() => new FaultyCommand(this, Inner.CreateCommand());

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing && !IsDetached)
        {
            Inner.Dispose();
        }

        base.Dispose(disposing);
    }
}

/// <summary>A transaction whose end runs into faults.</summary>
internal sealed class FaultyTransaction(FaultyConnection connection, DbTransaction inner) : DbTransaction
{
    /// <summary>The driver's transaction.</summary>
    public DbTransaction Inner { get; } = inner;

    /// <inheritdoc/>
    public override IsolationLevel IsolationLevel => Inner.IsolationLevel;

    /// <inheritdoc/>
    protected override DbConnection DbConnection => connection;

    /// <inheritdoc/>
    public override void Commit() => End(StatementKind.Commit, Inner.Commit);

    /// <inheritdoc/>
    public override void Rollback() => End(StatementKind.Rollback, Inner.Rollback);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing && !connection.IsDetached)
        {
            Inner.Dispose();
        }

        base.Dispose(disposing);
    }

    private void End(StatementKind kind, Action end) => connection.Execute(
        kind,
        () =>
        {
            end();
            return true;
        },
        false);
}

/// <summary>A command whose execution runs into faults.</summary>
internal sealed class FaultyCommand(FaultyConnection connection, DbCommand inner) : DbCommand
{
    /// <summary>What a statement answers that was another one in truth.</summary>
    public const int OtherTag = int.MaxValue;

    /// <inheritdoc/>
    [AllowNull]
    public override string CommandText
    {
        get => inner.CommandText;
        set => inner.CommandText = value;
    }

    /// <inheritdoc/>
    public override int CommandTimeout
    {
        get => inner.CommandTimeout;
        set => inner.CommandTimeout = value;
    }

    /// <inheritdoc/>
    public override CommandType CommandType
    {
        get => inner.CommandType;
        set => inner.CommandType = value;
    }

    /// <inheritdoc/>
    public override bool DesignTimeVisible { get; set; }

    /// <inheritdoc/>
    public override UpdateRowSource UpdatedRowSource
    {
        get => inner.UpdatedRowSource;
        set => inner.UpdatedRowSource = value;
    }

    /// <inheritdoc/>
    protected override DbConnection? DbConnection { get; set; } = connection;

    /// <inheritdoc/>
    protected override DbParameterCollection DbParameterCollection => inner.Parameters;

    /// <inheritdoc/>
    protected override DbTransaction? DbTransaction
    {
        get => inner.Transaction;
        set => inner.Transaction = (value as FaultyTransaction)?.Inner ?? value;
    }

    private StatementKind Kind => StatementKinds.Of(CommandText);

    /// <inheritdoc/>
    public override void Cancel() => inner.Cancel();

    /// <inheritdoc/>
    public override void Prepare() => inner.Prepare();

    /// <inheritdoc/>
    public override int ExecuteNonQuery() => connection.Execute(Kind, inner.ExecuteNonQuery, OtherTag);

    /// <inheritdoc/>
    public override object? ExecuteScalar() => connection.Execute(Kind, inner.ExecuteScalar, OtherTag);

    /// <inheritdoc/>
    protected override DbParameter CreateDbParameter() => inner.CreateParameter();

    /// <inheritdoc/>
    protected override DbDataReader ExecuteDbDataReader(CommandBehavior behavior) =>
        Kind is StatementKind.Insert && !connection.IsInTransaction
            ? connection.ExecuteAlone(() => inner.ExecuteReader(behavior))
            : connection.Execute(Kind, () => inner.ExecuteReader(behavior), null!);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        // A late commit still needs its statement.
        if (disposing && !connection.IsDetached)
        {
            inner.Dispose();
        }

        base.Dispose(disposing);
    }
}
