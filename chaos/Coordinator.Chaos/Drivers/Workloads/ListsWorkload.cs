using System.Collections.Concurrent;
using System.Collections.Immutable;
using Coordinator.Chaos.Drivers.Fleets;
using Coordinator.Chaos.Drivers.Judges;
using Coordinator.Chaos.Victims.Work;
using Coordinator.Testing.Checkers;
using Coordinator.Testing.Histories;

namespace Coordinator.Chaos.Drivers.Workloads;

/// <summary>
/// Reads of lists and appends to them, by clients that live with the driver and so outlive the host that they asked. What they saw is one history, and at the end one reads
/// every list, and one more past the product.
/// </summary>
internal sealed class ListsWorkload(Arena arena) : Workload(arena)
{
    private const int LastTries = 20, ReadAtOnce = 30;

    private readonly ListPlan _plan = new(arena.Set);
    private readonly ConcurrentQueue<RecordedTransaction> _history = [];

    private sealed record ListOperation(ImmutableArray<string> Streams, bool ReadsOnly) : Operation(Streams, ReadsOnly);

    public override int ClientCount => 5;

    /// <summary>Faults that the checker had to find in a changed copy of the history.</summary>
    public int Planted { get; private set; }

    public override IEnumerable<string> Keys => _plan.Keys.Select(StreamOf);

    public override Task OperateAsync(int client, Random random) => RunAsync($"c{client}", _plan.Draw(random));

    public override async Task FinishAsync()
    {
        foreach (var some in _plan.Keys.Chunk(ReadAtOnce))
        {
            var isRead = false;
            for (var attempt = 0; attempt < LastTries && !isRead; attempt++)
            {
                isRead = await RunAsync("reader", [.. some.Select(key => new MicroOperation.ReadList(key, default))]);
            }

            if (!isRead)
            {
                throw new InvalidOperationException("The lists can't be read at the end.");
            }
        }
    }

    public override async Task<IReadOnlyList<LockProbe>> ProbeAsync()
    {
        var probes = await Task.WhenAll(_plan.Keys.ToArray().Select(key =>
            ProbeAsync(async () => (null, await RunAsync("prober-" + key, [_plan.Append(key)]) ? true : null), StreamOf(key))));
        return [.. probes.SelectMany(some => some)];
    }

    public override IEnumerable<CheckReport> Judge(RoundEvidence evidence)
    {
        var (report, distrust, planted) = HistoryTrial.Judge([.. _history, ReadLog(evidence.Log)]);
        Planted = planted;
        yield return SerializabilityChecker.Check(report);
        foreach (var one in distrust)
        {
            Arena.History.Violated(one);
        }

        if (report.Verdict is not HistoryVerdict.Valid)
        {
            File.WriteAllLines(Path.Combine(Arena.Folder, Arena.Set + ".history"), _history.Select(HistoryText.Format));
        }
    }

    private static string StreamOf(string key) => $"{NumberList.Category}/{key}";

    private async Task<bool> RunAsync(string client, IReadOnlyList<MicroOperation> plan)
    {
        ImmutableArray<string> written = [.. plan.OfType<MicroOperation.Append>().Select(append => StreamOf(append.Key)).Distinct(StringComparer.Ordinal)];
        var began = TimeProvider.System.GetTimestamp();
        var told = await Arena.Link.AskAsync("lists", HistoryText.Format(plan), new ListOperation(written, written.IsEmpty));
        if (told.IsRefused)
        {
            return false; // nothing was begun
        }

        // What a host had read that died before it told is not known: then only what was asked for is written down.
        var outcome = Recorded.Of(told.Begun?.Committed);
        _history.Enqueue(new RecordedTransaction(client, outcome, told.Done is { } done ? HistoryText.ParseOperations(done) : [.. plan])
        {
            BeganAt = began,
            EndedAt = TimeProvider.System.GetTimestamp(),
        });
        return outcome is RecordedOutcome.Committed;
    }

    /// <summary>The lists as a transaction that reads them all past the product, after everything else.</summary>
    private RecordedTransaction ReadLog(LogWindow log)
    {
        var prefix = StreamOf(Arena.Set + ".");
        var lists = log.Events.Where(one => one.Type == Appended.Name && one.Stream.StartsWith(prefix, StringComparison.Ordinal)).GroupBy(one => one.Stream, StringComparer.Ordinal);
        var reads = lists.Select(list => (MicroOperation)new MicroOperation.ReadList(
            list.Key[(NumberList.Category.Length + 1)..],
            [.. list.OrderBy(one => one.Version).Select(one => one.Content.GetProperty("element").GetInt64())]));
        var now = TimeProvider.System.GetTimestamp();
        return new RecordedTransaction("the log", RecordedOutcome.Committed, [.. reads]) { Name = "the log", BeganAt = now, EndedAt = now + 1 };
    }
}
