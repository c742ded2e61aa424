using Coordinator.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Coordinator;

/// <summary>Keeps the log in a SQLite file.</summary>
public static class SqliteCoordinatorBuilderExtensions
{
    /// <summary>
    /// Keeps the log in a SQLite file on a local disk, created if missing. One process owns it; a second one that starts waits
    /// until the first has ended.
    /// </summary>
    /// <param name="builder">What AddCoordinator returned.</param>
    /// <param name="path">Path of the database file.</param>
    /// <param name="configure">Further settings.</param>
    public static CoordinatorBuilder UseSqlite(this CoordinatorBuilder builder, string path, Action<SqliteLogOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        builder.Services.AddOptions<SqliteLogOptions>().Configure(options =>
        {
            options.DataSource = path;
            configure?.Invoke(options);
        });
        return builder.UseLogStore(static provider => SqliteLogStore.Create(
            provider.GetRequiredService<IOptions<SqliteLogOptions>>().Value,
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILoggerFactory>().CreateLogger("Coordinator.Sqlite")));
    }
}
