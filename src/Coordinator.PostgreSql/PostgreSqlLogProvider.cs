using Coordinator.Hosting;
using Coordinator.PostgreSql;

[assembly: LogProvider("PostgreSql", typeof(PostgreSqlLogProvider))]

namespace Coordinator.PostgreSql;

/// <summary>The log in a PostgreSQL database, from configuration.</summary>
internal sealed class PostgreSqlLogProvider : ILogProvider
{
    /// <inheritdoc/>
    public object CreateSettings() => new PostgreSqlLogOptions();

    /// <inheritdoc/>
    public void Use(CoordinatorBuilder builder, Action<object> bind) => builder.UsePostgreSql(bind);
}
