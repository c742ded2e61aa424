using Coordinator.Orleans.Ambient;
using Coordinator.Orleans.Clients;
using Coordinator.Orleans.Wire;
using Coordinator.Protocol;
using Xunit;

namespace Coordinator.Orleans.Tests;

/// <summary>Transactions that begin outside of the cluster.</summary>
public sealed class ClientTests(OneSilo silo) : IClassFixture<OneSilo>
{
    private ITransactions Transactions => silo.Cluster.ClientTransactions;

    [Fact]
    public async Task Grains_that_a_client_calls_change_together()
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
    public async Task Work_that_has_lost_is_run_again()
    {
        var (ann, runs) = (Account(), 0);
        Assert.True((await Transactions.RunAsync(async transaction =>
        {
            await ann.Add(1);
            if (++runs < 3)
            {
                await ann.Lose(transaction.Id);
            }
        })).IsCommitted);

        Assert.Equal((3, 1), (runs, await ReadAsync(ann)));
    }

    [Fact]
    public async Task Work_is_done_once_under_its_key()
    {
        var (ann, key) = (Account(), new IdempotencyKey(Guid.CreateVersion7().ToString()));
        Assert.Null(await Transactions.OutcomeOfAsync(key));
        var first = await Transactions.RunAsync(_ => ann.Add(1), new TransactionOptions { Key = key });
        var second = await Transactions.RunAsync(_ => ann.Add(1), new TransactionOptions { Key = key });

        Assert.True(first.IsCommitted);
        Assert.True(Assert.IsType<TransactionOutcome.Committed>(second).IsEarlierAttempt);
        Assert.Equal(first.Id, second.Id);
        Assert.Equal(first.Id, (await Transactions.OutcomeOfAsync(key))!.Id);
        Assert.Equal(1, await ReadAsync(ann));
    }

    [Fact]
    public async Task A_client_asks_what_became_of_a_transaction()
    {
        var ann = Account();
        var outcome = await Transactions.RunAsync(_ => ann.Add(1));
        Assert.True((await Transactions.OutcomeOfAsync(outcome.Id)).IsCommitted);

        var explanation = await silo.Cluster.Grains.GetGrain<ITransactionGrain>(outcome.Id.ToString()).Explain();
        Assert.Equal((outcome.Id, outcome), (explanation.Id, explanation.Outcome));
        Assert.Equal(explanation.Owner, explanation.AnsweredBy);
        Assert.NotNull(explanation.DecisionVersion);
        await Assert.ThrowsAsync<ArgumentException>(() => silo.Cluster.Grains.GetGrain<ITransactionGrain>("no id").Outcome());
    }

    [Fact]
    public async Task Only_who_began_a_transaction_ends_it()
    {
        var gateway = silo.Cluster.Grains.GetGrain<IClientTransactionGrain>(0);
        var begun = await gateway.Begin(new ClientTerms());
        var id = begun.Header!.Id;
        await Assert.ThrowsAsync<TransactionRefusedException>(() => gateway.End(begun.Home, id, Guid.Empty, null));
        Assert.True((await gateway.End(begun.Home, id, begun.Authority, null)).IsCommitted);
        Assert.Equal(AbortReason.Presumed, Assert.IsType<TransactionOutcome.Aborted>(await gateway.End(begun.Home, id, begun.Authority, null)).Cause.Reason);
    }

    [Fact]
    public async Task A_client_that_falls_silent_leaves_its_transaction_to_its_deadline()
    {
        var ann = Account();
        var begun = await silo.Cluster.Grains.GetGrain<IClientTransactionGrain>(0).Begin(new ClientTerms { Timeout = TimeSpan.FromMilliseconds(300) });
        await AddInAsync(begun.Header!, ann);

        Assert.True((await Transactions.RunAsync(_ => ann.Add(1))).IsCommitted); // waits for its lock
        Assert.Equal(1, await ReadAsync(ann));
    }

    [Fact]
    public async Task A_call_that_has_failed_aborts_whatever_the_client_swallows()
    {
        var (ann, bob) = (Account(), Account());
        var outcome = await Transactions.RunAsync(async _ =>
        {
            await ann.Add(1);
            await Assert.ThrowsAsync<InvalidOperationException>(() => bob.Fail());
        });

        Assert.Equal(AbortReason.WorkFailed, Assert.IsType<TransactionOutcome.Aborted>(outcome).Cause.Reason);
        Assert.Equal(0, await ReadAsync(ann));
    }

    [Fact]
    public async Task A_begin_that_was_cancelled_does_not_hold_its_key()
    {
        var (ann, key) = (Account(), new IdempotencyKey(Guid.CreateVersion7().ToString()));
        using var cancellation = new CancellationTokenSource();
        var first = Transactions.RunAsync(_ => ann.Add(1), new TransactionOptions { Key = key }, cancellation.Token);
        await cancellation.CancelAsync();
        _ = await Record.ExceptionAsync(() => first); // cancelled, unless it was faster

        Assert.True((await Transactions.RunAsync(_ => ann.Add(1), new TransactionOptions { Key = key })).IsCommitted);
        Assert.Equal(1, await ReadAsync(ann));
    }

    [Fact]
    public async Task A_word_that_was_not_sent_does_not_keep_the_next_one_from_being_sent()
    {
        var gateway = new GatewayThatFailsOnce();
        var transaction = new ClientTransaction(gateway, await silo.Cluster.Grains.GetGrain<IClientTransactionGrain>(0).Begin(new ClientTerms { Timeout = TimeSpan.FromSeconds(1) }));
        await Assert.ThrowsAsync<NotSupportedException>(async () => await transaction.CommitAsync());

        Assert.IsType<TransactionOutcome.Aborted>(await transaction.AbortAsync("no more of it"));
        Assert.IsType<TransactionOutcome.Aborted>(await transaction.CommitAsync()); // what it was told first
        Assert.Equal([null, "no more of it"], gateway.Words.Select(static word => word?.Detail));
    }

    private static async Task AddInAsync(WireHeader header, IAccount account)
    {
        CallScope.Enter(new CallScope(header, work: null));
        await account.Add(10);
    }

    private IAccount Account() => silo.Cluster.Grains.GetGrain<IAccount>(Guid.CreateVersion7().ToString());

    private async Task<long> ReadAsync(IAccount account)
    {
        var value = 0L;
        Assert.True((await Transactions.RunAsync(async _ => value = await account.Read())).IsCommitted);
        return value;
    }

    /// <summary>As if a filter of the application threw, at first.</summary>
    private sealed class GatewayThatFailsOnce : IClientTransactionGrain
    {
        public List<AbortCause?> Words { get; } = [];

        public Task<ClientBegun> Begin(ClientTerms terms) => throw new NotSupportedException();

        public Task<TransactionOutcome> End(SiloAddress home, TransactionId id, Guid authority, AbortCause? cause)
        {
            Words.Add(cause);
            return Words.Count == 1
                ? Task.FromException<TransactionOutcome>(new NotSupportedException())
                : Task.FromResult<TransactionOutcome>(new TransactionOutcome.Aborted(id, cause!));
        }

        public Task<TransactionOutcome?> OutcomeOf(IdempotencyKey key) => throw new NotSupportedException();
    }
}
