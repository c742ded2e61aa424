using Coordinator.Protocol;
using Xunit;

namespace Coordinator.Orleans.Tests;

/// <summary>Transactions over grains of several silos.</summary>
public sealed class ClusterTests
{
    [Fact]
    public async Task Grains_of_two_silos_change_together()
    {
        await using var cluster = await TestCluster.StartAsync(2);
        for (var initiator = 0; initiator < 2; initiator++)
        {
            var (here, there) = await PairAsync(cluster, initiator);
            var outcome = await cluster.Of<ITransactions>(initiator).RunAsync(async _ =>
            {
                await here.Add(-5);
                await there.Add(5);
            });

            Assert.True(outcome.IsCommitted, outcome.ToString());
            Assert.Equal((-5, 5), (await ReadAsync(cluster, here), await ReadAsync(cluster, there)));
        }
    }

    [Fact]
    public async Task A_loss_on_another_silo_is_run_again()
    {
        await using var cluster = await TestCluster.StartAsync(2);
        var (_, there) = await PairAsync(cluster, 0);
        var runs = 0;
        var outcome = await cluster.Of<ITransactions>().RunAsync(async transaction =>
        {
            await there.Add(1);
            if (++runs < 3)
            {
                await there.Lose(transaction.Id);
            }
        });

        Assert.True(outcome.IsCommitted, outcome.ToString());
        Assert.Equal((3, 1), (runs, await ReadAsync(cluster, there)));
    }

    [Fact]
    public async Task What_another_silo_throws_is_told_by_its_type()
    {
        await using var cluster = await TestCluster.StartAsync(2);
        var (_, there) = await PairAsync(cluster, 0);
        var required = await Assert.ThrowsAsync<TransactionRequiredException>(() => there.Add(1));
        Assert.Contains(nameof(ITransactions.RunAsync), required.Message, StringComparison.Ordinal);

        var outcome = await cluster.Of<ITransactions>().RunAsync(async _ =>
        {
            try
            {
                await there.Fail();
            }
            catch (InvalidOperationException)
            {
                // As if nothing had happened.
            }
        });
        Assert.Equal(AbortReason.WorkFailed, Assert.IsType<TransactionOutcome.Aborted>(outcome).Cause.Reason);
    }

    /// <summary>An account on the silo, and one on another, as the silo sees them.</summary>
    private static async Task<(IAccount Here, IAccount There)> PairAsync(TestCluster cluster, int silo)
    {
        var grains = cluster.Of<IGrainFactory>(silo);
        var address = cluster.Of<ILocalSiloDetails>(silo).SiloAddress.ToParsableString();
        IAccount? here = null, there = null;
        while (here is null || there is null)
        {
            var account = grains.GetGrain<IAccount>(Guid.CreateVersion7().ToString());
            if (await account.Place() == address)
            {
                here ??= account;
            }
            else
            {
                there ??= account;
            }
        }

        return (here, there);
    }

    private static async Task<long> ReadAsync(TestCluster cluster, IAccount account)
    {
        var value = 0L;
        Assert.True((await cluster.Of<ITransactions>().RunAsync(async _ => value = await account.Read())).IsCommitted);
        return value;
    }
}
