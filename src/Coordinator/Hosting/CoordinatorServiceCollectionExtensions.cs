using System.Diagnostics.Metrics;
using System.Reflection;
using Coordinator.Aggregates;
using Coordinator.Diagnostics;
using Coordinator.Hosting;
using Coordinator.Log;
using Coordinator.Shards;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Polly;

namespace Coordinator
{
    /// <summary>What an application adds to the embedded host.</summary>
    public sealed class CoordinatorBuilder
    {
        internal CoordinatorBuilder(IServiceCollection services) => Services = services;

        /// <summary>The application's services.</summary>
        public IServiceCollection Services { get; }

        /// <summary>
        /// Adds every event type that an assembly declares with <see cref="EventTypeAttribute"/>, and keeps the streams of its aggregates from other
        /// use.
        /// </summary>
        public CoordinatorBuilder AddEventsFrom(Assembly assembly)
        {
            ArgumentNullException.ThrowIfNull(assembly);
            Services.AddSingleton<Action<AggregateTypes>>(types => types.ReserveFrom(assembly));
            return ConfigureEvents(events => events.AddFrom(assembly));
        }

        /// <summary>Adds event types one by one, or changes how events become JSON.</summary>
        public CoordinatorBuilder ConfigureEvents(Action<EventTypes> configure)
        {
            ArgumentNullException.ThrowIfNull(configure);
            Services.AddSingleton(configure);
            return this;
        }

        /// <summary>
        /// Keeps snapshots of an aggregate, so that loading it costs one snapshot and a few events, however long its history is. They are
        /// written beside transactions and may be lost; the events stay what is true. To lose or to delete them costs only time.
        /// </summary>
        /// <typeparam name="T">
        /// The state. As JSON it must hold all that its Apply and its readers use: what is not serialized is lost, and nobody can see it.
        /// </typeparam>
        /// <param name="name">Stored name of the state's type, for instance <c>bank.account</c>; 1 to 100 printable ASCII characters without blanks.</param>
        /// <param name="version">
        /// Stored version. Raise it with every change of the state or of Apply that would fold the same events to something else: snapshots
        /// of another version are not read and are replaced in time. Default 1.
        /// </param>
        /// <param name="every">After how many events beyond the last snapshot one is taken. Default 100.</param>
        /// <param name="serializer">Default: JSON as for events (<see cref="EventTypes.Json"/>).</param>
        public CoordinatorBuilder AddSnapshots<T>(string name, int version = 1, int every = 100, ISnapshotSerializer<T>? serializer = null)
            where T : class, IAggregate<T>
        {
            Action<SnapshotTypes> add = types => types.Add(name, version, every, serializer);
            Services.AddSingleton(add);
            return this;
        }

        /// <summary>
        /// Replaces what runs a transaction's work again: the given strategies see each attempt's outcome, and may call again after one that
        /// was aborted (<see cref="TransactionOutcome.Aborted.IsWorthRerun"/> says whether it makes sense), one attempt at a time. Default: up
        /// to 30 times where it makes sense, after 1 ms, doubling up to 100 ms, with jitter.
        /// </summary>
        public CoordinatorBuilder UseReruns(Action<ResiliencePipelineBuilder<TransactionOutcome>> configure)
        {
            ArgumentNullException.ThrowIfNull(configure);
            Services.RemoveAll<Action<ResiliencePipelineBuilder<TransactionOutcome>>>();
            Services.AddSingleton(configure);
            return this;
        }

        /// <summary>
        /// Keeps the log in this process's memory: for tests and trials. Nothing survives the process.
        /// </summary>
        public CoordinatorBuilder UseInMemoryLog() => UseLogStore(static provider => new InMemoryLogStore(provider.GetRequiredService<TimeProvider>()));

        internal CoordinatorBuilder UseLogStore(Func<IServiceProvider, ILogStore> create)
        {
            Services.RemoveAll<ILogStore>();
            Services.AddSingleton(create);
            return this;
        }
    }
}

namespace Microsoft.Extensions.DependencyInjection
{
    using Coordinator;

    /// <summary>Adds the coordinator to an application.</summary>
    public static class CoordinatorServiceCollectionExtensions
    {
        /// <summary>
        /// Adds <see cref="ITransactions"/>, <see cref="IAggregates"/> and <see cref="IEventLog"/> and the hosted service that owns the log. Choose a log on
        /// the returned builder; may be called again to configure more. Options are checked when the host starts.
        /// </summary>
        public static CoordinatorBuilder AddCoordinator(this IServiceCollection services, Action<CoordinatorOptions>? configure = null)
        {
            var builder = services.AddCoordinatorEngine(configure);
            services.TryAddSingleton(static provider => CreateEngine(provider, static seams => seams));
            services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, CoordinatorHostedService>());
            return builder;
        }

        /// <summary>What every host has. The engine itself is up to the caller, and so is who starts and stops it.</summary>
        internal static CoordinatorBuilder AddCoordinatorEngine(this IServiceCollection services, Action<CoordinatorOptions>? configure)
        {
            ArgumentNullException.ThrowIfNull(services);
            if (configure is not null)
            {
                services.Configure(configure);
            }

            services.AddOptions<CoordinatorOptions>().ValidateOnStart();
            services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<CoordinatorOptions>, CoordinatorOptionsValidator>());
            services.TryAddSingleton(TimeProvider.System);
            services.TryAddSingleton<ITransactions>(static provider => provider.GetRequiredService<TransactionEngine>());
            services.TryAddSingleton<IAggregates>(static provider => provider.GetRequiredService<TransactionEngine>());
            services.TryAddSingleton<IEventLog>(static provider => provider.GetRequiredService<TransactionEngine>());
            return new CoordinatorBuilder(services);
        }

        /// <summary>The event types that the application has added.</summary>
        internal static EventTypes CreateEvents(IServiceProvider provider)
        {
            var events = new EventTypes();
            foreach (var configure in provider.GetServices<Action<EventTypes>>())
            {
                configure(events);
            }

            return events;
        }

        /// <summary>Puts an engine together from what the application has registered.</summary>
        /// <param name="provider">The application's services.</param>
        /// <param name="adapt">What the host has of its own: its name, its link to others.</param>
        internal static TransactionEngine CreateEngine(IServiceProvider provider, Func<EngineSeams, EngineSeams> adapt)
        {
            var events = CreateEvents(provider);
            var snapshots = new SnapshotTypes(events);
            foreach (var add in provider.GetServices<Action<SnapshotTypes>>())
            {
                add(snapshots);
            }

            var aggregates = new AggregateTypes(events, snapshots);
            foreach (var reserve in provider.GetServices<Action<AggregateTypes>>())
            {
                reserve(aggregates);
            }

            var store = provider.GetService<ILogStore>()
                ?? throw new InvalidOperationException(
                    "No log was chosen: call UsePostgreSql(\"...\") or UseSqlite(\"file\") on what AddCoordinator returns (or UseInMemoryLog() for a trial).");
            var time = provider.GetRequiredService<TimeProvider>();
            var logger = provider.GetRequiredService<ILoggerFactory>().CreateLogger("Coordinator");
            var seams = new EngineSeams(
                store,
                time,
                SystemRandomSource.Instance,
                ThreadPoolDispatcher.Instance,
                provider.GetService<Func<ITransport, ITransport>>(),
                $"{Environment.MachineName}:{Environment.ProcessId}",
                provider.GetService<IHostProcesses>() ?? LinuxProcesses.Instance,
                provider.GetService<ISnapshotStore>(),
                new EngineTelemetry(provider.GetService<IMeterFactory>(), time, logger));
            return new TransactionEngine(
                adapt(seams),
                provider.GetRequiredService<IOptions<CoordinatorOptions>>().Value,
                events,
                aggregates,
                logger,
                provider.GetService<Action<ResiliencePipelineBuilder<TransactionOutcome>>>());
        }
    }
}

namespace Coordinator.Hosting
{
    /// <summary>Starts and stops the engine with the application.</summary>
    internal sealed class CoordinatorHostedService(TransactionEngine engine) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => engine.StartAsync(cancellationToken);

        public Task StopAsync(CancellationToken cancellationToken) => engine.StopAsync(cancellationToken);
    }
}
