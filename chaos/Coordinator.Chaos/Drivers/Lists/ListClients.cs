using System.Collections.Concurrent;
using System.Collections.Immutable;
using Coordinator.Chaos.Drivers.Hosts;
using Coordinator.Chaos.Victims;
using Coordinator.Protocol;
using Coordinator.Testing.Histories;

namespace Coordinator.Chaos.Drivers.Lists;

/// <summary>Clients of lists that live with the driver, and so know more: they outlive the host that they had asked.</summary>
internal sealed class ListClients(Fleet fleet, History history, int seed, HistoryWriter writer) : HostClients(fleet, history, seed)
{
    private const int LastTries = 20;

    private readonly ListPlan _plan = new(firstKey: 0, firstElement: 0);
    private readonly ConcurrentDictionary<string, int> _counts = new(StringComparer.Ordinal);
    private readonly ConcurrentBag<(string Client, int Number, long Epoch, DateTimeOffset At)> _toldReads = [];

    public override Task OpenAsync() => Fleet.SettledAsync();

    /// <summary>Reads all the lists, for the last time. False if no host would.</summary>
    public async Task<bool> ReadAllAsync(IEnumerable<string> keys)
    {
        foreach (var some in keys.Chunk(30))
        {
            var isRead = false;
            for (var attempt = 0; attempt < LastTries && !isRead; attempt++)
            {
                isRead = await RunAsync("reader", [.. some.Select(key => new MicroOperation.ReadList(key, default))]);
            }

            if (!isRead)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>
    /// The history without the question whether reads are old that may be: an owner that does not know yet that it was deposed may commit
    /// reads of what it remembers, which are a state that was. That is documented; exempt are reads told by an owner behind whom another
    /// had claimed the log by then, and nothing that writes.
    /// </summary>
    /// <param name="history">As it was written down.</param>
    /// <param name="claims">Epochs, and when they were claimed, by the clock of this machine.</param>
    public (ImmutableArray<RecordedTransaction> History, int MayBeOld) WithoutOldReads(
        ImmutableArray<RecordedTransaction> history, IReadOnlyList<(long Epoch, DateTimeOffset At)> claims)
    {
        var old = _toldReads.Where(read => claims.Any(claim => claim.Epoch > read.Epoch && claim.At <= read.At)).Select(read => (read.Client, read.Number)).ToHashSet();
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        return ([.. history.Select(one => old.Contains((one.Process, counts[one.Process] = counts.GetValueOrDefault(one.Process) + 1)) ? one with { BeganAt = null } : one)], old.Count);
    }

    protected override async Task WorkAsync(int number, Random random, Func<Task> pauseAsync)
    {
        while (!IsStopping)
        {
            await RunAsync($"c{number}", _plan.Draw(random));
            await pauseAsync();
        }
    }

    private async Task<bool> RunAsync(string client, IReadOnlyList<MicroOperation> plan)
    {
        var number = _counts.AddOrUpdate(client, 1, (_, count) => count + 1);
        var isReadOnly = !plan.Any(operation => operation is MicroOperation.Append);
        writer.Begin(client, plan);
        var (begun, answer, isRefused) = await AskAsync("lists", HistoryText.Format(plan), isReadOnly);
        const string done = "done ";
        var outcome = begun?.Committed switch
        {
            true => RecordedOutcome.Committed,
            false => RecordedOutcome.Aborted,
            _ => isRefused ? RecordedOutcome.Aborted : RecordedOutcome.Unknown,
        };

        if (isReadOnly && outcome is RecordedOutcome.Committed)
        {
            _toldReads.Add((client, number, (long)TransactionId.Parse(begun!.Id).Epoch, TimeProvider.System.GetUtcNow()));
        }

        // What a host had read that died before it told is not known: then only what was asked for is written down.
        writer.End(client, outcome, answer?.StartsWith(done, StringComparison.Ordinal) is true ? HistoryText.ParseOperations(answer[done.Length..]) : plan);
        return outcome is RecordedOutcome.Committed;
    }
}
