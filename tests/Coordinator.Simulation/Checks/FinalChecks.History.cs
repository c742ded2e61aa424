using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Testing.Histories;

namespace Coordinator.Simulation;

/// <content>What the clients saw, judged without looking at the log.</content>
internal sealed partial class FinalChecks
{
    // How much must be known is judged over all seeds: in one of them everybody may die.
    private static readonly HistoryCheckOptions s_historyOptions = new() { UnknownShareMax = 1, CommittedShareMin = 0 };

    /// <summary>
    /// One serial order, real time included, explains all that the clients were told and what the store holds in the end (I19). Nothing
    /// of what <see cref="CheckOrder"/> takes from the ledger is used.
    /// </summary>
    private void CheckHistory()
    {
        var history = cluster.History.Transactions.ConvertAll(Recorded);
        history.Add(LastRead());
        var report = HistoryChecker.Check(history, s_historyOptions);
        foreach (var anomaly in report.Anomalies)
        {
            Violate("I19 history", anomaly.ToString());
        }

        foreach (var doubt in report.Doubts)
        {
            Violate("I19 history", doubt);
        }
    }

    private static RecordedTransaction Recorded(TransactionRecord record)
    {
        var commit = record.Told.Find(told => told.Outcome.IsCommitted);
        var abort = record.Told.Find(told => told.Outcome is TransactionOutcome.Aborted);
        var outcome = commit is not null || record.GaveUpOnWhatStood ? RecordedOutcome.Committed
            : abort is not null || !record.AsksToCommit ? RecordedOutcome.Aborted
            : RecordedOutcome.Unknown;

        // Each is a client of its own: what one client did in order is in order by the clock as well, which all of them share here.
        return new RecordedTransaction($"{record.Host} {record}", outcome, record.GaveUpOnWhatStood ? [.. record.Operations.OfType<MicroOperation.Read>()] : [.. record.Operations])
        {
            Name = record.ToString(),
            BeganAt = After(record.BegunAt),
            EndedAt = (commit ?? abort) is { } told ? At(told.At) : null,
        };
    }

    /// <summary>Who was told when so much had happened was told before another that began when so much had happened.</summary>
    private static long At(long count) => 2 * count;

    /// <inheritdoc cref="At"/>
    private static long After(long count) => At(count) + 1;

    /// <summary>As a client would see the store that read all of it when everything is over.</summary>
    private RecordedTransaction LastRead()
    {
        var written = cluster.History.Transactions.SelectMany(record => record.Writes, (_, write) => write.Stream).Concat(Ledger.Streams.Keys.Where(stream => !LogStreams.IsKey(stream))).Distinct();
        return new RecordedTransaction("the store", RecordedOutcome.Committed, [.. written.Select(LastRead)])
        {
            Name = "the last read of all",
            BeganAt = After(cluster.Loop.Trace.Count),
            EndedAt = At(cluster.Loop.Trace.Count + 1),
        };
    }

    private MicroOperation LastRead(StreamName stream)
    {
        var rows = ReadAll(stream);
        return IsPublished(stream) ? new MicroOperation.ReadList(stream.Value, [.. rows.Select(NumberOf)])
            : new MicroOperation.Read(stream.Value, rows.IsEmpty ? null : NumberOf(rows[^1]), rows.Length);
    }

    private static bool IsPublished(StreamName stream) =>
        stream.Value.StartsWith("notes-", StringComparison.Ordinal) || stream.Value.StartsWith("many-", StringComparison.Ordinal);

    private static long NumberOf(LogRow row) => EventOf(row) switch
    {
        Moved moved => moved.Number,
        Setting setting => setting.Number,
        Noted noted => noted.Number,
        _ => throw new InvalidOperationException($"{row} holds no event of the workload"),
    };
}
