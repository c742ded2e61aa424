using System.Globalization;
using Npgsql;

namespace Coordinator.PostgreSql;

/// <summary>Where the log is, and how each of its connections is made. Its text is for people and holds no password.</summary>
internal sealed class PostgreSqlTarget
{
    private const int KeepAliveSeconds = 5;

    private readonly NpgsqlConnectionStringBuilder _given;

    /// <exception cref="LogStoreException">The connection string can't be understood, or names no server that could hold a log.</exception>
    public PostgreSqlTarget(string connectionString)
    {
        const string option = $"{nameof(PostgreSqlLogOptions)}.{nameof(PostgreSqlLogOptions.ConnectionString)}";
        try
        {
            _given = new NpgsqlConnectionStringBuilder(connectionString);
        }
        catch (Exception error) when (error is ArgumentException or FormatException or OverflowException)
        {
            // Without the error and its message, which repeat values, and keywords that were meant as values: either could be the password.
#pragma warning disable MA0054 // embed the caught exception
            throw new LogStoreException(
                $"{option} can't be understood ({error.GetType().Name}). It is a list of Npgsql keywords such as Host=...;Database=...;Username=...;Password=..., not a URI; put a value that holds a semicolon between quotes.");
#pragma warning restore MA0054
        }

        if (string.IsNullOrWhiteSpace(_given.Host) || string.IsNullOrWhiteSpace(_given.Database))
        {
            throw new LogStoreException($"{option} names no server or no database. Give Host and Database.");
        }

        if (_given.Host.Contains(',', StringComparison.Ordinal) && _given.TargetSessionAttributes is not ("primary" or "read-write"))
        {
            throw new LogStoreException(
                $"{option} names several hosts. Add Target Session Attributes=primary, so that the log is never looked for on a replica, or name the one host.");
        }

        if (_given.Multiplexing)
        {
            throw new LogStoreException($"{option} asks for Multiplexing, which shares connections. Leave it out: the log needs its own.");
        }
    }

    /// <summary>Host and port.</summary>
    public string Server => _given.Host!.Contains(',', StringComparison.Ordinal) || _given.Host.Contains(':', StringComparison.Ordinal)
        ? _given.Host
        : string.Create(CultureInfo.InvariantCulture, $"{_given.Host}:{_given.Port}");

    /// <summary>The database.</summary>
    public string Database => _given.Database!;

    /// <summary>The user, or the one whom the operating system names.</summary>
    public string User => _given.Username ?? Environment.UserName;

    /// <inheritdoc/>
    public override string ToString() => $"PostgreSQL database '{Database}' at {Server}";

    /// <summary>A connection without pool, not open yet. A statement on it has no time-out unless one is given, for opening too.</summary>
    public NpgsqlConnection Connect(string applicationName, int commandTimeoutSeconds = 0) => new(new NpgsqlConnectionStringBuilder(_given.ConnectionString)
    {
        Timeout = commandTimeoutSeconds == 0 ? _given.Timeout : commandTimeoutSeconds,
        ApplicationName = applicationName,
        Pooling = false,
        Enlist = false,
        CommandTimeout = commandTimeoutSeconds,
        ClientEncoding = "UTF8",
        IncludeFailedBatchedCommand = true,
        MaxAutoPrepare = 0,
        KeepAlive = 0, // it sends statements of its own
        TcpKeepAlive = IsTcp,
        TcpKeepAliveTime = IsTcp ? KeepAliveSeconds : 0,
        TcpKeepAliveInterval = IsTcp ? 2 : 0,
        WriteBufferSize = 32 << 10,
    }.ConnectionString);

    /// <summary>A host that is a path is a Unix socket, which has no keepalives and refuses them.</summary>
    private bool IsTcp => !_given.Host!.StartsWith('/') && !_given.Host.StartsWith('@');

    /// <summary>The same, open.</summary>
    public NpgsqlConnection Open(string applicationName, int commandTimeoutSeconds = 0)
    {
        var connection = Connect(applicationName, commandTimeoutSeconds);
        try
        {
            connection.Open();
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }
}
