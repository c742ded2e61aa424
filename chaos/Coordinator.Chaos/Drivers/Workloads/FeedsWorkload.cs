using System.Collections.Immutable;
using System.Globalization;
using Coordinator.Chaos.Drivers.Clients;
using Coordinator.Chaos.Drivers.Fleets;
using Coordinator.Chaos.Drivers.Judges;
using Coordinator.Chaos.Victims.Work;
using Coordinator.Testing.Checkers;

namespace Coordinator.Chaos.Drivers.Workloads;

/// <summary>
/// Published events and those who read them: a consumer whose checkpoint moves in a transaction of its own, so that it sees everything once, and a reader that asks any host and is
/// thrown back to its last saved place now and then.
/// </summary>
internal sealed class FeedsWorkload(Arena arena) : Workload(arena)
{
    private const int Publishers = 3, ConsumerClient = 3, ReaderClient = 4;
    private const int FeedCount = 3, ReadAtOnce = 50, RestartEvery = 20, LastTries = 200;
    private static readonly TimeSpan s_readPatience = TimeSpan.FromSeconds(1);

    private readonly List<ConsumerRun> _lives = [];
    private ImmutableDictionary<string, long> _saved = ImmutableDictionary.Create<string, long>(StringComparer.Ordinal);
    private ImmutableDictionary<string, long> _through = ImmutableDictionary.Create<string, long>(StringComparer.Ordinal);
    private List<PlacedEvent> _seen = [];
    private int _number;

    private sealed record Publication(ImmutableArray<string> Feeds, int Number) : Operation([.. Feeds.Select(StreamOf)]);

    private sealed record Consumption() : Operation;

    public override int ClientCount => Publishers + 2;

    public override IEnumerable<string> Keys => [StreamOfConsumer];

    private string Consumer => Arena.Set + ".consumer";

    private string StreamOfConsumer => $"{Victims.Work.Consumer.Category}/{Consumer}";

    private IEnumerable<string> Feeds => Enumerable.Range(0, FeedCount).Select(FeedOf);

    public override Task OperateAsync(int client, Random random) => client switch
    {
        ConsumerClient => ConsumeAsync(FeedOf(random.Next(FeedCount))),
        ReaderClient => ReadAsync(FeedOf(random.Next(FeedCount)), random),
        _ => PublishAsync([.. Feeds.Where(_ => random.Next(2) == 0).DefaultIfEmpty(FeedOf(random.Next(FeedCount)))]),
    };

    /// <summary>Everybody reads to the end.</summary>
    public override async Task FinishAsync()
    {
        foreach (var feed in Feeds)
        {
            for (var attempt = 0; await ConsumeAsync(feed) is not 0 && attempt < LastTries; attempt++)
            {
            }

            for (var attempt = 0; await ReadAsync(feed, random: null) is not 0 && attempt < LastTries; attempt++)
            {
            }
        }

        Restart();
    }

    public override async Task<IReadOnlyList<LockProbe>> ProbeAsync()
    {
        await PublishAsync([FeedOf(0)]);
        return [.. await ProbeAsync(async () => (null, await ConsumeAsync(FeedOf(0)) is null ? null : true), StreamOfConsumer)];
    }

    public override IEnumerable<CheckReport> Judge(RoundEvidence evidence)
    {
        var prefix = StreamOf(Arena.Set + ".");
        var published = evidence.Of<Publication>().SelectMany(one => one.Operation.Feeds.Select(feed =>
            new PublishedEvent(IdOf(StreamOf(feed), one.Operation.Number), StreamOf(feed), one.Transaction.Id, Recorded.Of(one.Transaction.Committed))));
        var logged = evidence.Log.Events.Where(one => one.Type == Published.Name && one.Stream.StartsWith(prefix, StringComparison.Ordinal))
            .Select(one => new PlacedEvent(one.Stream, one.Version, IdOf(one.Stream, one.Content.GetProperty("number").GetInt64())));
        yield return EventsChecker.Check(new EventsEvidence([.. published], [.. logged], [ConsumedBy(evidence.Log), .. _lives]));
    }

    private static string StreamOf(string feed) => "feed/" + feed;

    private static string IdOf(string stream, long number) => string.Create(CultureInfo.InvariantCulture, $"{stream}#{number}");

    private string FeedOf(int number) => $"{Arena.Set}.f{number}";

    private Task<Told> PublishAsync(ImmutableArray<string> feeds)
    {
        var number = Interlocked.Increment(ref _number);
        return Arena.Link.AskAsync("publish", $"{string.Join(',', feeds)} {number}", new Publication(feeds, number));
    }

    /// <summary>How many events it has consumed; null if that is not known.</summary>
    private async Task<int?> ConsumeAsync(string feed) =>
        (await Arena.Link.AskAsync("consume", $"{Consumer} {feed} {ReadAtOnce}", new Consumption())).Done is { } count ? int.Parse(count, CultureInfo.InvariantCulture) : null;

    /// <summary>How many events it has read, at whichever host comes first; null if that host does not read.</summary>
    private async Task<int?> ReadAsync(string feed, Random? random)
    {
        var (stream, hosts) = (StreamOf(feed), Arena.Fleet.Hosts);
        var host = random is null ? Arena.Fleet.Choose() : hosts[random.Next(hosts.Count)];
        var answer = await host.Send("read", string.Create(CultureInfo.InvariantCulture, $"{feed} {_through.GetValueOrDefault(stream) + 1} {ReadAtOnce}")).AnswerWithinAsync(s_readPatience);
        if (answer?.Split(' ') is not ["read", .. var events])
        {
            return null;
        }

        foreach (var one in events.Select(text => text.Split(':')))
        {
            var version = long.Parse(one[0], CultureInfo.InvariantCulture);
            _seen.Add(new PlacedEvent(stream, version, IdOf(stream, long.Parse(one[1], CultureInfo.InvariantCulture))));
            _through = _through.SetItem(stream, version);
        }

        if (random?.Next(RestartEvery) == 0)
        {
            Restart();
            _saved = random.Next(2) == 0 ? _through : _saved;
            _through = _saved;
        }

        return events.Length;
    }

    /// <summary>Ends a life of the reader: in the next it reads again what is behind its checkpoint.</summary>
    private void Restart()
    {
        _lives.Add(new ConsumerRun(Arena.Set + ".reader", _saved, _seen));
        _seen = [];
    }

    /// <summary>What the consumer says in the log that it saw.</summary>
    private ConsumerRun ConsumedBy(LogWindow log)
    {
        var seen = new List<PlacedEvent>();
        foreach (var one in log.Events.Where(one => one.Type == Consumed.Name && one.Stream == StreamOfConsumer).OrderBy(one => one.Version))
        {
            var stream = StreamOf(one.Content.GetProperty("feed").GetString()!);
            var numbers = one.Content.GetProperty("numbers").EnumerateArray().Select(number => number.GetInt64()).ToArray();
            var first = one.Content.GetProperty("through").GetInt64() - numbers.Length + 1;
            seen.AddRange(numbers.Select((number, at) => new PlacedEvent(stream, first + at, IdOf(stream, number))));
        }

        return new ConsumerRun(Consumer, ImmutableDictionary<string, long>.Empty, seen);
    }
}
