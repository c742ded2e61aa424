using System.Text;
using Polly;
using Xunit;

namespace Coordinator.Tests.Snippets;

/// <summary>What the pages show of transactions, run.</summary>
public sealed class TransactionSnippets
{
    [Fact]
    public async Task An_order_is_one_transaction()
    {
        await using var host = await SnippetHost.StartAsync();
        var transactions = host.Transactions;

        #region run
        var outcome = await transactions.RunAsync(async transaction =>
        {
            var stock = await transaction.UpdateAsync<Stock>("lamp");
            var account = await transaction.UpdateAsync<Account>("ann");
            if (stock.State.Available < 1 || account.State.Balance < 1990)
            {
                await transaction.AbortAsync("sold out or short of money");
                return;
            }

            stock.Raise(new StockMoved(-1, "o1"));
            account.Raise(new Paid("o1", 1990));
            await transaction.PublishAsync("placed-orders", new OrderPlaced("o1", "ann", 1990));
        });
        #endregion

        Assert.True(outcome.IsCommitted);
        Assert.Equal(4, (await host.Aggregates.ReadAsync<Stock>("lamp")).State.Available);

        #region outcomes
        var told = outcome switch
        {
            TransactionOutcome.Committed => "placed",
            TransactionOutcome.Aborted aborted => $"not placed: {aborted.Cause}",
            _ => $"not known yet; ask for {outcome.Id}",
        };
        #endregion

        Assert.Equal("placed", told);
    }

    [Fact]
    public async Task A_plain_value_is_replaced()
    {
        await using var host = await SnippetHost.StartAsync();
        var transactions = host.Transactions;

        #region state
        await transactions.RunAsync(async transaction =>
        {
            var prices = await transaction.UpdateStateAsync<Prices>("prices");   // TransactionalState<Prices>
            prices.Set(new Prices(Lamp: (prices.Value?.Lamp ?? 1990) + 100));
        });
        #endregion

        Assert.Equal(2090, (await host.Aggregates.ReadStateAsync<Prices>("prices")).Value!.Lamp);
    }

    [Fact]
    public async Task A_transaction_is_begun_by_hand()
    {
        await using var host = await SnippetHost.StartAsync();
        var transactions = host.Transactions;

        #region begin
        await using var transaction = transactions.Begin(new TransactionOptions { Timeout = TimeSpan.FromSeconds(2) });
        var stock = await transaction.UpdateAsync<Stock>("lamp");
        stock.Raise(new StockMoved(-1));
        var outcome = await transaction.CommitAsync();   // without it, disposing aborts
        #endregion

        Assert.True(outcome.IsCommitted);
    }

    [Fact]
    public async Task Work_is_given_a_time_of_its_own()
    {
        await using var host = await SnippetHost.StartAsync();
        var transactions = host.Transactions;
        Task WorkAsync(ITransaction transaction) => transaction.UpdateAsync<Stock>("lamp").AsTask();

        #region timeout
        var outcome = await transactions.RunAsync(WorkAsync, new TransactionOptions { Timeout = TimeSpan.FromSeconds(2) });
        #endregion

        Assert.True(outcome.IsCommitted);
    }

    [Fact]
    public async Task Work_is_done_without_locks()
    {
        await using var host = await SnippetHost.StartAsync();
        var transactions = host.Transactions;
        static async Task WorkAsync(ITransaction transaction) => (await transaction.UpdateAsync<Stock>("lamp")).Raise(new StockMoved(-1));

        #region optimistic
        var outcome = await transactions.RunAsync(WorkAsync, new TransactionOptions { Mode = ConcurrencyMode.Optimistic });
        #endregion

        Assert.True(outcome.IsCommitted);
    }

    [Fact]
    public async Task Work_is_run_once_only()
    {
        await using var host = await SnippetHost.StartAsync();
        var transactions = host.Transactions;
        static Task WorkAsync(ITransaction transaction) => transaction.ReadAsync<Stock>("lamp").AsTask();

        #region reruns-once
        var outcome = await transactions.RunAsync(WorkAsync, new TransactionOptions { Reruns = ResiliencePipeline<TransactionOutcome>.Empty });
        #endregion

        Assert.True(outcome.IsCommitted);
    }

    [Fact]
    public async Task A_request_is_sent_twice_and_done_once()
    {
        await using var host = await SnippetHost.StartAsync();
        var transactions = host.Transactions;
        var body = Encoding.UTF8.GetBytes("one lamp, please");
        var issued = DateTimeOffset.UtcNow;
        static async Task WorkAsync(ITransaction transaction) => (await transaction.UpdateAsync<Stock>("lamp")).Raise(new StockMoved(-1));

        for (var i = 0; i < 2; i++)
        {
            #region key
            var outcome = await transactions.RunAsync(WorkAsync, new TransactionOptions
            {
                Key = new IdempotencyKey("order-4711") { Tenant = "acme", Request = body, IssuedAt = issued },
            });
            #endregion

            Assert.Equal(i == 1, Assert.IsType<TransactionOutcome.Committed>(outcome).IsEarlierAttempt);
        }

        Assert.Equal(4, (await host.Aggregates.ReadAsync<Stock>("lamp")).State.Available);

        #region outcome-by-key
        var known = await transactions.OutcomeOfAsync(new IdempotencyKey("order-4711") { Tenant = "acme", Request = body });
        #endregion

        Assert.True(known?.IsCommitted);
    }

    [Fact]
    public async Task An_outcome_is_asked_for_by_id()
    {
        await using var host = await SnippetHost.StartAsync();
        var transactions = host.Transactions;
        var outcome = await transactions.RunAsync(async transaction => (await transaction.UpdateAsync<Stock>("lamp")).Raise(new StockMoved(-1)));
        var text = outcome.Id.ToString();

        #region outcome-by-id
        var later = await transactions.OutcomeOfAsync(Coordinator.Protocol.TransactionId.Parse(text));
        #endregion

        Assert.True(later.IsCommitted);
    }
}
