using Coordinator;
using Coordinator.Orleans.Ambient;
using Coordinator.Orleans.Clients;
using Coordinator.Orleans.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Orleans.Hosting;

/// <summary>Adds transactions to a client.</summary>
public static class CoordinatorClientBuilderExtensions
{
    /// <summary>
    /// Adds <see cref="ITransactions"/> to a client outside of the cluster: what the delegate of <see cref="ITransactions.RunAsync(Func{ITransaction, Task}, CancellationToken)"/> calls
    /// is part of one transaction, which a silo coordinates. May be called again.
    /// </summary>
    public static IClientBuilder AddCoordinatorClient(this IClientBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var services = builder.Services;
        if (!services.Any(static service => service.ServiceType == typeof(ClientTransactions)))
        {
            services.AddCoordinatorWire();
            services.TryAddSingleton(TimeProvider.System);
            services.AddSingleton<IOutgoingGrainCallFilter, OutgoingCallFilter>();
            services.AddSingleton<ClientTransactions>();
            services.AddSingleton<ITransactions>(static provider => provider.GetRequiredService<ClientTransactions>());
        }

        return builder;
    }
}
