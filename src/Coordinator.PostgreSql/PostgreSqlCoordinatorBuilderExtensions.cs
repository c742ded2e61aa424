using Coordinator.PostgreSql;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Coordinator;

/// <summary>Keeps the log in a PostgreSQL database.</summary>
public static class PostgreSqlCoordinatorBuilderExtensions
{
    /// <summary>Keeps the log in a PostgreSQL database, version 13 or later; its tables are created if missing.</summary>
    /// <param name="builder">What AddCoordinator returned.</param>
    /// <param name="connectionString">Of the server itself, not of a pooler.</param>
    /// <param name="configure">Further settings.</param>
    public static CoordinatorBuilder UsePostgreSql(
        this CoordinatorBuilder builder, string connectionString, Action<PostgreSqlLogOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrWhiteSpace(connectionString);
        return builder.UsePostgreSql(options =>
        {
            options.ConnectionString = connectionString;
            configure?.Invoke(options);
        });
    }

    internal static CoordinatorBuilder UsePostgreSql(this CoordinatorBuilder builder, Action<PostgreSqlLogOptions> configure)
    {
        builder.Services.AddOptions<PostgreSqlLogOptions>().Configure(configure);
        return builder.UseLogStore(static provider => PostgreSqlLogStore.Create(
            provider.GetRequiredService<IOptions<PostgreSqlLogOptions>>().Value,
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILoggerFactory>().CreateLogger("Coordinator.PostgreSql")));
    }
}
