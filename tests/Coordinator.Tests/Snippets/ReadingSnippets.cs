using Xunit;

namespace Coordinator.Tests.Snippets;

/// <summary>What the pages show of reading outside transactions, run.</summary>
public sealed class ReadingSnippets
{
    [Fact]
    public async Task A_state_is_read_outside_transactions()
    {
        await using var host = await SnippetHost.StartAsync();
        var aggregates = host.Aggregates;

        #region read
        var lamp = await aggregates.ReadAsync<Stock>("lamp");        // lamp.State, lamp.Version, lamp.IsInDoubt
        var prices = await aggregates.ReadStateAsync<Prices>("prices");
        #endregion

        Assert.Equal((5, 1L, false), (lamp.State.Available, lamp.Version, lamp.IsInDoubt));
        Assert.Null(prices.Value);
    }

    [Fact]
    public async Task A_state_is_read_as_it_was()
    {
        await using var host = await SnippetHost.StartAsync();
        var aggregates = host.Aggregates;
        var yesterday = DateTimeOffset.UtcNow.AddDays(-1);

        #region read-as-of
        var first = await aggregates.ReadAsOfAsync<Stock>("lamp", version: 1);
        var before = await aggregates.ReadAsOfAsync<Stock>("lamp", yesterday);
        #endregion

        Assert.Equal((5, 0), (first.State.Available, before.State.Available));
    }

    [Fact]
    public async Task Events_are_read_in_order()
    {
        await using var host = await SnippetHost.StartAsync();
        var log = host.Log;
        await host.Transactions.RunAsync(transaction => transaction.PublishAsync("placed-orders", new OrderPlaced("o1", "ann", 1990)).AsTask());
        var total = 0L;

        #region read-events
        await foreach (var recorded in log.ReadStreamAsync("placed-orders", fromVersion: 1))
        {
            if (recorded.Event is OrderPlaced placed)   // null where this process does not know the type
            {
                total += placed.Total;
            }
        }
        #endregion

        Assert.Equal(1990, total);
    }
}
