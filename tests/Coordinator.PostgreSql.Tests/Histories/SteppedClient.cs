using System.Collections.Immutable;
using System.Data;
using Coordinator.Testing.Histories;
using Npgsql;

namespace Coordinator.PostgreSql.Tests.Histories;

/// <summary>A client of a table of lists and registers that does one thing at a time, when it is told to, and writes down what it saw.</summary>
internal sealed class SteppedClient : IAsyncDisposable
{
    private readonly string _name;
    private readonly HistoryTable _table;
    private readonly NpgsqlConnection _connection;
    private readonly List<MicroOperation> _operations = [];
    private NpgsqlTransaction? _transaction;
    private long _beganAt;

    public SteppedClient(string name, HistoryTable table, NpgsqlConnection connection) => (_name, _table, _connection) = (name, table, connection);

    /// <summary>Begins a transaction. The server takes its snapshot with the first read.</summary>
    public async Task BeginAsync(IsolationLevel isolation)
    {
        _operations.Clear();
        _beganAt = _table.Tick();
        _transaction = await _connection.BeginTransactionAsync(isolation);
    }

    public Task ReadListAsync(string key) => StepAsync("SELECT elements FROM list WHERE key = $1", key, null, found =>
        new MicroOperation.ReadList(key, found is long[] elements ? [.. elements] : []));

    public Task AppendAsync(string key, long element) => StepAsync(
        "INSERT INTO list VALUES ($1, ARRAY[$2]) ON CONFLICT (key) DO UPDATE SET elements = list.elements || $2", key, element, _ => new MicroOperation.Append(key, element));

    public Task ReadAsync(string key) => StepAsync("SELECT value FROM register WHERE key = $1", key, null, found =>
        new MicroOperation.Read(key, (long?)found));

    public Task WriteAsync(string key, long value) => StepAsync(
        "INSERT INTO register VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = $2", key, value, _ => new MicroOperation.Write(key, value));

    /// <summary>Commits, unless the server has aborted the transaction already, or does now.</summary>
    public async Task CommitAsync()
    {
        var outcome = RecordedOutcome.Aborted;
        if (_transaction is { } transaction)
        {
            try
            {
                await transaction.CommitAsync();
                outcome = RecordedOutcome.Committed;
            }
            catch (PostgresException error) when (error.SqlState == PostgresErrorCodes.SerializationFailure)
            {
                // It did nothing.
            }
        }

        _table.Record(new RecordedTransaction(_name, outcome, [.. _operations]) { BeganAt = _beganAt, EndedAt = _table.Tick() });
    }

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private async Task StepAsync(string statement, string key, long? value, Func<object?, MicroOperation> done)
    {
        if (_transaction is null)
        {
            return;
        }

        await using var command = new NpgsqlCommand(statement, _connection, _transaction) { Parameters = { new() { Value = key } } };
        if (value is { } written)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = written });
        }

        try
        {
            _operations.Add(done(await command.ExecuteScalarAsync()));
        }
        catch (PostgresException error) when (error.SqlState == PostgresErrorCodes.SerializationFailure)
        {
            await _transaction.DisposeAsync();
            _transaction = null;
        }
    }
}

/// <summary>The table that the clients share, and the history of what they did.</summary>
internal sealed class HistoryTable
{
    private readonly string _connectionString;
    private readonly List<RecordedTransaction> _history = [];
    private long _time;

    private HistoryTable(string connectionString) => _connectionString = connectionString;

    public ImmutableArray<RecordedTransaction> History => [.. _history];

    public static async Task<HistoryTable> CreateAsync(SharedServer server)
    {
        var (schema, connectionString) = await server.CreateSchemaAsync();
        await server.ExecuteAsync($"CREATE TABLE {schema}.list (key text PRIMARY KEY, elements bigint[] NOT NULL)");
        await server.ExecuteAsync($"CREATE TABLE {schema}.register (key text PRIMARY KEY, value bigint NOT NULL)");
        return new HistoryTable(connectionString);
    }

    public async Task<SteppedClient> ConnectAsync(string name)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(_connectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        return new SteppedClient(name, this, connection);
    }

    /// <summary>The clock of all clients: a step for each that is asked for.</summary>
    public long Tick() => ++_time;

    public void Record(RecordedTransaction transaction) => _history.Add(transaction);
}
