using Coordinator.Hosting;
using Coordinator.Log;
using Microsoft.Extensions.DependencyInjection;

namespace Coordinator.Orleans.Hosting;

/// <summary>Stops a silo that has no log, or one that it can't share with other silos.</summary>
internal sealed class SiloLogValidator(IServiceCollection services, IServiceProvider provider) : IConfigurationValidator
{
    /// <inheritdoc/>
    public void ValidateConfiguration()
    {
        if (services.Any(static service => service.ImplementationType == typeof(CoordinatorHostedService)))
        {
            throw new OrleansConfigurationException(
                "The coordinator is added to the application's services and to its silo, and would start and stop twice: remove services.AddCoordinator(), and keep siloBuilder.AddCoordinator().");
        }

        var log = provider.GetService<ILogStore>() ?? throw new OrleansConfigurationException(
            "No log was chosen: call UsePostgreSql(\"...\") on what siloBuilder.AddCoordinator() returns (or UseInMemoryLog() for the trial of one silo).");
        if (log.Beats is null)
        {
            throw new OrleansConfigurationException(
                $"The log {log.Description} belongs to one process, and the silos of a cluster share theirs: choose UsePostgreSql(\"...\"), or run without Orleans (services.AddCoordinator()).");
        }
    }
}
