using System.Net.Sockets;
using Coordinator.Log;
using Npgsql;

namespace Coordinator.PostgreSql;

/// <summary>What PostgreSQL's error codes mean for a write that was not committed, and for people who open a log.</summary>
internal static class PostgreSqlErrors
{
    /// <summary>
    /// Only codes that say for sure that the statement did nothing. 40003 says of itself that it does not know, 58 (I/O) and XX
    /// (internal) speak of a server that is not sound, and what the server did not say itself is a lost connection.
    /// </summary>
    public static GroupAnswerKind Classify(Exception error) => error switch
    {
        PostgresException { SqlState: "23505", ConstraintName: PostgreSqlStatements.KeyConstraint } => GroupAnswerKind.CheckFailed,
        PostgresException { SqlState: "40001" or "40P01" or "55P03" } => GroupAnswerKind.TryAgain,
        PostgresException postgres => ClassOf(postgres.SqlState) switch
        {
            "53" => GroupAnswerKind.TryAgain,
            "57" when postgres.SqlState.StartsWith("57P0", StringComparison.Ordinal) => GroupAnswerKind.TryAgain,
            "22" or "23" or "54" => GroupAnswerKind.Refused,
            _ => GroupAnswerKind.Unclear,
        },
        OtherStoreException => GroupAnswerKind.Refused,
        _ => GroupAnswerKind.Unclear,
    };

    /// <summary>What to do about an error at opening, or null.</summary>
    public static string? Explain(Exception error, PostgreSqlTarget target) => error switch
    {
        PostgresException postgres => Explain(postgres, target),
        NpgsqlException { InnerException: SocketException socket } =>
            $"No PostgreSQL server answers at {target.Server}: {socket.Message} Start it, or correct Host and Port in the connection string.",
        NpgsqlException { InnerException: TimeoutException } or TimeoutException =>
            $"{target} does not answer in time. Look at the server and the network between; Timeout in the connection string is the limit.",
        NpgsqlException npgsql => $"{target} can't be opened: {npgsql.Message} Look at the server's log and the connection string.",
        _ => null,
    };

    private static string Explain(PostgresException error, PostgreSqlTarget target) => error.SqlState switch
    {
        "28P01" or "28000" => $"{target} refuses the user '{target.User}': {error.MessageText}. Correct Username and Password, or the server's pg_hba.conf.",
        "3D000" => $"There is no database '{target.Database}' at {target.Server}. Create it, or correct Database in the connection string.",
        "3F000" => $"The search path of '{target.User}' names no schema in {target}. Create one, or set Search Path in the connection string.",
        "42501" => $"The user '{target.User}' lacks a right in {target}: {error.MessageText}. {Rights}",
        "53300" => $"{target} has no connection left: {error.MessageText}. A host of this log needs up to nine; raise max_connections.",
        "57P03" => $"{target} is not ready: {error.MessageText}. Start again when it is.",
        _ => $"{target} can't be used: {error.MessageText} ({error.SqlState}).",
    };

    /// <summary>What the log's user must be allowed.</summary>
    public const string Rights =
        "Grant it USAGE on the schema, SELECT, INSERT and DELETE on coordinator_event, SELECT, INSERT, UPDATE and DELETE on coordinator_host and coordinator_snapshot, "
        + "SELECT on coordinator_schema, and CREATE on the schema if the log is to create its tables itself.";

    private static string ClassOf(string state) => state.Length >= 2 ? state[..2] : state;
}

/// <summary>A claim found that the log is in another store than the one on record: trying again would never end that.</summary>
internal sealed class OtherStoreException(string message) : Exception(message);
