using Coordinator.Hosting;
using Coordinator.Orleans.Facets;
using Coordinator.Orleans.Grains;
using Coordinator.Protocol;
using Xunit;

namespace Coordinator.Orleans.Tests;

/// <summary>What is told of a transaction that is under way.</summary>
public sealed class ExplainTests
{
    [Fact]
    public async Task A_transaction_under_way_is_told_with_its_participants_from_every_silo()
    {
        await using var cluster = await TestCluster.StartAsync(2);
        var explained = new List<TransactionExplanation>();
        IAccount ann = cluster.Of<IGrainFactory>().GetGrain<IAccount>("ann"), bob = cluster.Of<IGrainFactory>().GetGrain<IAccount>("bob");
        var (id, aborted) = (default(TransactionId), default(TransactionId));
        await cluster.Of<ITransactions>().RunAsync(async transaction =>
        {
            id = transaction.Id;
            await Waiting.UntilAsync(() => cluster.All<TransactionAnswers>().All(answers => answers.OwnerOf(id) is not null), "word of the shard's owner on each silo");
            await ann.Add(1);
            await bob.Read();
            for (var silo = 0; silo < 2; silo++)
            {
                explained.Add(await ExplainAsync(cluster, silo, id));
            }
        });

        var home = cluster.Of<ILocalSiloDetails>().SiloAddress.ToParsableString();
        foreach (var one in explained)
        {
            Assert.IsType<TransactionOutcome.Unknown>(one.Outcome);
            Assert.Equal((home, home), (one.Owner, one.AnsweredBy));
            var progress = one.Progress!;
            Assert.Equal(("Active", null), (progress.Phase, progress.Cause));
            Assert.True(progress.Age > TimeSpan.Zero);
            Assert.Equal(
                [(StreamOf(ann), await ann.Place(), "Pending"), (StreamOf(bob), await bob.Place(), "Pending")],
                progress.Participants.Select(static participant => (participant.Participant, participant.Silo!, participant.Ballot)));
        }

        await cluster.Of<ITransactions>().RunAsync(async transaction =>
        {
            aborted = transaction.Id;
            await ann.Add(1);
            await transaction.AbortAsync();
        });
        foreach (var over in new[] { id, aborted })
        {
            Assert.Null((await ExplainAsync(cluster, 1, over)).Progress); // it is over, and so only the log knows it
            var outcome = await cluster.Of<ITransactions>().OutcomeOfAsync(over);
            Assert.Equal(over == id, outcome.IsCommitted);
            Assert.Equal(outcome, await cluster.All<ITransactions>().ElementAt(1).OutcomeOfAsync(over)); // nothing is written of an abort: only its owner can say it
        }
    }

    [Fact]
    public async Task A_shard_says_what_it_has_in_memory()
    {
        await using var cluster = await TestCluster.StartAsync(1);
        var engine = cluster.Of<TransactionEngine>();
        await using var transaction = engine.Begin();
        var shard = engine.ShardOf(transaction.Id.Shard)!;
        Assert.Equal(transaction.Id, (await shard.LookAsync(transaction.Id))!.State.Id);
        await transaction.AbortAsync();
        Assert.Null(await shard.LookAsync(transaction.Id));
    }

    private static Task<TransactionExplanation> ExplainAsync(TestCluster cluster, int silo, TransactionId id) =>
        cluster.Of<IGrainFactory>(silo).GetGrain<ITransactionGrain>(id.ToString()).Explain();

    private static string StreamOf(IAccount account) => FacetNames.StateStream(account.GetGrainId(), "balance").Value;
}
