using Coordinator.Protocol;
using Xunit;

namespace Coordinator.Orleans.Tests;

/// <summary>Transactions over grains of one silo.</summary>
public sealed class RunTests(OneSilo silo) : IClassFixture<OneSilo>
{
    private ITransactions Transactions => silo.Cluster.Of<ITransactions>();

    [Fact]
    public async Task Grains_that_are_called_in_a_transaction_change_together()
    {
        var (ann, bob) = (Account(), Account());
        Assert.True((await Transactions.RunAsync(async _ =>
        {
            await ann.Add(-5);
            await bob.Add(5);
        })).IsCommitted);

        Assert.Equal((-5, 5), (await ReadAsync(ann), await ReadAsync(bob)));
    }

    [Fact]
    public async Task Work_that_throws_leaves_nothing()
    {
        var ann = Account();
        await Assert.ThrowsAsync<TimeoutException>(() => Transactions.RunAsync(async _ =>
        {
            await ann.Add(1);
            throw new TimeoutException();
        }));

        Assert.Equal(0, await ReadAsync(ann));
    }

    [Fact]
    public async Task A_grain_begins_a_transaction()
    {
        var (ann, bob) = (Account(), Account());
        Assert.True(await silo.Cluster.Grains.GetGrain<ITransfers>(0).Transfer(ann.GetPrimaryKeyString(), bob.GetPrimaryKeyString(), 7));
        Assert.Equal((-7, 7), (await ReadAsync(ann), await ReadAsync(bob)));
    }

    [Fact]
    public async Task An_aggregate_of_a_grain_is_the_one_that_has_its_key()
    {
        var key = Guid.CreateVersion7().ToString();
        var counter = silo.Cluster.Grains.GetGrain<ICounter>(key);
        var counted = silo.Cluster.Of<IGrainFactory>().GetGrain<ICounter>(key);
        Assert.True((await Transactions.RunAsync(_ => counted.Count(3))).IsCommitted);

        Assert.Equal(3, (await silo.Cluster.Of<IAggregates>().ReadAsync<Counter>(key)).State.Sum);
        await Assert.ThrowsAsync<TransactionRequiredException>(() => counter.Sum());
    }

    [Theory]
    [InlineData(Careless.Leaves)]
    [InlineData(Careless.Swallows)]
    public async Task A_grain_that_is_careless_with_a_call_does_not_commit(Careless how)
    {
        var (ann, bob) = (Account(), Account());
        var outcome = await Transactions.RunAsync(async _ =>
        {
            try
            {
                await ann.AddThrough(1, bob.GetPrimaryKeyString(), how);
            }
            catch (TransactionAbortedException)
            {
                // The initiator is as careless.
            }
        });

        Assert.Equal(AbortReason.WorkFailed, Assert.IsType<TransactionOutcome.Aborted>(outcome).Cause.Reason);
        Assert.Equal(0, await ReadAsync(ann));
    }

    [Fact]
    public async Task Work_is_run_again_where_the_grain_is()
    {
        var account = Account();
        Assert.Equal((3, true), await silo.Cluster.Grains.GetGrain<ITransfers>(0).Busy(account.GetPrimaryKeyString(), losses: 2));
        Assert.Equal(1, await ReadAsync(account));
    }

    private IAccount Account() => silo.Cluster.Of<IGrainFactory>().GetGrain<IAccount>(Guid.CreateVersion7().ToString());

    private async Task<long> ReadAsync(IAccount account)
    {
        var value = 0L;
        Assert.True((await Transactions.RunAsync(async _ => value = await account.Read())).IsCommitted);
        return value;
    }
}
