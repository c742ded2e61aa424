using System.Data.Common;
using System.Reflection;
using Coordinator.AdoNet;
using Coordinator.Log;
using Coordinator.Testing.Faults;
using Coordinator.Testing.Logs;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Coordinator.PostgreSql.Tests;

/// <summary>A log in a schema of its own, with faults between the store and the driver.</summary>
internal sealed class PostgreSqlLogFixture : ILogStoreFixture
{
    private readonly SharedServer _server;
    private readonly DriverFaults _faults = new(ErrorOf);

    private PostgreSqlLogFixture(SharedServer server, string schema, string connectionString)
    {
        _server = server;
        Schema = schema;
        Options = new PostgreSqlLogOptions
        {
            ConnectionString = connectionString,
            // A late commit holds its keys: the fence ends its session after half of this.
            LockTimeout = TimeSpan.FromMilliseconds(60),
        };
    }

    public PostgreSqlLogOptions Options { get; }

    public string Schema { get; }

    /// <summary>Whether its stores must prove each commit by a row, as where the driver hides the session's state.</summary>
    public bool ProvesByRow { get; set; }

    /// <inheritdoc/>
    public IAppendFaults Faults => _faults;

    /// <inheritdoc/>
    public bool AnswersAbandonedAtOnce => true;

    /// <inheritdoc/>
    public bool HasBeats => true;

    /// <summary>The faults, as the driver meets them.</summary>
    public DriverFaults DriverFaults => _faults;

    public static async Task<PostgreSqlLogFixture> CreateAsync(SharedServer server)
    {
        var (schema, connectionString) = await server.CreateSchemaAsync();
        return new PostgreSqlLogFixture(server, schema, connectionString);
    }

    /// <inheritdoc/>
    public ILogStore Create() => Create(NullLogger.Instance);

    public ILogStore Create(ILogger logger, TimeProvider? time = null, TimeSpan? patience = null) => new AdoNetLogStore(
        new PostgreSqlLogDialect(Options, time ?? TimeProvider.System, logger, wrap: _faults.Wrap, patience, ProvesByRow), TimeProvider.System);

    /// <inheritdoc/>
    public async Task DamageAsync(RowKey key, RowDamage damage)
    {
        await using var connection = await ConnectAsync();
        await SqlRowDamage.ApplyAsync(connection, key, damage, PostgreSqlStatements.ReadRows, static one => one switch
        {
            RowDamage.Checksum => "checksum = (checksum + 1) % 4294967296",
            RowDamage.UnknownKind => "kind = 99",
            RowDamage.Transaction => "transaction_id = overlay(coalesce(transaction_id, decode(repeat('00', 24), 'hex')) PLACING '\\xee'::bytea FROM 24)",
            RowDamage.NulInType => "type = repeat('x', 1025)", // no NUL can be in a text: too long is as impossible
            _ => throw new InvalidOperationException($"{one} is no assignment: it changes the payload."),
        });
    }

    /// <inheritdoc/>
    public Task DamageSnapshotAsync(Protocol.StreamName stream) =>
        ExecuteAsync($"UPDATE coordinator_snapshot SET payload = 'damaged' WHERE stream = '{stream}'");

    public async Task<NpgsqlConnection> ConnectAsync(string applicationName = "another program")
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(Options.ConnectionString)
        {
            ApplicationName = applicationName,
            Pooling = false,
        }.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    public async Task ExecuteAsync(string statement)
    {
        await using var connection = await ConnectAsync();
        await using var command = new NpgsqlCommand(statement, connection);
        await command.ExecuteNonQueryAsync();
    }

    public async Task<object?> ScalarAsync(string statement)
    {
        await using var connection = await ConnectAsync();
        await using var command = new NpgsqlCommand(statement, connection);
        return await command.ExecuteScalarAsync();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _faults.Dispose();
        await _server.DropSchemaAsync(Schema);
    }

    internal static PostgresException ErrorOf(string state, DbBatchCommand? failed = null, string? constraint = null)
    {
        var error = new PostgresException("injected", "ERROR", "ERROR", state, constraintName: constraint);
        if (failed is not null)
        {
            // Only the driver itself may say which statement failed.
            typeof(NpgsqlException).GetProperty("BatchCommand", BindingFlags.Instance | BindingFlags.Public | BindingFlags.DeclaredOnly)!
                .SetValue(error, failed);
        }

        return error;
    }

    private static PostgresException ErrorOf(DriverErrorKind kind, DbBatchCommand? failed) => ErrorOf(
        kind switch
        {
            DriverErrorKind.Busy => "55P03",
            DriverErrorKind.Refused => "22001",
            _ => "58030",
        },
        failed);
}
