using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Tests;

/// <summary>What may be stored is what a process that starts later can read back.</summary>
public sealed class EventTypeTests
{
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
