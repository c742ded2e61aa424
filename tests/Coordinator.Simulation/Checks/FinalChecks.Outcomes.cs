using Coordinator.Hosting;
using Coordinator.Protocol;

namespace Coordinator.Simulation;

/// <content>What was said, against what is.</content>
internal sealed partial class FinalChecks
{
    private const int AttemptsMax = 5;
    private const int RecoverySecondsMax = 10;
    private List<(long At, long Newest)>? _toldCommits;

    /// <summary>After healing somebody serves, and what he commits is in the log (V1).</summary>
    private async Task CheckServiceAsync()
    {
        for (var attempt = 0; attempt < AttemptsMax; attempt++)
        {
            var owner = await OwnerAsync();
            var (epoch, before) = (Ledger.OwnerEpoch, Ledger.Decisions.Count);
            if (owner is not null)
            {
                await cluster.Workload.ProbeAsync(owner);
            }

            if (Ledger.Decisions.Count == before + 1)
            {
                return;
            }

            if (epoch == Ledger.OwnerEpoch)
            {
                Violate("V1", $"{owner?.Process!.Name ?? "nobody who runs"} owns the shard and does not commit");
                return;
            }
        }
    }

    /// <summary>Every transaction is decided, and the owner says so (I8, V2). Others may not know, but must not say otherwise.</summary>
    private async Task CheckOutcomesAsync()
    {
        foreach (var record in cluster.History.Transactions.ToList())
        {
            await AskOwnerAsync(record);
            if (cluster.Hosts.Find(host => host.IsUp && host.Process != Ledger.Owner) is { } other && cluster.Random.Chance(0.1))
            {
                await cluster.Workload.AskAndWaitAsync(other, record.Id); // the watch checks what it says
            }
        }
    }

    private async Task AskOwnerAsync(TransactionRecord record)
    {
        // A take-over that was begun before the faults ended may come as late as this: then the next owner is asked.
        for (var attempt = 0; attempt < AttemptsMax; attempt++)
        {
            var owner = await OwnerAsync();
            var epoch = Ledger.OwnerEpoch;
            var outcome = owner is null ? null : await cluster.Workload.AskAndWaitAsync(owner, record.Id);
            if (epoch != Ledger.OwnerEpoch)
            {
                continue;
            }

            if (outcome is null or TransactionOutcome.Unknown)
            {
                if (outcome is not null && Ledger.Horizon?.Covers(record.Id) is true)
                {
                    cluster.Reach(SituationTable.Forgotten);
                }
                else if (!IsHeldByDamage(record.Id))
                {
                    Violate("V2", $"{record} is still undecided: {owner?.Process!.Name} says {outcome?.ToString() ?? "nothing"}");
                }
            }
            else if (outcome.IsCommitted != Ledger.IsCommitted(record.Id) && !record.IsReadOnly)
            {
                // A read-only commit leaves no record: asked by id once memory has forgotten it, it is presumed aborted. That is
                // documented, and the only case in which the answer differs from what the initiator was told.
                Violate("I6", $"{record}: the owner says {outcome}, the log says committed: {Ledger.IsCommitted(record.Id)}");
            }

            return;
        }
    }

    /// <summary>Who owns the shard; one that has only just claimed it gets the time to recover.</summary>
    private async Task<Host?> OwnerAsync()
    {
        for (var seconds = 0; Owner is null && seconds < RecoverySecondsMax; seconds++)
        {
            var later = new TaskCompletionSource();
            cluster.Loop.After(TimeSpan.FromSeconds(1), later.SetResult);
            await later.Task;
        }

        return Owner;
    }

    private Host? Owner => cluster.Hosts.Find(host => host.IsUp && host.Process == Ledger.Owner && host.Engine!.Role is HostRole.Owner);

    /// <summary>
    /// An unreadable row holds its own transaction, and those of older epochs without a decision: the row could be theirs. Only an
    /// operator may say more.
    /// </summary>
    private bool IsHeldByDamage(TransactionId id) =>
        Ledger.Damaged.Contains(id)
        || (!Ledger.Decisions.ContainsKey(id) && Ledger.Damaged.Any(damaged => Ledger.Decisions[damaged].Row.Version > (long)id.Epoch));

    /// <summary>Whatever anybody was ever told is true, and stays so (I6, I8).</summary>
    private void CheckTold()
    {
        foreach (var record in cluster.History.Transactions)
        {
            foreach (var told in record.Told)
            {
                Check(record.Id, told, record.IsReadOnly && told.Outcome.IsCommitted, "I6");
                if (told.Outcome is TransactionOutcome.Unknown)
                {
                    cluster.Reach(Ledger.IsCommitted(record.Id) ? SituationTable.UnknownWasCommitted : SituationTable.UnknownWasAborted);
                    if (cluster.Plan.IsCalm && record.Kind != "gives up waiting" && told.Time < record.Deadline && Ledger.Claims.Count == 1 && cluster.Plan.Stop is null)
                    {
                        Violate("I5", $"{record} was told Unknown without a fault");
                    }
                }
            }
        }

        foreach (var (id, answer) in cluster.History.Answers)
        {
            // Asked while it was in memory, a read-only transaction is said to have committed, rightly.
            var isReadOnly = cluster.History.ById.TryGetValue(id, out var record) && record.IsReadOnly && answer.Outcome.IsCommitted;
            Check(id, answer, isReadOnly, "I8");
        }

        foreach (var id in cluster.Watch.AbortsDelivered.Where(Ledger.IsCommitted))
        {
            Violate("I1", $"{id} committed, and a participant was told to abort");
        }

        foreach (var id in cluster.History.NeverIssued.Where(Ledger.Decisions.ContainsKey))
        {
            Violate("I8", $"{id} was invented and is decided");
        }
    }

    private void Check(TransactionId id, Answer answer, bool isReadOnlyCommit, string promise)
    {
        var isCommitted = Ledger.IsCommitted(id);
        var isTrue = answer.Outcome switch
        {
            TransactionOutcome.Committed => isCommitted || isReadOnlyCommit,
            TransactionOutcome.Aborted => !isCommitted,
            _ => true,
        };
        if (!isTrue)
        {
            Violate(promise, $"{answer.By} said {answer.Outcome} of {id} at {answer.At}, the log says committed: {isCommitted}");
        }
    }

    /// <summary>
    /// The log's order is the order of the transactions: what each one found is what stood there just before it (I19), and who was
    /// told before another began comes before it.
    /// </summary>
    private void CheckOrder(TransactionRecord record)
    {
        var commit = record.Told.Find(told => told.Outcome.IsCommitted);
        if (Ledger.Decisions.TryGetValue(record.Id, out var decided) && Ledger.IsCommitted(record.Id))
        {
            if (LastToldBefore(record.BegunAt) is var told && told >= decided.Row.Version)
            {
                Violate("I19", $"{record} committed at {decided.Row.Version}, before row {told}, which was told before it began");
            }

            foreach (var (stream, version) in record.Reads)
            {
                var rows = Ledger.Streams.GetValueOrDefault(stream) ?? [];
                if ((version > 0 && PositionAt(rows, version) >= decided.Row.Version) || PositionAt(rows, version + 1) < decided.Row.Version)
                {
                    Violate("I19", $"{record} committed at {decided.Row.Version} having found {stream} at {version}, which was not so then");
                }
            }
        }
        else if (commit is not null)
        {
            CheckSnapshot(record);
        }
    }

    /// <summary>A read-only transaction found one state of the log, and not an old one.</summary>
    private void CheckSnapshot(TransactionRecord record)
    {
        var newest = 0L;
        var next = long.MaxValue;
        foreach (var (stream, version) in record.Reads)
        {
            var rows = Ledger.Streams.GetValueOrDefault(stream) ?? [];
            newest = Math.Max(newest, version > 0 ? PositionAt(rows, version) : 0);
            next = Math.Min(next, PositionAt(rows, version + 1));
        }

        if (newest >= next)
        {
            Violate("I19", $"{record} found a state that never was: something of row {newest}, nothing of row {next}");
        }

        var lastToldBefore = LastToldBefore(record.BegunAt);
        if (next <= lastToldBefore)
        {
            Violate("I19", $"{record} found nothing of row {next}, though row {lastToldBefore} was told before it began");
        }
    }

    /// <summary>The last row whose commit somebody had been told of at that time.</summary>
    private long LastToldBefore(long at)
    {
        _toldCommits ??= ToldCommits();
        var index = _toldCommits.BinarySearch((at, long.MaxValue));
        index = index < 0 ? ~index : index;
        return index == 0 ? 0 : _toldCommits[index - 1].Newest;
    }

    /// <summary>When somebody was told of a commit, and the newest row that anybody had been told of then.</summary>
    private List<(long At, long Newest)> ToldCommits()
    {
        var newest = 0L;
        return
        [
            .. cluster.History.Transactions
                .Where(record => Ledger.IsCommitted(record.Id))
                .SelectMany(record => record.Told.Where(told => told.Outcome.IsCommitted).Select(told => (told.At, Ledger.Decisions[record.Id].Row.Version)))
                .Order()
                .Select(told => (told.At, newest = Math.Max(newest, told.Version))),
        ];
    }

    private static long PositionAt(List<Log.LogRow> rows, long version) =>
        version <= rows.Count ? (long)rows[(int)version - 1].Position.Position : long.MaxValue;
}
