using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Coordinator.Orleans.Tests;

/// <summary>Silos are stopped in good order, one after the other, under load (faults.md G11).</summary>
[Collection(Processes.Name)]
public sealed class RollingStopTests(LogServer server)
{
    [Fact]
    public async Task No_request_fails_that_was_not_of_the_stopped_silo()
    {
        await using var cluster = await BankCluster.StartAsync(server, TimeSpan.FromSeconds(30));
        var others = await cluster.AddAsync(2);
        string[] ledgers = [.. others.Select(static one => one.Ports).Append(cluster.Ports)
            .SelectMany(static place => Enumerable.Range(0, 8).Select(number => KeyPlacementDirector.Key(place.Silo, number)))];
        var load = new BankLoad(ledgers);
        var client = await cluster.ConnectAsync(cluster.Ports);
        load.Start(cluster.Transactions, cluster.Grains, workers: 4);
        load.Start(client.GetRequiredService<ITransactions>(), client.GetRequiredService<IGrainFactory>(), workers: 4);
        await load.CommitsAsync(200);

        await others[0].StopAsync();
        await load.CommitsAsync(200);
        await cluster.AddAsync(1);
        await load.CommitsAsync(200);
        await others[1].StopAsync();
        await load.CommitsAsync(200);
        await load.EndAsync();

        Assert.True(load.Failures.IsEmpty, string.Join(Environment.NewLine, load.Failures.Take(5)));
        await load.VerifyAsync(cluster.Of<IEventLog>(), cluster.Grains);
    }
}
