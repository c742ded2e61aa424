using System.Globalization;
using Coordinator.PostgreSql.Tests;
using Coordinator.Testing.Postgres;
using Npgsql;
using Xunit;

[assembly: AssemblyFixture(typeof(SharedServer))]

namespace Coordinator.PostgreSql.Tests;

/// <summary>
/// The one server of all tests that do not stop it: an own one, or the one that COORDINATOR_TEST_POSTGRES names. Each test has a schema of
/// its own in it.
/// </summary>
public sealed class SharedServer : IAsyncLifetime
{
    private static readonly string? s_given = Environment.GetEnvironmentVariable("COORDINATOR_TEST_POSTGRES");

    private PostgreSqlServer? _server;
    private NpgsqlDataSource? _administration;
    private int _schemas;

    /// <summary>To the server, without a schema.</summary>
    public string ConnectionString { get; private set; } = string.Empty;

    /// <summary>Skips a test that has to set up or stop a server of its own where another server is given.</summary>
    public static void NeedsOwnServer()
    {
        Assert.SkipWhen(s_given is not null, "COORDINATOR_TEST_POSTGRES names a server that the tests must not stop");
        Assert.True(PostgreSqlBinaries.Missing is null, PostgreSqlBinaries.Missing);
    }

    public async ValueTask InitializeAsync()
    {
        if (s_given is null)
        {
            Assert.True(PostgreSqlBinaries.Missing is null, PostgreSqlBinaries.Missing);
            _server = await PostgreSqlServer.StartNewAsync();
        }

        ConnectionString = s_given ?? _server!.ConnectionString();
        _administration = NpgsqlDataSource.Create(ConnectionString);
    }

    /// <summary>Creates a schema and gives the connection string to it.</summary>
    internal async Task<(string Schema, string ConnectionString)> CreateSchemaAsync()
    {
        var schema = string.Create(CultureInfo.InvariantCulture, $"log_{Environment.ProcessId}_{Interlocked.Increment(ref _schemas)}");
        await ExecuteAsync($"CREATE SCHEMA {schema}");
        return (schema, new NpgsqlConnectionStringBuilder(ConnectionString) { SearchPath = schema }.ConnectionString);
    }

    /// <summary>Removes a schema with all that is in it; an own server goes as a whole.</summary>
    internal Task DropSchemaAsync(string schema) => _server is null ? ExecuteAsync($"DROP SCHEMA IF EXISTS {schema} CASCADE") : Task.CompletedTask;

    /// <summary>Executes a statement as the superuser.</summary>
    internal async Task ExecuteAsync(string statement)
    {
        await using var command = _administration!.CreateCommand(statement);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>The first column of the first row.</summary>
    internal async Task<object?> ScalarAsync(string statement)
    {
        await using var command = _administration!.CreateCommand(statement);
        return await command.ExecuteScalarAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_administration is not null)
        {
            await _administration.DisposeAsync();
        }

        if (_server is not null)
        {
            await _server.DisposeAsync();
        }
    }
}
