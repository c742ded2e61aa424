using System.Net;
using Coordinator.Chaos.Silo.Twins;
using Coordinator.Chaos.Victims;
using Coordinator.Chaos.Victims.Faults;
using Coordinator.Chaos.Victims.Work;
using Coordinator.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Orleans.Configuration;
using Orleans.Runtime.Hosting;

namespace Coordinator.Chaos.Silo;

/// <summary>A silo as an application would build it, with what makes it a victim.</summary>
internal static class SiloSetup
{
    private const string Snapshots = "snapshots";
    private const int SnapshotEvery = 20, OwnConnectionsMax = 8;

    // Of Orleans, not of the coordinator, which has its defaults. Where a link is gone and both silos beat, nothing but this time-out ends the calls that went over it, and until then their
    // transactions are at work: with Orleans' 30 s a run would show little else. Who joins evicts those that do not answer in the time: a predecessor, say, with the address of a silo that does.
    private static readonly TimeSpan s_responseTimeout = TimeSpan.FromSeconds(1), s_joinTime = TimeSpan.FromSeconds(20);

    /// <summary>Builds it. The coordinator has its default options.</summary>
    /// <param name="log">Connection string of the database with the log, the membership and the snapshots.</param>
    /// <param name="listens">The port that it listens at.</param>
    /// <param name="advertises">The port that other silos are told.</param>
    /// <param name="point">Where it dies.</param>
    /// <param name="processes">How it judges other silos.</param>
    public static IHost Build(string log, int listens, int advertises, CrashPoint point, SwitchedProcesses processes)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.AddConsole(static options => options.LogToStandardErrorThreshold = LogLevel.Trace)
            .SetMinimumLevel(LogLevel.Critical) // Orleans says much of silos that are gone
            .AddFilter("Coordinator", LogLevel.Information)
            .AddFilter("Orleans.Runtime.MembershipService.MembershipTableManager", LogLevel.Warning);
        builder.Services.AddSingleton<SiloWork>();
        builder.Services.AddSingleton<TwinSwitch>();
        builder.Services.AddSingleton<TwinDirectory>();
        builder.UseOrleans(silo =>
        {
            silo.Configure<ClusterOptions>(static options => (options.ClusterId, options.ServiceId) = ("chaos", "chaos"));
            silo.Configure<EndpointOptions>(options =>
            {
                options.AdvertisedIPAddress = IPAddress.Loopback;
                options.SiloPort = advertises;
                options.SiloListeningEndpoint = new IPEndPoint(IPAddress.Loopback, listens);
                options.GatewayPort = 0; // the driver's lines are the only clients
            });
            silo.Configure<ClusterMembershipOptions>(static options => options.MaxJoinAttemptTime = s_joinTime);
            silo.Configure<SiloMessagingOptions>(static options => options.ResponseTimeout = s_responseTimeout);
            silo.AddPlacementDirector<TwinPlacement, TwinPlacementDirector>();
            silo.AddGrainDirectory(TwinDirectory.Name, static (services, _) => services.GetRequiredService<TwinDirectory>());

            var pooled = new NpgsqlConnectionStringBuilder(log) { MaxPoolSize = OwnConnectionsMax, ApplicationName = "orleans" }.ConnectionString;
            silo.UseAdoNetClustering(options => (options.Invariant, options.ConnectionString) = ("Npgsql", pooled));
            silo.AddAdoNetGrainStorage(Snapshots, options => (options.Invariant, options.ConnectionString) = ("Npgsql", pooled));
            silo.AddCoordinator()
                .AddEventsFrom(typeof(VictimWork).Assembly)
                .AddEventsFrom(typeof(SiloSetup).Assembly)
                .AddSnapshots<Account>("chaos.account", version: 1, every: SnapshotEvery)
                .AddSnapshots<NumberList>("chaos.list", version: 1, every: SnapshotEvery)
                .UsePostgreSql(log)
                .UseGrainStorageForSnapshots(Snapshots);
        });
        builder.Services.AddSingleton<IHostProcesses>(processes);
        point.AddTo(builder.Services);
        return builder.Build();
    }
}
