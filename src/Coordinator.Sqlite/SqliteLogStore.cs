using Coordinator.AdoNet;
using Coordinator.Log;
using Microsoft.Extensions.Logging;

namespace Coordinator.Sqlite;

/// <summary>Makes the log store over SQLite.</summary>
internal static class SqliteLogStore
{
    /// <summary>A store that is not open yet.</summary>
    /// <exception cref="LogStoreException">The options name no file that could hold a log.</exception>
    public static ILogStore Create(SqliteLogOptions options, TimeProvider time, ILogger logger)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.StandbyPollInterval < TimeSpan.FromMilliseconds(10))
        {
            throw new LogStoreException($"{nameof(SqliteLogOptions)}.{nameof(SqliteLogOptions.StandbyPollInterval)} is at least 10 ms.");
        }

        if (options.LockTimeout < TimeSpan.FromMilliseconds(1) || options.LockTimeout > TimeSpan.FromHours(1))
        {
            throw new LogStoreException($"{nameof(SqliteLogOptions)}.{nameof(SqliteLogOptions.LockTimeout)} is from 1 ms to 1 h.");
        }

        if (options.CheckpointPages < 100)
        {
            throw new LogStoreException($"{nameof(SqliteLogOptions)}.{nameof(SqliteLogOptions.CheckpointPages)} is at least 100.");
        }

        return new AdoNetLogStore(new SqliteLogDialect(options, time, logger), time);
    }
}
