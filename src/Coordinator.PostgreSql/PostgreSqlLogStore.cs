using Coordinator.AdoNet;
using Coordinator.Log;
using Microsoft.Extensions.Logging;

namespace Coordinator.PostgreSql;

/// <summary>Makes the log store over PostgreSQL.</summary>
internal static class PostgreSqlLogStore
{
    /// <summary>A store that is not open yet.</summary>
    /// <exception cref="LogStoreException">The options name no server that could hold a log.</exception>
    public static ILogStore Create(PostgreSqlLogOptions options, TimeProvider time, ILogger logger)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.LockTimeout < TimeSpan.FromMilliseconds(10) || options.LockTimeout > TimeSpan.FromMinutes(1))
        {
            throw new LogStoreException($"{nameof(PostgreSqlLogOptions)}.{nameof(PostgreSqlLogOptions.LockTimeout)} is from 10 ms to 1 min.");
        }

        return new AdoNetLogStore(new PostgreSqlLogDialect(options, time, logger), time);
    }
}
