using Coordinator.Diagnostics;
using Coordinator.Hosting;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;
using Microsoft.Extensions.Logging;

namespace Coordinator.Log;

/// <summary>
/// Merges all batches that wait into one write, one round trip and one forced sync, with one group in flight for the whole
/// process; and finds out what became of a group before anyone is told (rule D-2).
/// </summary>
/// <remarks>
/// It decides nothing: what an answer of the store means is <see cref="GroupProtocol"/>'s, what conflicts is
/// <see cref="AppendRules"/>', who owns a shard is <see cref="OwnershipProtocol"/>'s. A batch is never withdrawn once it is
/// here; while the store can't write, batches wait.
/// </remarks>
internal sealed partial class GroupCommitter(
    ILogStore store,
    TimeProvider time,
    MonotonicClock clock,
    AppendIds ids,
    IDispatcher dispatcher,
    ILogger logger,
    EngineTelemetry telemetry,
    int groupBytesMax,
    long backlogBytesMax)
    : IThreadPoolWorkItem
{
    private static readonly TimeSpan RetryDelayMin = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan RetryDelayMax = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly GroupBuilder _group = new(groupBytesMax, ids);
    private readonly List<PendingAppend> _arrived = [];
    private List<PendingAppend> _waiting = [];
    private List<PendingAppend> _next = [];
    private List<(PendingAppend Append, LogPosition Position)> _landed = [];
    private List<(PendingAppend Append, LogPosition Position)>? _spare; // empty, for use again
    private int _failures;
    private int _membersMax = int.MaxValue;
    private bool _running;
    private volatile bool _broken;
    private long _inFlightSince = -1;
    private long _failingSince = -1;
    private long _backlogBytes;
    private TimeSpan _abandonedAt;

    /// <summary>Batches that are durable: the forced batches of design section 4's table.</summary>
    public long BatchCount { get; private set; }

    /// <summary>Groups that landed: what the store actually synced.</summary>
    public long GroupCount { get; private set; }

    /// <summary>Rows that landed, empty ones included.</summary>
    public long RowCount { get; private set; }

    /// <summary>Since when the store has had the group in flight, or null.</summary>
    public TimeSpan? InFlightSince => Volatile.Read(ref _inFlightSince) is var ticks and >= 0 ? TimeSpan.FromTicks(ticks) : null;

    /// <summary>Stopped on a broken promise: nothing is written any more.</summary>
    public bool IsBroken => _broken;

    /// <summary>Bytes of batches that wait or are with the store.</summary>
    public long BacklogBytes => Volatile.Read(ref _backlogBytes);

    /// <summary>Hands a batch to the log; its target hears what became of it.</summary>
    public void Enqueue(PendingAppend append)
    {
        var backlog = Interlocked.Add(ref _backlogBytes, append.Size);
        if (backlog > backlogBytesMax && append.MayBeRefused)
        {
            // It was never sent, so it is not in the log and never will be: that is as definite as a conflict.
            Refuse(append, AppendResult.Rejected, new AbortCause(
                AbortReason.Overloaded, null, $"{backlog} bytes wait for the log store already, which does not keep up"));
            return;
        }

        lock (_gate)
        {
            if (!_broken)
            {
                _arrived.Add(append);
                if (_running)
                {
                    return;
                }

                _running = true;
            }
        }

        if (_broken)
        {
            Refuse(append, AppendResult.Unclear);
            return;
        }

        dispatcher.Queue(this);
    }

    /// <summary>True while no batch is under way.</summary>
    public bool IsIdle
    {
        get
        {
            lock (_gate)
            {
                return !_running || _broken;
            }
        }
    }

    /// <summary>The watchdog: a group that the store does not answer for becomes unclear, and is fenced; so does a claim, where hosts share the log.</summary>
    /// <param name="writingSince">Since when the store has had what it writes; null if nothing is written. Not since when a group waits for its turn.</param>
    /// <param name="limit">How long it may take.</param>
    public void AbandonIfStuck(TimeSpan? writingSince, TimeSpan limit)
    {
        if (writingSince is { } since && clock.Now - (_abandonedAt > since ? _abandonedAt : since) > limit)
        {
            _abandonedAt = clock.Now; // and once more after the same time, if that was not heard
            AppendStuck(logger, store.Description, limit.TotalSeconds);
            store.AbandonAppend();
        }
    }

    async void IThreadPoolWorkItem.Execute()
    {
        try
        {
            while (TakeArrived() || TellLanded() || !TryRest())
            {
                await SendReleasesAsync().ConfigureAwait(false);
                await SendOneGroupAsync().ConfigureAwait(false);
            }
        }
        catch (Exception error)
        {
            CommitterBroken(logger, error);
            Break();
        }
    }

    /// <summary>
    /// A bug or a broken promise: nothing is told on such ground, and nothing is written any more. A group may be with the store
    /// even now: whoever waits hears that the outcome is unknown, and nothing is presumed here any more.
    /// </summary>
    private void Break()
    {
        List<PendingAppend> pending;
        lock (_gate)
        {
            _broken = true;
            pending = [.. _landed.Select(landed => landed.Append), .. _group.Members, .. _waiting, .. _next, .. _arrived];
            _arrived.Clear();
            BreakReleases();
        }

        foreach (var append in pending.Distinct())
        {
            append.Lane.Ownership = append.Lane.Ownership with { Phase = OwnershipPhase.Lost };
            Refuse(append, AppendResult.Unclear);
        }
    }

    private bool TakeArrived()
    {
        (_waiting, _next) = (_next, _waiting);
        _next.Clear();
        lock (_gate)
        {
            _waiting.AddRange(_arrived);
            _arrived.Clear();
        }

        return _waiting.Count > 0;
    }

    /// <summary>Nothing waits: the next batch starts the loop anew. False if one has come meanwhile.</summary>
    private bool TryRest()
    {
        lock (_gate)
        {
            _running = _arrived.Count > 0 || _releases.Count > 0;
            if (!_running)
            {
                TellReleased();

                // What the store did not write was settled otherwise (another owner): nothing waits for it, and no write would come to
                // show that it works again while transactions are refused because of it.
                Volatile.Write(ref _failingSince, -1);
            }

            return !_running;
        }
    }

    private async ValueTask SendOneGroupAsync()
    {
        _group.Clear();
        while (!await TryAsync(static self => self.LearnTailsAsync(), _waiting).ConfigureAwait(false))
        {
        }

        var now = LogRow.ClockOf(time);
        foreach (var append in _waiting)
        {
            if (append.Lane.IsLost)
            {
                Refuse(append, AppendResult.OwnerLost);
            }
            else if (append.IsDoomed)
            {
                Refuse(append, AppendResult.Conflict, new AbortCause(AbortReason.Conflict, null, BatchFate.DroppedDetail));
            }
            else if (_group.Members.Count >= _membersMax || !_group.TryAdd(append, now))
            {
                _next.Add(append);
            }
        }

        if (_group.Members.Count == 0)
        {
            return;
        }

        foreach (var (lane, _, _, _, _) in _group.Lanes)
        {
            lane.Ownership = OwnershipProtocol.Advance(lane.Ownership, OwnershipInput.AppendStarted.Instance);
        }

        var group = _group.ToGroup();
        var sent = AppendAsync(group);
        TellLanded();
        TellReleased();
        var answer = await sent.ConfigureAwait(false);
        switch (answer.Kind)
        {
            case GroupAnswerKind.Landed:
                Land(group.Rows.Length);
                break;
#if PLANTED_BUGS
            case GroupAnswerKind.Unclear when PlantedBugs.Has(PlantedBug.AppendErrorToldAborted):
                TakeBack();
                _next.RemoveRange(0, _group.Members.Count);
                _group.Members.ForEach(append => Refuse(append, AppendResult.Rejected, new AbortCause(AbortReason.Rejected)));
                break;
            case GroupAnswerKind.Unclear when PlantedBugs.Has(PlantedBug.AnswerBeforeFence):
                Land(group.Rows.Length);
                break;
#endif
            case GroupAnswerKind.Unclear:
                await ClearUpAsync(group.Rows.Length, answer.Error).ConfigureAwait(false);
                break;
            case GroupAnswerKind.CheckFailed:
                TakeBack();
                await TryAsync(self => self.FindConflictsAsync(group), _next).ConfigureAwait(false);
                break;
            case GroupAnswerKind.Refused:
                Halve(answer.Error);
                break;
            default:
                TakeBack();
                await BackOffAsync(answer.Error).ConfigureAwait(false);
                break;
        }
    }

    private void Succeeded()
    {
        _failures = 0;
        Volatile.Write(ref _failingSince, -1);
    }

    /// <summary>Reads what the streams end with that the log numbers itself and has not written yet.</summary>
    private ValueTask LearnTailsAsync()
    {
        HashSet<StreamName>? unknown = null;
        foreach (var append in _waiting)
        {
            foreach (var redo in append.Redo)
            {
                if (redo.ExpectedVersion == Redo.AtEnd && !_group.Tails.Knows(redo.Stream))
                {
                    (unknown ??= []).Add(redo.Stream);
                }
            }
        }

        return unknown is null ? ValueTask.CompletedTask : ReadAsync(unknown);

        async ValueTask ReadAsync(HashSet<StreamName> streams)
        {
            TellLanded();
            foreach (var finding in await InspectAsync([.. streams.Select(stream => new RowKey(stream, 1))]).ConfigureAwait(false))
            {
                _group.Tails.Set(finding.Key.Stream, finding.End.Version, finding.EndPosition);
            }
        }
    }

    private void Land(int rows)
    {
        Succeeded();
        _membersMax = int.MaxValue;
        GroupCount++;
        RowCount += rows;
        foreach (var share in _group.Lanes)
        {
            SettleLane(share.Lane, share.FirstVersion + CountIn(share));
        }

        KeepLanded();
    }

    private void KeepLanded()
    {
        BatchCount += _group.Members.Count;
        telemetry.Metrics.Landed(_group.Members.Count, _group.RowCount);
        foreach (var share in _group.Lanes)
        {
            var rows = CountIn(share);
            share.Lane.RowsSinceCheckpoint = share.HasCheckpoint ? rows : share.Lane.RowsSinceCheckpoint + rows;
            if (share.Checkpoint is { } checkpoint)
            {
                share.Lane.CheckpointLanded(share.FirstVersion, checkpoint);
            }
        }

        foreach (var append in _group.Members)
        {
            append.Lane.Open.Apply(append.Event); // only here: a checkpoint holds durable rows only
            var position = new LogPosition(append.Lane.Shard, (ulong)append.ShardVersion);
            append.Fate.Land(position);
            _landed.Add((append, position));
        }
    }

    /// <summary>
    /// Nothing of the group landed: its lanes go on where they were (the fenced one behind its fence), its members wait again,
    /// in order.
    /// </summary>
    private void TakeBack(ShardLane? fenced = null, long fencedNextVersion = 0, uint fencedSeed = 0)
    {
        foreach (var (lane, firstVersion, seed, _, _) in _group.Lanes)
        {
            var isFenced = ReferenceEquals(lane, fenced);
            lane.Seed = isFenced ? fencedSeed : seed;
            SettleLane(lane, isFenced ? fencedNextVersion : firstVersion);
        }

        _group.Tails.Clear();
        _next.InsertRange(0, _group.Members);
    }

    private static void SettleLane(ShardLane lane, long nextVersion) =>
        lane.Ownership = OwnershipProtocol.Advance(lane.Ownership, new OwnershipInput.AppendSettled(nextVersion));

    /// <summary>How many rows of the group are the shard's.</summary>
    private int CountIn(LaneShare share)
    {
        var count = share.HasCheckpoint ? 1 : 0;
        foreach (var append in _group.Members)
        {
            count += ReferenceEquals(append.Lane, share.Lane) ? 1 : 0;
        }

        return count;
    }

    /// <summary>The store refuses some row of the group and does not say which: find the batch by halving.</summary>
    private void Halve(Exception? error)
    {
        TakeBack();
        if (_group.Members.Count > 1)
        {
            _membersMax = _group.Members.Count / 2;
            return;
        }

        _membersMax = int.MaxValue;
        var append = _group.Members[0];
        _next.Remove(append);
        BatchRejected(logger, append.Event.Id, error?.Message);
        Refuse(append, AppendResult.Rejected, new AbortCause(AbortReason.Rejected, null, "the log store refuses the rows: " + error?.Message));
    }
}
