using Coordinator.Chaos.Drivers.Hosts;
using Coordinator.Chaos.Victims;
using Coordinator.Testing.Histories;

namespace Coordinator.Chaos.Drivers.Lists;

/// <summary>Clients of lists that live with the driver, and so know more: they outlive the host that they had asked.</summary>
internal sealed class ListClients(Fleet fleet, History history, int seed, HistoryWriter writer) : HostClients(fleet, history, seed)
{
    private const int LastTries = 20;

    private readonly ListPlan _plan = new(firstKey: 0, firstElement: 0);

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

        // What a host had read that died before it told is not known: then only what was asked for is written down.
        writer.End(client, outcome, answer?.StartsWith(done, StringComparison.Ordinal) is true ? HistoryText.ParseOperations(answer[done.Length..]) : plan);
        return outcome is RecordedOutcome.Committed;
    }
}
