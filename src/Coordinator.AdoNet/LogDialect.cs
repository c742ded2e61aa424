using System.Collections.Immutable;
using System.Data.Common;
using System.Globalization;
using Coordinator.Log;
using Coordinator.Protocol;

namespace Coordinator.AdoNet;

/// <summary>Writes what is not forced to disk over a connection of its own, so that no commit waits for it.</summary>
internal interface ISideWriter : ILogRemoval
{
    /// <inheritdoc cref="ISnapshotStore.WriteSnapshotAsync"/>
    ValueTask WriteSnapshotAsync(Snapshot snapshot, CancellationToken cancellation);

    /// <inheritdoc cref="ISnapshotStore.DeleteSnapshotAsync"/>
    ValueTask DeleteSnapshotAsync(StreamName stream, CancellationToken cancellation);
}

/// <summary>
/// What differs from database to database: how to connect, the schema, the statements, and what an error means.
/// </summary>
internal abstract class LogDialect : IAsyncDisposable
{
    /// <summary>The version of the schema that this software creates and reads.</summary>
    public const int CurrentSchemaVersion = 3;

    /// <summary>The version that the script makes into the current one, by adding what it lacks: snapshots, and the index of keys by age.</summary>
    private const int UpgradableSchemaVersion = 2;

    /// <summary>What and where, for messages to people; never a password.</summary>
    public abstract string Description { get; }

    /// <summary>
    /// Whether the store may leave a writer that is stuck inside the driver behind and open another one beside it. False
    /// where two writer connections are not safe: an append that was given up is then answered when its call returns.
    /// </summary>
    public abstract bool ReleasesStuckWriter { get; }

    /// <summary>Whether one reader stays open as long as the store, which <see cref="ReaderPool"/> says the use of.</summary>
    public virtual bool AnchorsReaders => true;

    /// <summary>How many connections read at once; further reads wait.</summary>
    public virtual int ReadersMax => 8;

    /// <summary>Whether <see cref="CreateSchema"/> may run when there is no schema.</summary>
    public abstract bool MayCreateSchema { get; }

    /// <summary>The whole schema as a script, for a DBA who creates it by hand.</summary>
    public abstract string SchemaScript { get; }

    /// <summary>
    /// <c>read</c>: rows of @stream from version @from on, at most @count, in order, all <see cref="RowDecoder.Columns"/>.
    /// </summary>
    public abstract string ReadRowsStatement { get; }

    /// <summary>The last row of shard @stream, the row before it and the row at the last one's epoch, in order.</summary>
    public abstract string ReadShardEndStatement { get; }

    /// <summary>The last ShardOwned row of @stream, found by its kind: slow, for damaged shards.</summary>
    public abstract string FindOwnedStatement { get; }

    /// <summary>The first decision row of @transaction_id in @stream and the row before it, in order.</summary>
    public abstract string FindDecisionStatement { get; }

    /// <summary>The last row of @stream and the row before it, in order.</summary>
    public abstract string ReadLastRowStatement { get; }

    /// <summary>
    /// For each key of @keys: index, append_writer, append_number and kind of the row there (or nulls); version, kind,
    /// transaction_id, epoch, shard and position of the stream's last row (or nulls).
    /// </summary>
    public abstract string InspectStatement { get; }

    /// <summary>The snapshot of @stream, all <see cref="SnapshotDecoder.Columns"/>.</summary>
    public abstract string ReadSnapshotStatement { get; }

    /// <summary>
    /// Writes snapshots and removes rows beside the writer's connection; null where only that may write, and
    /// <see cref="LogWriter"/> does both between two groups.
    /// </summary>
    public virtual ISideWriter? SideWriter => null;

    /// <summary>Heartbeats of the hosts that share the log; null where a lock shows who lives.</summary>
    public virtual IHostBeats? Beats => null;

    /// <summary>
    /// What tells this store from a restored copy or a promoted replica of it (rule D-3), as the store says it now; empty where it
    /// can't be told.
    /// </summary>
    public virtual ValueTask<string> ReadStoreIdentityAsync(CancellationToken cancellation) => ValueTask.FromResult(string.Empty);

    /// <summary>Makes the store usable by this process alone where it must be: locks, tests of the file system.</summary>
    public abstract ValueTask AcquireAsync(CancellationToken cancellation);

    /// <summary>A new connection for the only writer, with its safety checks done and its statements ready.</summary>
    /// <exception cref="LogStoreException">The store is missing, unsafe or foreign.</exception>
    public abstract LogWriter OpenWriter();

    /// <summary>A new connection that can only read.</summary>
    public abstract DbConnection OpenReader();

    /// <summary>The version of the schema that is there; 0 if there is none.</summary>
    public abstract int SchemaVersion(DbConnection connection);

    /// <summary>Creates the schema in one transaction; harmless if it is there.</summary>
    public abstract void CreateSchema(DbConnection connection);

    /// <summary>What opening ran into, as a message that says what to do; null if it is nothing known.</summary>
    public abstract string? Explain(Exception error);

    /// <summary>The value of the parameter @keys.</summary>
    public abstract object KeysParameter(ImmutableArray<RowKey> keys);

    /// <summary>Sees to it that the connection's database has the schema; statements can only be prepared after it.</summary>
    /// <exception cref="LogStoreException">It is missing and may not be created, or has another version.</exception>
    protected void EnsureSchema(DbConnection connection)
    {
        var found = SchemaVersion(connection);
        if (found is 0 or UpgradableSchemaVersion)
        {
            if (!MayCreateSchema)
            {
                throw new LogStoreException(found == 0
                    ? $"{Description} has no log, and creating it is switched off. Switch it on, or run the schema script as a DBA."
                    : $"The log in {Description} has an older schema, and changing it is switched off. Switch it on, or run the schema script as a DBA.");
            }

            CreateSchema(connection);
            found = SchemaVersion(connection);
        }

        if (found != CurrentSchemaVersion)
        {
            throw new LogStoreException(string.Create(
                CultureInfo.InvariantCulture,
                $"The log in {Description} has schema version {found}; this software needs version {CurrentSchemaVersion}. Use the version that created it, or migrate it."));
        }
    }

    /// <summary>Adds a parameter; the value may be set later.</summary>
    public static DbParameter Parameter(DbCommand command, string name, object? value = null)
    {
        var parameter = command.CreateParameter();
        parameter.ParameterName = name;
        parameter.Value = value ?? DBNull.Value;
        command.Parameters.Add(parameter);
        return parameter;
    }

    /// <inheritdoc/>
    public abstract ValueTask DisposeAsync();
}
