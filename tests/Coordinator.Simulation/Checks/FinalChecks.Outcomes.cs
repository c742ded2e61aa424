using Coordinator.Protocol;

namespace Coordinator.Simulation;

/// <content>What was said, against what is.</content>
internal sealed partial class FinalChecks
{
    private const int AttemptsMax = 5;
    private const int RecoverySecondsMax = 10;
    private List<(long At, long Newest)>? _toldCommits;

    /// <summary>After healing somebody serves, and what he commits is in the log (V1).</summary>
    private Task CheckServiceAsync() => cluster.Plan.IsCluster ? CheckServiceOfAllAsync() : CheckServiceOfOwnerAsync();

    private async Task CheckServiceOfOwnerAsync()
    {
        for (var attempt = 0; attempt < AttemptsMax; attempt++)
        {
            var owner = await OwnerAsync(0);
            var (epoch, before) = (Ledger.ShardOf(0).OwnerEpoch, Ledger.Decisions.Count);
            if (owner is not null)
            {
                await cluster.Workload.ProbeAsync(owner);
            }

            if (Ledger.Decisions.Count == before + 1)
            {
                return;
            }

            if (epoch == Ledger.ShardOf(0).OwnerEpoch)
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
            if (cluster.Hosts.Find(host => host.IsUp && host.Process != Ledger.ShardOf(record.Id.Shard).Owner) is { } other && cluster.Random.Chance(0.1))
            {
                await cluster.Workload.AskAndWaitAsync(other, record.Id); // the watch checks what it says
            }
        }
    }

    private async Task AskOwnerAsync(TransactionRecord record)
    {
        var shard = Ledger.ShardOf(record.Id.Shard);

        // A take-over that was begun before the faults ended may come as late as this: then the next owner is asked.
        for (var attempt = 0; attempt < AttemptsMax; attempt++)
        {
            var owner = await OwnerAsync(record.Id.Shard);
            var epoch = shard.OwnerEpoch;
            var outcome = owner is null ? null : await cluster.Workload.AskAndWaitAsync(owner, record.Id);
            if (epoch != shard.OwnerEpoch)
            {
                continue;
            }

            if (outcome is null or TransactionOutcome.Unknown)
            {
                if (outcome is not null && shard.Horizon?.Covers(record.Id) is true)
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
    private async Task<Host?> OwnerAsync(ushort shard)
    {
        for (var seconds = 0; OwnerOf(shard) is null && seconds < RecoverySecondsMax; seconds++)
        {
            var later = new TaskCompletionSource();
            cluster.Loop.After(TimeSpan.FromSeconds(1), later.SetResult);
            await later.Task;
        }

        return OwnerOf(shard);
    }

    private Host? OwnerOf(ushort shard) => cluster.Hosts.Find(host => host.IsUp && host.Process == Ledger.ShardOf(shard).Owner && host.Engine!.ShardOf(shard) is { IsStopped: false });

    /// <summary>
    /// An unreadable row holds its own transaction, and those of older epochs without a decision: the row could be theirs. Only an
    /// operator may say more.
    /// </summary>
    private bool IsHeldByDamage(TransactionId id) =>
        Ledger.Damaged.Contains(id)
        || (!Ledger.Decisions.ContainsKey(id) && Ledger.Damaged.Any(damaged => damaged.Shard == id.Shard && Ledger.Decisions[damaged].Row.Version > (long)id.Epoch));

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
                    var maySayNoMore = record.Kind == "gives up waiting" || (cluster.Plan.IsCluster && record.Kind == "request"); // another host's attempt may be in its way
                    if (cluster.Plan.IsCalm && !maySayNoMore && told.Time < record.Deadline && Ledger.Shards.Values.All(shard => shard.Claims.Count == 1) && cluster.Plan.Stop is null)
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
            var order = Ledger.OrderOf(decided.Row.Position);
            if (LastToldBefore(record.BegunAt) is var told && told >= order)
            {
                Violate("I19", $"{record} committed as number {order}, before {told}, which was told before it began");
            }

            foreach (var (stream, version) in record.Reads)
            {
                var rows = Ledger.Streams.GetValueOrDefault(stream) ?? [];
                if ((version > 0 && OrderAt(rows, version) >= order) || OrderAt(rows, version + 1) < order)
                {
                    Violate("I19", $"{record} committed as number {order} having found {stream} at {version}, which was not so then");
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
            newest = Math.Max(newest, version > 0 ? OrderAt(rows, version) : 0);
            next = Math.Min(next, OrderAt(rows, version + 1));
        }

        if (newest >= next)
        {
            Violate("I19", $"{record} found a state that never was: something of number {newest}, nothing of number {next}");
        }

        var lastToldBefore = LastToldBefore(record.BegunAt);
        if (next <= lastToldBefore)
        {
            Violate("I19", $"{record} found nothing of number {next}, though {lastToldBefore} was told before it began");
        }
    }

    /// <summary>The last decision that somebody had been told of at that time, in the order of the log.</summary>
    private long LastToldBefore(long at)
    {
        _toldCommits ??= ToldCommits();
        var index = _toldCommits.BinarySearch((at, long.MaxValue));
        index = index < 0 ? ~index : index;
        return index == 0 ? 0 : _toldCommits[index - 1].Newest;
    }

    /// <summary>When somebody was told of a commit, and the newest decision that anybody had been told of then.</summary>
    private List<(long At, long Newest)> ToldCommits()
    {
        var newest = 0L;
        return
        [
            .. cluster.History.Transactions
                .Where(record => Ledger.IsCommitted(record.Id))
                .SelectMany(record => record.Told.Where(told => told.Outcome.IsCommitted).Select(told => (told.At, Order: Ledger.OrderOf(Ledger.Decisions[record.Id].Row.Position))))
                .Order()
                .Select(told => (told.At, newest = Math.Max(newest, told.Order))),
        ];
    }

    private long OrderAt(List<Log.LogRow> rows, long version) =>
        version <= rows.Count ? Ledger.OrderOf(rows[(int)version - 1].Position) : long.MaxValue;
}
