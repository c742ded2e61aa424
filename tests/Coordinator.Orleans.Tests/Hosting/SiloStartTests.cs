using Coordinator.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Services;
using Xunit;

namespace Coordinator.Orleans.Tests;

/// <summary>What a silo needs to start, and what it says where that is missing.</summary>
public sealed class SiloStartTests
{
    [Fact]
    public async Task Without_a_log_a_silo_does_not_start() => Assert.Contains(
        "No log was chosen", (await FailAsync(static silo => silo.AddCoordinator())).Message, StringComparison.Ordinal);

    [Fact]
    public async Task A_log_of_one_process_is_none_for_a_cluster() => Assert.Contains(
        "belongs to one process", (await FailAsync(static silo => silo.AddCoordinator().UseLogStore(static _ => OneProcessLog.Create()))).Message, StringComparison.Ordinal);

    [Fact]
    public async Task A_silo_beside_an_embedded_host_does_not_start() => Assert.Contains(
        "remove services.AddCoordinator()",
        (await FailAsync(static silo =>
        {
            silo.AddCoordinator().UseInMemoryLog();
            silo.Services.AddCoordinator();
        })).Message,
        StringComparison.Ordinal);

    [Fact]
    public void Adding_it_twice_adds_it_once()
    {
        var builder = Host.CreateApplicationBuilder();
        builder.UseOrleans(static silo =>
        {
            silo.AddCoordinator();
            silo.AddCoordinator();
        });
        foreach (var type in new[]
        {
            typeof(TransactionEngine), typeof(ITransactions), typeof(IIncomingGrainCallFilter), typeof(IOutgoingGrainCallFilter), typeof(IGrainService),
            typeof(IAttributeToFactoryMapper<TransactionalStateAttribute>), typeof(IAttributeToFactoryMapper<AggregateStateAttribute>),
        })
        {
            Assert.Single(builder.Services, service => service.ServiceType == type);
        }
    }

    private static async Task<OrleansConfigurationException> FailAsync(Action<ISiloBuilder> configure)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.UseOrleans(silo => configure(silo.UseLocalhostClustering()));
        return await Assert.ThrowsAsync<OrleansConfigurationException>(async () =>
        {
            using var host = builder.Build();
            await host.StartAsync();
        });
    }
}
