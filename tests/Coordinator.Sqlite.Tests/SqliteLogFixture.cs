using System.Globalization;
using Coordinator.AdoNet;
using Coordinator.Log;
using Coordinator.Testing.Faults;
using Coordinator.Testing.Logs;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

namespace Coordinator.Sqlite.Tests;

/// <summary>A log in a temporary folder, with faults between the store and the driver.</summary>
internal sealed class SqliteLogFixture : ILogStoreFixture
{
    private readonly string _folder = Directory.CreateTempSubdirectory("coordinator-log-").FullName;
    private readonly DriverFaults _faults = new(static (kind, _) => ErrorOf(kind));

    public SqliteLogFixture() =>
        Options = new SqliteLogOptions
        {
            DataSource = Path.Combine(_folder, "log.db"),
            // A late commit holds SQLite's write lock: the fence is told to try again at once.
            LockTimeout = TimeSpan.FromMilliseconds(1),
        };

    public SqliteLogOptions Options { get; }

    public string Folder => _folder;

    /// <inheritdoc/>
    public IAppendFaults Faults => _faults;

    /// <inheritdoc/>
    public bool AnswersAbandonedAtOnce => false;

    /// <inheritdoc/>
    public bool HasBeats => false;

    /// <summary>The faults, as the driver meets them.</summary>
    public DriverFaults DriverFaults => _faults;

    /// <inheritdoc/>
    public ILogStore Create() => new AdoNetLogStore(
        new SqliteLogDialect(Options, TimeProvider.System, NullLogger.Instance, wrap: _faults.Wrap), TimeProvider.System);

    /// <inheritdoc/>
    public async Task DamageAsync(RowKey key, RowDamage damage)
    {
        await using var connection = Connect();
        await SqlRowDamage.ApplyAsync(connection, key, damage, SqliteStatements.ReadRows, static one => one switch
        {
            RowDamage.Checksum => "checksum = checksum - 1 + 2 * (checksum = 0)",
            RowDamage.UnknownKind => "kind = 99",
            RowDamage.Transaction => "transaction_id = substr(coalesce(transaction_id, zeroblob(24)), 1, 23) || x'ee'",
            RowDamage.NulInType => "type = type || char(0)",
            _ => throw new InvalidOperationException($"{one} is no assignment: it changes the payload."),
        });
    }

    /// <inheritdoc/>
    public async Task DamageSnapshotAsync(Protocol.StreamName stream)
    {
        await using var connection = Connect();
        await using var command = connection.CreateCommand();
        command.CommandText = $"UPDATE coordinator_snapshot SET payload = x'00' WHERE stream = '{stream}'";
        Expect.Equal(1, await command.ExecuteNonQueryAsync(), "snapshots damaged");
    }

    public SqliteConnection Connect()
    {
        var connection = new SqliteConnection(string.Create(CultureInfo.InvariantCulture, $"Data Source={Options.DataSource};Pooling=False"));
        connection.Open();
        return connection;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _faults.Dispose();
        Directory.Delete(_folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    private static SqliteException ErrorOf(DriverErrorKind kind) => kind switch
    {
        DriverErrorKind.Busy => new SqliteException("database is locked", 5, 5),
        DriverErrorKind.Refused => new SqliteException("string or blob too big", 18, 18),
        _ => new SqliteException("disk I/O error", 10, 1034),
    };
}
