using Coordinator;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Shop.Domain;

namespace Shop;

/// <summary>The shop's process: an ordinary host with an embedded coordinator on a SQLite log.</summary>
public static class ShopHost
{
    /// <summary>Builds the host.</summary>
    public static IHost Build(string dataFolder)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.AddConsole(options => options.LogToStandardErrorThreshold = LogLevel.Trace)
            .SetMinimumLevel(LogLevel.Warning)
            .AddFilter("Coordinator.Sqlite", LogLevel.Information) // says so if another shop has the log, and waits for it
            .AddFilter("Microsoft.Extensions.Hosting", LogLevel.None); // a failed start is said by the program itself
        if (ShopTelemetry.IsWanted)
        {
            builder.Configuration.AddEnvironmentVariables(); // the exporter of logs asks the host's configuration where to send them
            ShopTelemetry.AddTo(builder.Logging);
        }

        builder.Services.AddCoordinator()
            .AddEventsFrom(typeof(ShopHost).Assembly)
            .AddSnapshots<Stock>("shop.stock", version: 1, every: 20)
            .UseSqlite(Path.Combine(dataFolder, "shop.db"));
        return builder.Build();
    }
}
