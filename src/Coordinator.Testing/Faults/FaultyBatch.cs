using System.Data.Common;

namespace Coordinator.Testing.Faults;

/// <summary>
/// Statements that a server gets in one trip, and that run into faults one by one, as if it had carried out those before the fault and none
/// behind it.
/// </summary>
internal sealed class FaultyBatch(FaultyConnection connection, DbBatch inner) : DbBatch
{
    /// <inheritdoc/>
    public override int Timeout
    {
        get => inner.Timeout;
        set => inner.Timeout = value;
    }

    /// <inheritdoc/>
    protected override DbBatchCommandCollection DbBatchCommands => inner.BatchCommands;

    /// <inheritdoc/>
    protected override DbConnection? DbConnection { get; set; } = connection;

    /// <inheritdoc/>
    protected override DbTransaction? DbTransaction { get; set; }

    /// <inheritdoc/>
    public override void Cancel() => inner.Cancel();

    /// <inheritdoc/>
    public override void Prepare() => inner.Prepare();

    /// <inheritdoc/>
    public override Task PrepareAsync(CancellationToken cancellationToken = default) => inner.PrepareAsync(cancellationToken);

    /// <inheritdoc/>
    public override int ExecuteNonQuery()
    {
        using var reader = ExecuteDbDataReader(System.Data.CommandBehavior.Default);
        return reader.RecordsAffected;
    }

    /// <inheritdoc/>
    public override Task<int> ExecuteNonQueryAsync(CancellationToken cancellationToken = default) => throw NotUsed();

    /// <inheritdoc/>
    public override object? ExecuteScalar() => throw NotUsed();

    /// <inheritdoc/>
    public override Task<object?> ExecuteScalarAsync(CancellationToken cancellationToken = default) => throw NotUsed();

    /// <inheritdoc/>
    public override void Dispose()
    {
        // A late commit still needs its statements.
        if (!connection.IsDetached)
        {
            inner.Dispose();
        }

        base.Dispose();
    }

    /// <inheritdoc/>
    protected override DbBatchCommand CreateDbBatchCommand() => inner.CreateBatchCommand();

    /// <inheritdoc/>
    protected override DbDataReader ExecuteDbDataReader(System.Data.CommandBehavior behavior) =>
        connection.Execute(inner, () => inner.ExecuteReader(behavior));

    /// <inheritdoc/>
    protected override Task<DbDataReader> ExecuteDbDataReaderAsync(System.Data.CommandBehavior behavior, CancellationToken cancellationToken) =>
        throw NotUsed();

    private static NotSupportedException NotUsed() => new("No store calls this: what it ran into would not be injected.");
}
