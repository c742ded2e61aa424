using Coordinator.Protocol;
using Coordinator.Testing.Simulation;

namespace Coordinator.Simulation;

/// <summary>
/// The clients: workers inside each host that run transactions of many kinds, and someone who asks what became of them. It
/// writes down what it meant to do and what it was told.
/// </summary>
internal sealed partial class Workload(Cluster cluster)
{
    public const long Opening = 100;
    private readonly SeededRandom _random = cluster.Random.Fork();
    private readonly HashSet<TransactionRecord> _running = [];
    private int _left;
    private bool _begun;
    private long _numbers;

    /// <summary>Every transaction was begun, and all that can end have ended.</summary>
    public bool IsOver => _left <= 0 && RunningCount == 0;

    /// <summary>Transactions whose worker lives and has not heard the end.</summary>
    public int RunningCount => Running.Count();

    public IEnumerable<TransactionRecord> Running => _running.Where(record => cluster.Hosts.Exists(host => host.Process!.Name == record.Host && !host.Process.IsCrashed));

    /// <summary>Not where owners freeze: who wakes up and is asked about what it does not know looks around, and knows at once that it was displaced.</summary>
    private bool AsksAround => cluster.Plan.Freeze is null;

    private StreamName AccountAt(int number) => new($"account/{number}");

    /// <summary>Lets the workers of all hosts loose.</summary>
    public void Begin()
    {
        _left = cluster.Plan.Transactions;
        _begun = true;
        cluster.Hosts.ForEach(StartWorkers);
        if (AsksAround)
        {
            cluster.Loop.Start(AskAboutAsync);
        }

        for (var client = 0UL; client < (ulong)cluster.Plan.Resenders; client++)
        {
            var random = new SeededRandom(cluster.Plan.ResendersSeed + client);
            cluster.Loop.Start(() => SendAgainAsync(random));
        }
        if (cluster.Plan.ReadsOutside)
        {
            cluster.Loop.Start(ReadOutsideAsync);
        }
    }

    /// <summary>Nothing more is begun.</summary>
    public void End() => _left = 0;

    /// <summary>Puts money into some accounts at a host; false if it did not come to that.</summary>
    public Task<bool> FillAccountsAsync(Host host, int from, int count)
    {
        var filled = new TaskCompletionSource<bool>();
        var process = host.Process!;
        process.Start(async () =>
        {
            TransactionRecord? record = null;
            try
            {
                var transaction = host.Engine!.Begin();
                record = Record(host, transaction, "opening");
                for (var account = from; account < from + count; account++)
                {
                    await MoveAsync(transaction, record, account, Opening);
                }

                await CommitAsync(host, transaction, record);
                filled.TrySetResult(record.Told[^1].Outcome.IsCommitted);
            }
            catch (Exception error) when (error is TransactionException or CallLostException)
            {
                filled.TrySetResult(false); // taken over meanwhile, or another host has not opened the log yet
            }
            finally
            {
                _running.Remove(record!);
            }
        });
        cluster.Loop.After(TimeSpan.FromMinutes(1), () => filled.TrySetResult(false));
        return filled.Task;
    }

    /// <summary>Starts the workers of a host that has come up.</summary>
    public void StartWorkers(Host host)
    {
        if (!_begun || !host.IsUp)
        {
            return;
        }

        var process = host.Process!;
        for (var worker = 0; worker < cluster.Plan.Workers; worker++)
        {
            process.Start(() => WorkAsync(host, process));
        }

        for (var reader = 0; reader < cluster.Plan.Readers; reader++)
        {
            process.Start(() => KeepReadingAsync(host, process));
        }
    }

    private async Task WorkAsync(Host host, SimulatedProcess process)
    {
        TransactionAge? age = null;
        while (_left > 0)
        {
            await process.DelayAsync(_random.Between(TimeSpan.Zero, cluster.Plan.Pace));
            if (_left <= 0)
            {
                return; // while it paused
            }

            ITransaction transaction;
            try
            {
                transaction = host.Engine!.Begin(new TransactionOptions { Age = age, Mode = DrawMode() });
            }
            catch (TransactionRefusedException refused)
            {
                cluster.Watch.BeginRefused(process, refused);
                await process.DelayAsync(_random.Between(TimeSpan.FromMilliseconds(50), TimeSpan.FromSeconds(1)));
                continue;
            }

            _left--;
            var kind = DrawKind();
            var record = Record(host, transaction, kind.Name);
            try
            {
                await kind.RunAsync(host, transaction, record);
            }
            catch (Exception error) when (error is TransactionException or SimulatedStoreException or WorkThrewException or CallLostException)
            {
                // As a user's code would: it gives up, and what it gets for an answer it believes.
                cluster.Watch.WorkFailed(error);
                Tell(host, process, record, await transaction.AbortAsync(error.GetType().Name));
            }

            _running.Remove(record);
            age = record.Told is [.., { Outcome: TransactionOutcome.Aborted { IsWorthRerun: true } }] ? transaction.Age : null; // tried again, if as other work
            if (_random.Chance(0.15) && AsksAround)
            {
                await AskAsync(host, process, record.Id);
            }
        }
    }

    private ConcurrencyMode DrawMode() => cluster.Plan.Optimistic > 0 && _random.Chance(cluster.Plan.Optimistic) ? ConcurrencyMode.Optimistic : ConcurrencyMode.Pessimistic;

    private TransactionRecord Record(Host host, ITransaction transaction, string kind)
    {
        var record = new TransactionRecord(transaction.Id, kind, host.Process!.Name, cluster.Loop.Trace.Count, cluster.Loop.Time.Now + cluster.Plan.Options.TransactionTimeout);
        cluster.History.Add(record);
        _running.Add(record);
        cluster.Loop.Trace.Note(host.Process, $"{record.Id} begins, {kind}");
        return record;
    }

    private async Task CommitAsync(Host host, ITransaction transaction, TransactionRecord record, CancellationToken cancellation = default)
    {
        var process = host.Process!;
        record.AsksToCommit = true;
        FailIfCallsRun(transaction, record);
        Tell(host, process, record, await transaction.CommitAsync(cancellation));
    }

    private void Tell(Host host, SimulatedProcess process, TransactionRecord record, TransactionOutcome outcome)
    {
        _ = host;
        cluster.Loop.Trace.Note(process, $"{record.Id} told {outcome.GetType().Name}");
        cluster.Loop.Trace.Remark(process, () => (outcome as TransactionOutcome.Aborted)?.Cause.ToString() ?? (outcome as TransactionOutcome.Unknown)?.Why ?? record.ToString());
        process.Pass(Situations.Points.Told);
        record.Told.Add(AnswerOf(process, outcome));
        cluster.Watch.Told(process, record, outcome);
        if (outcome.IsCommitted && !record.IsReadOnly && !cluster.Ledger.IsCommitted(record.Id))
        {
            cluster.Violations.Add(new Violation("I6", $"{record} was told Committed, and no decision was in the log"));
        }

        if (outcome is TransactionOutcome.Aborted && cluster.Ledger.IsCommitted(record.Id))
        {
            cluster.Violations.Add(new Violation("I6", $"{record} was told {outcome}, and its commit is in the log"));
        }
    }

    private Answer AnswerOf(SimulatedProcess process, TransactionOutcome outcome) =>
        new(outcome, cluster.Loop.Trace.Count, cluster.Loop.Time.Now, process.Name);
}

/// <summary>What the user's own code throws.</summary>
internal sealed class WorkThrewException : Exception;
