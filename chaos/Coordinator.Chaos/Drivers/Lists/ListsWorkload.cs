using System.Collections.Immutable;
using Coordinator.Chaos.Drivers.Hosts;
using Coordinator.Testing.Histories;

namespace Coordinator.Chaos.Drivers.Lists;

/// <summary>Lists on a fleet of hosts; what the clients saw is judged by the checker of histories.</summary>
internal sealed class ListsWorkload(int seed) : HostsWorkload, IDisposable
{
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"coordinator-lists-{seed}-{Environment.ProcessId}.history");
    private HistoryWriter? _writer;
    private LogServer? _server;

    public override string Name => "lists-postgres";

    /// <summary>Those after which somebody else must know what was committed; the Shop meets them all.</summary>
    public override IReadOnlyList<string> Kinds { get; } =
        [Nemesis.Owner, Nemesis.AtPoint, Nemesis.InClaim, Nemesis.FrozenAfter, Nemesis.ServerKill];

    public override HostClients ClientsOf(Fleet fleet, History history)
    {
        _writer = HistoryWriter.Append(_file, TimeProvider.System);
        return new ListClients(fleet, history, seed, _writer);
    }

    public override Task<int> TryJudgesAsync(LogServer server, History history)
    {
        _server = server;
        return JudgeTrial.RunAsync(server, history, JudgeTrial.OfAnyLog);
    }

    public override async Task JudgeAsync(HostClients clients, History history, HostsReport report)
    {
        var keys = Read().SelectMany(transaction => transaction.Operations).Select(operation => operation.Key).Distinct().Order(StringComparer.Ordinal);
        if (!await ((ListClients)clients).ReadAllAsync(keys))
        {
            report.OwnDoubts.Add("the lists were not read at the end");
        }

        _writer!.Dispose();
        await using var connection = await _server!.ConnectAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = ListsLog.Query;
        await using var rows = await command.ExecuteReaderAsync();
        var (found, violations, planted) = HistoryTrial.Judge(Read().Add(ListsLog.Read(rows)));
        foreach (var violation in violations)
        {
            history.Violated(violation);
        }

        report.OwnDoubts.AddRange(found.Doubts);
        report.Planted += planted;
        Console.WriteLine($"  {found.TransactionCount} transactions in the history of the clients, {found.CommittedCount} of them committed or seen: {found.Verdict}");
        if (found.Verdict is HistoryVerdict.Valid)
        {
            File.Delete(_file);
        }
        else
        {
            Console.WriteLine($"  the history: {_file}");
        }
    }

    public void Dispose() => _writer?.Dispose();

    private ImmutableArray<RecordedTransaction> Read()
    {
        using var lines = File.OpenText(_file);
        return HistoryText.Parse(lines);
    }
}
