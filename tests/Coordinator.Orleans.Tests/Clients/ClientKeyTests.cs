using Coordinator.Hosting;
using Coordinator.Orleans.Ambient;
using Xunit;

namespace Coordinator.Orleans.Tests;

/// <summary>A keyed attempt reads its key again before it answers: else a retry whose first attempt took the last item is told "sold out".</summary>
public sealed class ClientKeyTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Work_that_fails_because_of_what_an_earlier_attempt_has_done_is_told_of_that(bool isClient)
    {
        await using var cluster = await TestCluster.StartAsync(2);
        await Waiting.UntilAsync(() => cluster.All<TransactionEngine>().All(static engine => engine.OwnedCount > 0), "share of each silo");
        var key = new IdempotencyKey(Guid.CreateVersion7().ToString());
        var transactions = isClient ? cluster.ClientTransactions : cluster.Of<ITransactions>();
        TransactionOutcome? first = null;
        var told = await transactions.RunAsync(
            async _ =>
            {
                // The other silo does not know that the key is being used here: it is the log that lets one of the two commit.
                var other = cluster.Of<TransactionEngine>().HostId == CallScope.Current!.Header.Home ? 1 : 0;
                first = await Elsewhere.RunAsync(() => cluster.Of<ITransactions>(other).RunAsync(
                    _ => cluster.Of<IGrainFactory>(other).GetGrain<IAccount>("stock").Add(-1), new TransactionOptions { Key = key }));
                throw new InvalidOperationException("sold out");
            },
            new TransactionOptions { Key = key });

        Assert.True(first!.IsCommitted, first.ToString());
        Assert.True(Assert.IsType<TransactionOutcome.Committed>(told).IsEarlierAttempt);
        Assert.Equal(first.Id, told.Id);
    }
}
