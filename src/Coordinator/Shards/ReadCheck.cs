using Coordinator.Hosting;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Ownership;

namespace Coordinator.Shards;

/// <summary>
/// Asks the log on behalf of transactions that only read whether what they read still stands (rule D-9). One look, which begins later than all their votes,
/// answers all that wait.
/// </summary>
/// <remarks>
/// In a log of one shard every row is written by the shard's owner: who still owns it after all votes has seen every commit that was told before
/// them, and the locks did the rest. Where several hosts append, the look is at the ends of the streams that were read, all on one snapshot.
/// Counterexamples without it: an owner is frozen and displaced; it wakes up and commits a read of what it remembers, after its successor has told
/// somebody of a later state. And: a silo is cut off from the others, which activate its grains anew and change them; it is asked and tells what was.
/// </remarks>
internal sealed class ReadCheck(ShardLane lane, ILogStore store, MonotonicClock clock, IDispatcher dispatcher, bool looksAtHeads) : IThreadPoolWorkItem
{
    /// <summary>Why a transaction that only read is aborted when the host has lost the shard.</summary>
    public const string DisplacedDetail = "another host owns the log by now: what was read may be old";

    private static readonly TimeSpan RetryDelayMin = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan RetryDelayMax = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly long _epoch = lane.Ownership.Epoch;
    private readonly List<CommitState> _arrived = [];
    private readonly List<CommitState> _asking = [];
    private Shard? _shard;
    private bool _running;

    /// <summary>Answers by <see cref="Shard.AnswerReadCheck"/>, after a look that begins later than this.</summary>
    public void Enqueue(Shard shard, CommitState transaction)
    {
        lock (_gate)
        {
            _shard = shard;
            _arrived.Add(transaction);
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
        var delay = RetryDelayMin;
        while (TakeArrived())
        {
            try
            {
                delay = await TryAsync(looksAtHeads ? LookAtHeadsAsync : LookForOwnerAsync).ConfigureAwait(false)
                    ? RetryDelayMin
                    : await WaitAsync(delay).ConfigureAwait(false);
            }
            catch (InvariantViolationException broken)
            {
                _shard!.Break(broken);
            }
        }
    }

    private async ValueTask<TimeSpan> WaitAsync(TimeSpan delay)
    {
        await Task.Delay(delay, clock.Time).ConfigureAwait(false);
        return delay * 2 < RetryDelayMax ? delay * 2 : RetryDelayMax;
    }

    /// <summary>Those that wait, with those of the last look that could not be answered.</summary>
    private bool TakeArrived()
    {
        lock (_gate)
        {
            _asking.AddRange(_arrived);
            _arrived.Clear();
            return _running = _asking.Count > 0;
        }
    }

    /// <summary>False if it is to be tried again, for those that are left.</summary>
    private async ValueTask<bool> TryAsync(Func<ValueTask<bool>> look)
    {
        try
        {
            if (_shard!.IsStopped || !await look().ConfigureAwait(false))
            {
                _asking.ForEach(one => _shard.AnswerReadCheck(one.Id, new AbortCause(AbortReason.ParticipantLost, null, DisplacedDetail), isDisplaced: true));
            }

            _asking.Clear();
            return true;
        }
        catch (LogCorruptException corrupt) when (!LogStreams.IsShard(corrupt.Stream) && _asking.Exists(one => Reads(one, corrupt.Stream)))
        {
            // A stream whose end can't be read stops those who read it, and nobody else (R11).
            Answer(one => Reads(one, corrupt.Stream), new AbortCause(AbortReason.Rejected, new ParticipantId(corrupt.Stream), corrupt.Message));
            return true;
        }
        catch (Exception error) when (error is not (InvariantViolationException or OutOfMemoryException))
        {
            // The store is away, which the committer and the heartbeat tell of. Work that gives up has most likely done so for that reason, and is told; the others
            // end with their deadlines.
            Answer(static one => one.GivesUpFor is not null, null);
            _asking.RemoveAll(one => one.Deadline <= clock.Now);
            return false;
        }
    }

    private void Answer(Predicate<CommitState> whom, AbortCause? conflict)
    {
        _asking.FindAll(whom).ForEach(one => _shard!.AnswerReadCheck(one.Id, conflict, isDisplaced: false));
        _asking.RemoveAll(whom);
    }

    private static bool Reads(CommitState transaction, StreamName stream) => ReadsOf(transaction).Any(read => read.Stream == stream);

    private async ValueTask<bool> LookForOwnerAsync()
    {
        var end = await store.ReadShardEndAsync(lane.Shard, CancellationToken.None).ConfigureAwait(false);
        if (end.Owned?.Version != _epoch)
        {
            return false;
        }

        _asking.ForEach(one => _shard!.AnswerReadCheck(one.Id, null, isDisplaced: false));
        return true;
    }

    private async ValueTask<bool> LookAtHeadsAsync()
    {
        var ends = new Dictionary<StreamName, StreamEnd>();
        var keys = _asking.SelectMany(static one => ReadsOf(one)).Select(static read => read.Stream).Distinct().Select(static stream => new RowKey(stream, 1));
        foreach (var finding in await store.InspectAsync([.. keys], CancellationToken.None).ConfigureAwait(false))
        {
            ends[finding.Key.Stream] = finding.End;
        }

        foreach (var one in _asking)
        {
            // What rests on a batch that was on its way then may be anybody's at that version by now. Only who gives up gets here with one: others go to the log.
            var conflict = ReadsOf(one).FirstOrDefault(static read => read.RestsOn is not null)?.Stream
                ?? AppendRules.FirstConflict(RedoMode.Write, [.. ReadsOf(one)], one.Id, stream => ends[stream]);
            _shard!.AnswerReadCheck(
                one.Id, conflict is { } stream ? new AbortCause(AbortReason.Conflict, new ParticipantId(stream), "has changed since it was read") : null, isDisplaced: false);
        }

        return true;
    }

    private static IEnumerable<Redo> ReadsOf(CommitState transaction) =>
        transaction.Participants.Select(static enlistment => enlistment.Redo).OfType<Redo>();
}
