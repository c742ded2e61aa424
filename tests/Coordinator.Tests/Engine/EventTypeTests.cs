using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests;

/// <summary>What may be stored is what a process that starts later can read back.</summary>
public sealed class EventTypeTests
{
    [Fact]
    public void An_event_of_a_type_that_was_not_added_is_refused_and_the_message_says_how_to_add_it() => SimulationLoop.Run(async loop =>
    {
        await using var engine = await TestEngine.StartAsync(loop, events: new EventTypes());
        Func<ITransaction, Task>[] works =
        [
            transaction => transaction.DepositAsync("a", 1),
            transaction => transaction.PublishAsync("notes", new Noted("x")).AsTask(),
            async transaction => (await transaction.UpdateStateAsync<Settings>("settings")).Set(new Settings("x")),
        ];
        foreach (var work in works)
        {
            var refused = await Assert.ThrowsAsync<ArgumentException>(() => engine.Transactions.RunAsync(work));
            Assert.Contains(nameof(CoordinatorBuilder.AddEventsFrom), refused.Message, StringComparison.Ordinal);
            Assert.Contains(nameof(CoordinatorBuilder.ConfigureEvents), refused.Message, StringComparison.Ordinal);
        }

        Assert.Empty(engine.Store.Sent);
    });

    [Fact]
    public void A_value_whose_stream_holds_an_event_of_another_type_is_unreadable() => SimulationLoop.Run(async loop =>
    {
        var first = await TestEngine.StartAsync(loop);
        await first.Transactions.RunAsync(transaction => transaction.PublishAsync("notes", new Noted("x")).AsTask());
        await first.DisposeAsync();
        await using var engine = await TestEngine.StartAsync(loop, first.Rows, seed: 2);
        Func<Task>[] reads =
        [
            () => engine.Aggregates.ReadStateAsync<Settings>("notes").AsTask(),
            () => engine.Transactions.RunAsync(transaction => transaction.ReadStateAsync<Settings>("notes").AsTask()),
            () => engine.Transactions.RunAsync(async transaction => (await transaction.UpdateStateAsync<Settings>("notes")).Set(new Settings("x"))),
        ];
        foreach (var read in reads)
        {
            var unreadable = await Assert.ThrowsAsync<EventUnreadableException>(read);
            Assert.Equal(("notes", 1L), (unreadable.Stream.Value, unreadable.Version));
            Assert.Contains(nameof(Settings), unreadable.Message, StringComparison.Ordinal);
        }

        engine.AssertQuiet();
    });
}
