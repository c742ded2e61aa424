using System.Globalization;
using Coordinator.AdoNet;
using Coordinator.Log;
using Coordinator.Testing.Faults;
using Coordinator.Testing.Logs;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Coordinator.Sqlite.Tests;

/// <summary>A log in a temporary folder, with faults between the store and the driver.</summary>
internal sealed class SqliteLogFixture : ILogStoreFixture
{
    private readonly string _folder = Directory.CreateTempSubdirectory("coordinator-log-").FullName;
    private readonly DriverFaults _faults = new(ErrorOf);

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

    /// <summary>The faults, as the driver meets them.</summary>
    public DriverFaults DriverFaults => _faults;

    /// <inheritdoc/>
    public ILogStore Create() => new AdoNetLogStore(
        new SqliteLogDialect(Options, TimeProvider.System, NullLogger.Instance, wrap: _faults.Wrap), TimeProvider.System);

    /// <inheritdoc/>
    public async Task DamageAsync(RowKey key, RowDamage damage)
    {
        await using var connection = Connect();
        await using var command = connection.CreateCommand();
        command.CommandText = "UPDATE coordinator_event SET " + damage switch
        {
            RowDamage.Checksum => "checksum = checksum - 1 + 2 * (checksum = 0)",
            RowDamage.UnknownKind => "kind = 99",
            RowDamage.Transaction => "transaction_id = substr(coalesce(transaction_id, zeroblob(24)), 1, 23) || x'ee'",
            RowDamage.NulInType => "type = type || char(0)",
            _ => "payload = @payload, checksum = @checksum",
        } + " WHERE stream = @stream AND version = @version";
        command.Parameters.AddWithValue("@stream", key.Stream.Value);
        command.Parameters.AddWithValue("@version", key.Version);
        if (damage is RowDamage.PayloadBit or RowDamage.NewerFormat)
        {
            var damaged = RowDamages.Apply(await ReadAsync(connection, key), damage);
            command.Parameters.AddWithValue("@payload", damaged.Payload.ToArray());
            command.Parameters.AddWithValue("@checksum", (long)damaged.Checksum);
        }

        if (damage is RowDamage.NewerFormat)
        {
            command.CommandText = command.CommandText.Replace(" WHERE", ", written_at = 0 WHERE", StringComparison.Ordinal);
        }

        Assert.Equal(1, await command.ExecuteNonQueryAsync());
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

    private static async Task<LogRow> ReadAsync(SqliteConnection connection, RowKey key)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = SqliteStatements.ReadRows;
        command.Parameters.AddWithValue("@stream", key.Stream.Value);
        command.Parameters.AddWithValue("@from", key.Version);
        command.Parameters.AddWithValue("@count", 1L);
        await using var reader = await command.ExecuteReaderAsync();
        Assert.True(await reader.ReadAsync());
        return RowDecoder.Read(reader, key.Stream);
    }

    private static SqliteException ErrorOf(DriverErrorKind kind) => kind switch
    {
        DriverErrorKind.Busy => new SqliteException("database is locked", 5, 5),
        DriverErrorKind.Refused => new SqliteException("string or blob too big", 18, 18),
        _ => new SqliteException("disk I/O error", 10, 1034),
    };
}
