using Xunit;

namespace Coordinator.Orleans.Tests;

/// <summary>What is started in a transaction is part of it, unless its flow is suppressed.</summary>
public sealed class SuppressTests(OneSilo silo) : IClassFixture<OneSilo>
{
    private ITransactions Transactions => silo.Cluster.Of<ITransactions>();

    [Theory]
    [InlineData(true, nameof(TransactionOutcome.Committed))]
    [InlineData(false, nameof(TransactionRefusedException))]
    public async Task A_loop_that_was_started_in_a_transaction_outlives_it_outside_only(bool isOutside, string told)
    {
        var busy = Busy();
        Assert.True((await Transactions.RunAsync(_ => busy.StartLoop(isOutside))).IsCommitted);
        await busy.Free();
        Assert.Equal(told, await busy.Told().OrFailAsync("word of the loop"));
    }

    [Fact]
    public async Task A_loop_outside_does_its_work_while_the_transaction_goes_on()
    {
        var busy = Busy();
        var outcome = await Transactions.RunAsync(async transaction =>
        {
            await busy.StartLoop(true);
            await busy.Free();
            Assert.Equal(nameof(TransactionOutcome.Committed), await busy.Told().OrFailAsync("word of the loop"));
            await transaction.AbortAsync();
        });

        Assert.False(outcome.IsCommitted);
        Assert.Equal(1, await silo.Cluster.ReadAsync(silo.Cluster.Of<IGrainFactory>().GetGrain<IAccount>(busy.GetPrimaryKeyString())));
    }

    [Fact]
    public async Task A_timer_that_was_started_in_a_transaction_outlives_it()
    {
        var busy = Busy();
        Assert.True((await Transactions.RunAsync(_ => busy.StartTimer())).IsCommitted);
        await busy.Free();
        Assert.Equal(nameof(TransactionOutcome.Committed), await busy.Told().OrFailAsync("word of the timer"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_transaction_in_a_block_is_its_own_and_what_follows_is_part_of_the_outer_one(bool isClient)
    {
        var (transactions, grains) = isClient ? (silo.Cluster.ClientTransactions, silo.Cluster.Grains) : (Transactions, silo.Cluster.Of<IGrainFactory>());
        var (ann, bob) = (grains.GetGrain<IAccount>(NewKey()), grains.GetGrain<IAccount>(NewKey()));
        var outcome = await transactions.RunAsync(async transaction =>
        {
            await ann.Add(1);
            using (TransactionFlow.Suppress())
            {
                await Assert.ThrowsAsync<TransactionRequiredException>(() => ann.Add(1));
                Assert.True((await transactions.RunAsync(_ => bob.Add(1))).IsCommitted);
            }

            await ann.Add(1);
            await transaction.AbortAsync();
        });

        Assert.False(outcome.IsCommitted);
        var here = silo.Cluster.Of<IGrainFactory>();
        Assert.Equal((0, 1), (await silo.Cluster.ReadAsync(here.GetGrain<IAccount>(ann.GetPrimaryKeyString())), await silo.Cluster.ReadAsync(here.GetGrain<IAccount>(bob.GetPrimaryKeyString()))));
    }

    private static string NewKey() => Guid.CreateVersion7().ToString();

    private IBusy Busy() => silo.Cluster.Of<IGrainFactory>().GetGrain<IBusy>(NewKey());
}
