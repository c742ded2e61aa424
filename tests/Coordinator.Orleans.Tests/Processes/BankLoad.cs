using System.Collections.Concurrent;
using Coordinator.Orleans.Facets;
using Coordinator.Protocol;
using Xunit;

namespace Coordinator.Orleans.Tests;

/// <summary>Transfers between ledgers, with a record of what was begun and what was told of it.</summary>
internal sealed class BankLoad(IReadOnlyList<string> ledgers)
{
    private readonly ConcurrentDictionary<TransactionId, Transfer> _transfers = new();
    private readonly List<Task> _workers = [];
    private volatile bool _isOver;
    private int _committed;

    /// <summary>What work ended with that did not commit.</summary>
    public ConcurrentQueue<string> Failures { get; } = new();

    /// <summary>Told so far.</summary>
    public int CommittedCount => Volatile.Read(ref _committed);

    /// <summary>Transactions of which nothing was told.</summary>
    public IEnumerable<TransactionId> Untold => _transfers.Where(static one => one.Value.Told is null).Select(static one => one.Key);

    /// <summary>Begins to transfer, by several workers at once.</summary>
    public void Start(ITransactions transactions, IGrainFactory grains, int workers)
    {
        for (var worker = 0; worker < workers; worker++)
        {
            var random = new Random(_workers.Count);
            _workers.Add(Task.Run(() => WorkAsync(transactions, grains, random)));
        }
    }

    /// <summary>Goes on until so many more were told committed.</summary>
    public Task CommitsAsync(int count)
    {
        var enough = CommittedCount + count;
        return Waiting.UntilAsync(() => CommittedCount >= enough, $"{count} transfers");
    }

    /// <summary>Begins no more, and waits for those under way.</summary>
    public Task EndAsync()
    {
        _isOver = true;
        return Task.WhenAll(_workers).OrFailAsync("end of the transfers");
    }

    /// <summary>
    /// What is in the log is what was told: all of what committed, nothing of what was aborted, all or nothing of the rest; no version was written over
    /// another, and the sum is right.
    /// </summary>
    public async Task VerifyAsync(IEventLog log, IGrainFactory grains)
    {
        var found = new Dictionary<TransactionId, Dictionary<string, long>>();
        var sum = 0L;
        foreach (var ledger in ledgers)
        {
            var last = 0L;
            await foreach (var recorded in log.ReadStreamAsync(FacetNames.StateStream(grains.GetGrain<ILedger>(ledger).GetGrainId(), "sum").Value))
            {
                var state = (LedgerState)recorded.Event!;
                Assert.True(state.Sum == last + state.Added, $"{ledger} has {state.Sum} behind {last}, and {recorded.Transaction} has added {state.Added}");
                last = state.Sum;
                if (!found.TryGetValue(recorded.Transaction, out var added))
                {
                    found[recorded.Transaction] = added = new Dictionary<string, long>(StringComparer.Ordinal);
                }

                added.Add(ledger, state.Added);
            }

            sum += last;
        }

        Assert.Equal(0, sum);
        foreach (var (id, transfer) in _transfers)
        {
            var isThere = found.Remove(id, out var added);
            Assert.True(
                !isThere || (added!.Count == 2 && added[transfer.From] == -transfer.Amount && added[transfer.To] == transfer.Amount), $"{id} is in the log, but not as it was meant");
            Assert.True(transfer.Told is null || transfer.Told == isThere, $"{id} was told {(isThere ? "aborted, and is in the log" : "committed, and is not in the log")}");
        }

        Assert.All(found.Values, static others => Assert.All(others.Values, static added => Assert.Equal(0, added))); // of those who only looked whether a lock is free
    }

    private async Task WorkAsync(ITransactions transactions, IGrainFactory grains, Random random)
    {
        while (!_isOver)
        {
            var from = random.Next(ledgers.Count);
            var to = (from + 1 + random.Next(ledgers.Count - 1)) % ledgers.Count;
            var transfer = (From: ledgers[from], To: ledgers[to], Amount: (long)random.Next(1, 100));
            var last = default(TransactionId);
            try
            {
                var outcome = await transactions.RunAsync(async transaction =>
                {
                    Tell(last, false); // it is run again, so the last attempt was aborted
                    last = transaction.Id;
                    _transfers[last] = new Transfer(transfer.From, transfer.To, transfer.Amount);
                    await grains.GetGrain<ILedger>(transfer.From).Add(-transfer.Amount);
                    await grains.GetGrain<ILedger>(transfer.To).Add(transfer.Amount);
                });
                Tell(outcome.Id, outcome is TransactionOutcome.Unknown ? null : outcome.IsCommitted);
                if (outcome.IsCommitted)
                {
                    Interlocked.Increment(ref _committed);
                }
                else
                {
                    Failures.Enqueue(outcome.ToString());
                }
            }
            catch (Exception error) when (error is TransactionException or TimeoutException or OrleansException)
            {
                Failures.Enqueue(error.ToString()); // of it nothing was told: the log says
            }
        }
    }

    private void Tell(TransactionId id, bool? committed)
    {
        if (_transfers.TryGetValue(id, out var transfer))
        {
            transfer.Told = committed;
        }
    }

    private sealed record Transfer(string From, string To, long Amount)
    {
        /// <summary>Whether it committed; null while nobody has said.</summary>
        public bool? Told { get; set; }
    }
}
