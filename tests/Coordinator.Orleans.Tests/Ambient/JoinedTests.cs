using Coordinator.Protocol;
using Polly;
using Xunit;

namespace Coordinator.Orleans.Tests;

/// <summary>A RunAsync inside a transaction is part of it.</summary>
public sealed class JoinedTests(OneSilo silo) : IClassFixture<OneSilo>
{
    public static TheoryData<string> Misfits => [.. MisfitOptions.Keys];

    private static Dictionary<string, TransactionOptions> MisfitOptions { get; } = new(StringComparer.Ordinal)
    {
        [nameof(TransactionOptions.Key)] = new() { Key = new IdempotencyKey("own") },
        [nameof(TransactionOptions.Timeout)] = new() { Timeout = TimeSpan.FromSeconds(1) },
        [nameof(TransactionOptions.Age)] = new() { Age = new TransactionAge(DateTimeOffset.UnixEpoch, default) },
        [nameof(TransactionOptions.Reruns)] = new() { Reruns = ResiliencePipeline<TransactionOutcome>.Empty },
        [nameof(TransactionOptions.Mode)] = new() { Mode = ConcurrencyMode.Optimistic },
    };

    private ITransactions Transactions => silo.Cluster.Of<ITransactions>();

    [Fact]
    public async Task It_commits_with_the_outer_one()
    {
        var (ann, bob) = (Account(), Account());
        TransactionOutcome? inner = null;
        var outer = await Transactions.RunAsync(async _ =>
        {
            await ann.Add(1);
            inner = await Transactions.RunAsync(_ => bob.Add(1));
        });

        Assert.True(outer.IsCommitted);
        var joined = Assert.IsType<TransactionOutcome.Joined>(inner);
        Assert.Equal(outer.Id, joined.Id);
        Assert.False(joined.IsCommitted);
        joined.EnsureCommitted();
        Assert.Equal((1, 1), (await silo.Cluster.ReadAsync(ann), await silo.Cluster.ReadAsync(bob)));
    }

    [Fact]
    public async Task It_commits_with_one_that_another_grain_began()
    {
        var (ann, bob) = (Account(), Account());
        var told = string.Empty;
        Assert.True((await silo.Cluster.ClientTransactions.RunAsync(async _ =>
            told = await silo.Cluster.Grains.GetGrain<IJoining>(0).Transfer(ann.GetPrimaryKeyString(), bob.GetPrimaryKeyString(), 3))).IsCommitted);

        Assert.Equal(nameof(TransactionOutcome.Joined), told);
        Assert.Equal((-3, 3), (await silo.Cluster.ReadAsync(ann), await silo.Cluster.ReadAsync(bob)));
    }

    [Fact]
    public async Task It_aborts_with_the_outer_one()
    {
        var (ann, bob) = (Account(), Account());
        var outcome = await Transactions.RunAsync(async transaction =>
        {
            await ann.Add(1);
            (await Transactions.RunAsync(_ => bob.Add(1))).EnsureCommitted();
            await transaction.AbortAsync("no more of it");
        });

        Assert.Equal(AbortReason.Requested, Assert.IsType<TransactionOutcome.Aborted>(outcome).Cause.Reason);
        Assert.Equal((0, 0), (await silo.Cluster.ReadAsync(ann), await silo.Cluster.ReadAsync(bob)));
    }

    [Fact]
    public async Task The_outer_one_aborts_with_it()
    {
        var (ann, bob) = (Account(), Account());
        TransactionOutcome? inner = null;
        var outer = await Transactions.RunAsync(async _ =>
        {
            await ann.Add(1);
            inner = await Transactions.RunAsync(async transaction =>
            {
                await bob.Add(1);
                await transaction.AbortAsync("no more of it");
            });
        });

        Assert.IsType<TransactionOutcome.Aborted>(inner);
        Assert.Equal("no more of it", Assert.IsType<TransactionOutcome.Aborted>(outer).Cause.Detail);
        Assert.Equal((0, 0), (await silo.Cluster.ReadAsync(ann), await silo.Cluster.ReadAsync(bob)));
    }

    [Fact]
    public async Task The_outer_one_aborts_if_it_was_cancelled()
    {
        var (ann, bob) = (Account(), Account());
        TransactionOutcome? inner = null;
        var outer = await Transactions.RunAsync(async _ =>
        {
            await ann.Add(1);
            using var cancellation = new CancellationTokenSource();
            inner = await Transactions.RunAsync(
                async _ =>
                {
                    await bob.Add(1);
                    await cancellation.CancelAsync();
                },
                cancellation.Token);
        });

        Assert.IsType<TransactionOutcome.Aborted>(inner);
        Assert.Equal(AbortReason.Requested, Assert.IsType<TransactionOutcome.Aborted>(outer).Cause.Reason);
        Assert.Equal((0, 0), (await silo.Cluster.ReadAsync(ann), await silo.Cluster.ReadAsync(bob)));
    }

    [Theory]
    [MemberData(nameof(Misfits))]
    public async Task Options_that_ask_for_a_transaction_of_its_own_are_refused(string option)
    {
        var ann = Account();
        var hasRun = false;
        await Transactions.RunAsync(async _ =>
        {
            await ann.Add(1);
            var refused = await Assert.ThrowsAsync<TransactionRefusedException>(() => Transactions.RunAsync(
                _ =>
                {
                    hasRun = true;
                    return Task.CompletedTask;
                },
                MisfitOptions[option]));
            Assert.Contains($"{nameof(TransactionOptions)}.{option}", refused.Message, StringComparison.Ordinal);
        });

        Assert.False(hasRun);
        Assert.Equal(1, await silo.Cluster.ReadAsync(ann)); // nothing was begun, so nothing of the outer one is lost
    }

    private IAccount Account() => silo.Cluster.Of<IGrainFactory>().GetGrain<IAccount>(Guid.CreateVersion7().ToString());
}
