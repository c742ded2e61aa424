using System.Text.Json;
using System.Text.Json.Serialization;
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

    [Theory]
    [InlineData(7, true)]
    [InlineData(0, false)] // what is lost is not there to be missed
    public void An_event_that_loses_on_the_way_what_it_held_is_refused(int amount, bool isRefused)
    {
        var events = new EventTypes().Add<Lossy>("lossy");
        var refused = Record.Exception(() => events.Serialize(new Lossy().With(amount)));
        Assert.Equal(isRefused, refused is ArgumentException);
        Assert.Contains(isRefused ? "'amount' differs" : string.Empty, refused?.Message ?? string.Empty, StringComparison.Ordinal);
    }

    [Fact]
    public void An_event_that_can_not_be_read_back_is_refused()
    {
        var events = new EventTypes().Add<WriteOnly>("write-only");
        var refused = Assert.Throws<ArgumentException>(() => events.Serialize(new WriteOnly(1)));
        Assert.Contains("read back", refused.Message, StringComparison.Ordinal);
        Assert.NotNull(refused.InnerException);
        Assert.Throws<ArgumentException>(() => events.Serialize(new WriteOnly(1))); // and so is the next
    }

    [Fact]
    public void Only_the_first_event_of_a_type_is_read_back()
    {
        var converter = new CountingConverter();
        var events = new EventTypes { Json = new JsonSerializerOptions(JsonSerializerDefaults.Web) { Converters = { converter }, TypeInfoResolver = new System.Text.Json.Serialization.Metadata.DefaultJsonTypeInfoResolver() } };
        events.Add<Noted>();
        for (var i = 0; i < 3; i++)
        {
            events.Serialize(new Noted("x"));
        }

        Assert.Equal((4, 1), (converter.WrittenCount, converter.ReadCount));
    }

    [Fact]
    public void What_makes_JSON_is_chosen_before_the_first_type_is_added()
    {
        var events = new EventTypes().Add<Noted>();
        Assert.Contains("before", Assert.Throws<InvalidOperationException>(() => events.Json = new JsonSerializerOptions()).Message, StringComparison.Ordinal);
    }

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

    private sealed record Lossy
    {
        public int Amount { get; private set; }

        public Lossy With(int amount) => this with { Amount = amount };
    }

    private sealed class WriteOnly
    {
        public WriteOnly(int one)
            : this(one, one)
        {
        }

        public WriteOnly(int one, int other) => Sum = one + other;

        public int Sum { get; }
    }

    private sealed class CountingConverter : JsonConverter<Noted>
    {
        public int WrittenCount { get; private set; }

        public int ReadCount { get; private set; }

        public override Noted Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            ReadCount++;
            return new Noted(reader.GetString()!);
        }

        public override void Write(Utf8JsonWriter writer, Noted value, JsonSerializerOptions options)
        {
            WrittenCount++;
            writer.WriteStringValue(value.Text);
        }
    }
}
