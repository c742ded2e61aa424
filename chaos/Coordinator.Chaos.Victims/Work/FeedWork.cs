using System.Collections.Immutable;
using System.Globalization;

namespace Coordinator.Chaos.Victims.Work;

/// <summary>Publishes numbered events, and consumes them through the product.</summary>
internal static class FeedWork
{
    private const int TakenBackEvery = 25;

    public static async Task<string> PublishAsync(ITransactions transactions, IReadOnlyList<string> feeds, int number)
    {
        var outcome = await transactions.RunAsync(async transaction =>
        {
            foreach (var feed in feeds)
            {
                await transaction.PublishAsync(StreamOf(feed), new Published(number));
            }

            if (number % TakenBackEvery == 0)
            {
                await transaction.AbortAsync("on second thoughts"); // which nobody may ever see
            }
        });
        return outcome.IsCommitted ? "done" : "not done";
    }

    /// <summary>The checkpoint and what was made of the events are one transaction: each event is seen once, whoever dies.</summary>
    public static async Task<string> ConsumeAsync(ITransactions transactions, IEventLog events, string consumer, string feed, int count)
    {
        var numbers = ImmutableArray<long>.Empty;
        var outcome = await transactions.RunAsync(async transaction =>
        {
            var checkpoint = await transaction.UpdateAsync<Consumer>(consumer);
            var through = checkpoint.State.Through.GetValueOrDefault(feed);
            var seen = await ReadAsync(events, StreamOf(feed), through + 1, count);
            numbers = [.. seen.Select(one => one.Number)];
            checkpoint.Raise(new Consumed(feed, through + seen.Count, numbers)); // also of none: then its commit is on record like any other
        });
        return outcome.IsCommitted ? string.Create(CultureInfo.InvariantCulture, $"done {numbers.Length}") : "not done";
    }

    public static async Task<string> ReadAsync(IEventLog events, string feed, int version, int count)
    {
        var seen = await ReadAsync(events, StreamOf(feed), (long)version, count);
        return string.Join(' ', ["read", .. seen.Select(one => string.Create(CultureInfo.InvariantCulture, $"{one.Version}:{one.Number}"))]);
    }

    private static string StreamOf(string feed) => "feed/" + feed;

    private static async Task<List<(long Version, long Number)>> ReadAsync(IEventLog events, string stream, long fromVersion, int count)
    {
        var seen = new List<(long, long)>();
        await foreach (var recorded in events.ReadStreamAsync(stream, fromVersion))
        {
            if (seen.Count == count)
            {
                break;
            }

            seen.Add((recorded.Version, ((Published)recorded.Event!).Number));
        }

        return seen;
    }
}
