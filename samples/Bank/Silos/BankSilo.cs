using System.Net;
using Bank.Accounts;
using Coordinator;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Orleans.Configuration;

namespace Bank.Silos;

/// <summary>A silo of the bank: an ordinary Orleans host with a coordinator.</summary>
public static class BankSilo
{
    private const string Snapshots = "snapshots";

    /// <summary>Builds a silo.</summary>
    /// <param name="connectionString">Of the PostgreSQL server that keeps the log, the membership and the snapshots; null: one silo, all in memory.</param>
    /// <param name="port">Where other silos reach it; its gateway for clients is at the next one.</param>
    public static IHost Build(string? connectionString, int port)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.AddConsole(static options => options.LogToStandardErrorThreshold = LogLevel.Trace)
            .SetMinimumLevel(LogLevel.Error)
            .AddFilter("Orleans", LogLevel.Critical) // it says much of silos that are gone
            .AddFilter("Coordinator", LogLevel.Warning);
        builder.UseOrleans(silo =>
        {
            silo.Configure<ClusterOptions>(static options => (options.ClusterId, options.ServiceId) = ("bank", "bank"));
            silo.ConfigureEndpoints(IPAddress.Loopback, port, port + 1);
            var coordinator = silo.AddCoordinator()
                .AddEventsFrom(typeof(Account).Assembly)
                .AddSnapshots<Account>("bank.account", version: 1, every: 100);
            if (connectionString is null)
            {
                silo.UseLocalhostClustering(port, port + 1);
                coordinator.UseInMemoryLog();
                return;
            }

            // Npgsql would open up to 100 connections in each process, which is all that a PostgreSQL server has by default for all of them.
            var pooled = new NpgsqlConnectionStringBuilder(connectionString) { MaxPoolSize = 12 }.ConnectionString;
            silo.UseAdoNetClustering(options => (options.Invariant, options.ConnectionString) = ("Npgsql", pooled));
            silo.AddAdoNetGrainStorage(Snapshots, options => (options.Invariant, options.ConnectionString) = ("Npgsql", pooled));
            coordinator.UsePostgreSql(connectionString);
            coordinator.UseGrainStorageForSnapshots(Snapshots);
        });
        return builder.Build();
    }

    /// <summary>Calls grains from within a silo's process.</summary>
    public static IGrainFactory Grains(this IHost silo) => silo.Services.GetRequiredService<IGrainFactory>();
}
