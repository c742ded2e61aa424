using Coordinator.Hosting;
using Coordinator.Log;
using Coordinator.Protocol;

namespace Coordinator.Shards;

/// <summary>
/// Asks the log on behalf of transactions that only read whether this host still owns the shard (rule D-9). In a log of one shard every row is written by the
/// shard's owner: who still owns it after all votes has seen every commit that was told before them, and the locks did the rest. One look
/// answers all that wait.
/// </summary>
/// <remarks>
/// Counterexample without it: an owner is frozen and displaced; it wakes up and commits a read of what it remembers, after its successor has told
/// somebody of a later state.
/// </remarks>
internal sealed class ReadCheck(ShardLane lane, ILogStore store, MonotonicClock clock, IDispatcher dispatcher) : IThreadPoolWorkItem
{
    /// <summary>Why a transaction that only read is aborted when the host has lost the shard.</summary>
    public const string DisplacedDetail = "another host owns the log by now: what was read may be old";

    private static readonly TimeSpan RetryDelayMin = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan RetryDelayMax = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly long _epoch = lane.Ownership.Epoch;
    private List<TransactionId> _arrived = [];
    private List<TransactionId> _asking = [];
    private Shard? _shard;
    private bool _running;

    /// <summary>Answers by <see cref="Shard.AnswerReadCheck"/>, after a look that begins later than this.</summary>
    public void Enqueue(Shard shard, TransactionId id)
    {
        lock (_gate)
        {
            _shard = shard;
            _arrived.Add(id);
            if (_running)
            {
                return;
            }

            _running = true;
        }

        dispatcher.Queue(this);
    }

    async void IThreadPoolWorkItem.Execute()
    {
        while (TakeArrived())
        {
            var isStillOwner = await LookAsync().ConfigureAwait(false);
            foreach (var id in _asking)
            {
                _shard!.AnswerReadCheck(id, isStillOwner);
            }

            _asking.Clear();
        }
    }

    private bool TakeArrived()
    {
        lock (_gate)
        {
            (_arrived, _asking) = (_asking, _arrived);
            return _running = _asking.Count > 0;
        }
    }

    private async ValueTask<bool> LookAsync()
    {
        for (var delay = RetryDelayMin; !_shard!.IsStopped; delay = delay * 2 < RetryDelayMax ? delay * 2 : RetryDelayMax)
        {
            try
            {
                var end = await store.ReadShardEndAsync(lane.Shard, CancellationToken.None).ConfigureAwait(false);
                return end.Owned?.Version == _epoch;
            }
            catch (Exception error) when (error is not (InvariantViolationException or OutOfMemoryException))
            {
                // The store is away, which the committer and the heartbeat tell of. Those who wait end with their deadlines.
                await Task.Delay(delay, clock.Time).ConfigureAwait(false);
            }
        }

        return false;
    }
}
