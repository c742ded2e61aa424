using Coordinator;
using Coordinator.Hosting;
using Coordinator.Orleans.Ambient;
using Coordinator.Orleans.Clients;
using Coordinator.Orleans.Facets;
using Coordinator.Orleans.Grains;
using Coordinator.Orleans.Hosting;
using Coordinator.Orleans.Links;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Runtime.Hosting;

namespace Orleans.Hosting;

/// <summary>Adds the coordinator to a silo.</summary>
public static class CoordinatorSiloBuilderExtensions
{
    // In a log that a silo creates: enough that each of as many silos has one to begin transactions on.
    private const int ShardCount = 16;

    /// <summary>
    /// Makes the silo a host of the log, which it shares with the other silos of its cluster: adds <see cref="ITransactions"/>, <see cref="IAggregates"/>,
    /// <see cref="IEventLog"/> and the facets for grain state (<see cref="TransactionalStateAttribute"/>, <see cref="AggregateStateAttribute"/>). Choose a log on the
    /// returned builder; may be called again to configure more. Options and grain classes are checked when the silo starts.
    /// </summary>
    /// <remarks>
    /// The configuration's section <c>Orleans:Coordinator</c> sets <see cref="CoordinatorOptions"/> by their names, and its section <c>Log</c> may choose the log:
    /// <c>ProviderType</c> is <c>PostgreSql</c> (with the package Coordinator.PostgreSql) or <c>Memory</c>, beside the settings of that log, for instance <c>ConnectionString</c>.
    /// What code sets goes before it.
    /// </remarks>
    /// <exception cref="OrleansConfigurationException">The configuration has a key or a value that means nothing here.</exception>
    public static CoordinatorBuilder AddCoordinator(this ISiloBuilder builder, Action<CoordinatorOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var services = builder.Services;
        if (!services.Any(static service => service.ServiceType == typeof(SiloEngine)))
        {
            AddSiloServices(services);
            CoordinatorConfiguration.Apply(builder.Configuration, services.AddCoordinatorEngine(null)); // first: code overrides it
        }

        return services.AddCoordinatorEngine(configure);
    }

    private static void AddSiloServices(IServiceCollection services)
    {
        services.AddCoordinatorWire();
        services.AddSingleton<ITransactions, SiloTransactions>(); // before the engine's own, which has no ambient
        services.AddSingleton(CreateLink);
        services.AddSingleton<CoordinatorServiceClient>();
        services.AddSingleton(static provider => CoordinatorServiceCollectionExtensions.CreateEngine(provider, seams => Adapt(seams, provider)));
        services.AddSingleton<SiloEngine>();
        services.AddSingleton<TransactionAnswers>();
        services.AddSingleton<ClientSessions>();
        services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(static provider => provider.GetRequiredService<SiloEngine>());
        services.AddGrainService<CoordinatorService>();
        services.AddGrainDirectory(NoDirectory.Name, static (_, _) => new NoDirectory());

        // The outermost one: what it tells the caller of an invocation that lost a call must not be swallowed by a filter of the application.
        services.Insert(0, ServiceDescriptor.Singleton<IIncomingGrainCallFilter, IncomingCallFilter>());
        services.AddSingleton<IOutgoingGrainCallFilter, OutgoingCallFilter>();

        services.AddSingleton<IAttributeToFactoryMapper<TransactionalStateAttribute>, TransactionalStateMapper>();
        services.AddSingleton<IAttributeToFactoryMapper<AggregateStateAttribute>, AggregateStateMapper>();
        services.AddSingleton<IConfigurationValidator>(provider => new SiloLogValidator(services, provider));
        services.AddSingleton<IConfigurationValidator, GrainClassValidator>();
    }

    private static SiloLink CreateLink(IServiceProvider provider) => new(
        provider.GetRequiredService<ILocalSiloDetails>().SiloAddress,
        provider.GetRequiredService<IClusterMembershipService>(),
        provider.GetRequiredService<CoordinatorServiceClient>(),
        ThreadPoolDispatcher.Instance,
        provider.GetRequiredService<ILoggerFactory>().CreateLogger("Coordinator.Orleans"));

    private static EngineSeams Adapt(EngineSeams seams, IServiceProvider provider) => seams with
    {
        HostName = provider.GetRequiredService<ILocalSiloDetails>().SiloAddress.ToParsableString(),
        Link = provider.GetRequiredService<SiloLink>(),
        ShardCount = ShardCount,
    };
}
