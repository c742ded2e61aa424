using Coordinator.Protocol;
using Xunit;

namespace Coordinator.Orleans.Tests;

/// <summary>A delegate that ends its transaction itself is held to what holds for one that just ends: every call has ended, and well (rule D-6).</summary>
public sealed class EndByHandTests(OneSilo silo) : IClassFixture<OneSilo>
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_commit_with_a_call_outstanding_aborts(bool isClient)
    {
        var (transactions, grains) = Side(isClient);
        var (ann, bob) = (Account(grains), grains.GetGrain<ILate>(NewKey()));
        Task? late = null;
        TransactionOutcome? byHand = null;
        var outcome = await transactions.RunAsync(async transaction =>
        {
            late = bob.Add(10);
            await ann.Add(-10);
            byHand = await transaction.CommitAsync();
        });

        Assert.Equal(AbortReason.WorkFailed, Assert.IsType<TransactionOutcome.Aborted>(outcome).Cause.Reason);
        Assert.Equal(outcome, byHand);
        await bob.Free();
        await Assert.ThrowsAnyAsync<TransactionException>(() => late!);
        Assert.Equal((0, 0), (await silo.Cluster.ReadAsync(Here(ann)), await ReadAsync(bob)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_commit_after_a_failed_call_aborts(bool isClient)
    {
        var (transactions, grains) = Side(isClient);
        var (ann, bob) = (Account(grains), Account(grains));
        var outcome = await transactions.RunAsync(async transaction =>
        {
            await ann.Add(-10);
            await Assert.ThrowsAsync<InvalidOperationException>(() => bob.AddThrough(10, NewKey(), Careless.Not)); // has changed its state before it throws
            await transaction.CommitAsync();
        });

        Assert.Equal(AbortReason.WorkFailed, Assert.IsType<TransactionOutcome.Aborted>(outcome).Cause.Reason);
        Assert.Equal((0, 0), (await silo.Cluster.ReadAsync(Here(ann)), await silo.Cluster.ReadAsync(Here(bob))));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_commit_after_all_calls_takes_no_more_of_them(bool isClient)
    {
        var (transactions, grains) = Side(isClient);
        var (ann, bob) = (Account(grains), Account(grains));
        var outcome = await transactions.RunAsync(async transaction =>
        {
            await ann.Add(1);
            Assert.True((await transaction.CommitAsync()).IsCommitted);
            await Assert.ThrowsAsync<TransactionNotActiveException>(() => bob.Add(1));
            Assert.True((await transaction.CommitAsync()).IsCommitted);
        });

        Assert.True(outcome.IsCommitted, outcome.ToString());
        Assert.Equal((1, 0), (await silo.Cluster.ReadAsync(Here(ann)), await silo.Cluster.ReadAsync(Here(bob))));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_abort_after_a_failed_call_is_told_and_leaves_no_lock(bool isClient)
    {
        var (transactions, grains) = Side(isClient);
        var (ann, bob) = (Account(grains), Account(grains));
        TransactionOutcome? byHand = null;
        var outcome = await transactions.RunAsync(async transaction =>
        {
            await ann.Add(-10);
            await Assert.ThrowsAsync<InvalidOperationException>(() => bob.Fail());
            byHand = await transaction.AbortAsync("bob does not want it");
        });

        Assert.IsType<TransactionOutcome.Aborted>(byHand);
        Assert.Equal(byHand, outcome);
        Assert.True((await transactions.RunAsync(_ => ann.Add(1))).IsCommitted);
        Assert.Equal(1, await silo.Cluster.ReadAsync(Here(ann)));
    }

    private static string NewKey() => Guid.CreateVersion7().ToString();

    private static IAccount Account(IGrainFactory grains) => grains.GetGrain<IAccount>(NewKey());

    private (ITransactions Transactions, IGrainFactory Grains) Side(bool isClient) => isClient
        ? (silo.Cluster.ClientTransactions, silo.Cluster.Grains)
        : (silo.Cluster.Of<ITransactions>(), silo.Cluster.Of<IGrainFactory>());

    private IAccount Here(IAccount account) => silo.Cluster.Of<IGrainFactory>().GetGrain<IAccount>(account.GetPrimaryKeyString());

    private async Task<long> ReadAsync(ILate late)
    {
        var value = 0L;
        var here = silo.Cluster.Of<IGrainFactory>().GetGrain<ILate>(late.GetPrimaryKeyString());
        Assert.True((await silo.Cluster.Of<ITransactions>().RunAsync(async _ => value = await here.Read())).IsCommitted);
        return value;
    }
}
