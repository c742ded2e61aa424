using System.Collections.Immutable;
using Coordinator.Log;
using Coordinator.Participants;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;
using Coordinator.Shards;

namespace Coordinator.Hosting;

/// <summary>What a host is to its log.</summary>
internal enum HostRole : byte
{
    /// <summary>It has not opened the log yet, or waits for the store's lock.</summary>
    Starting,

    /// <summary>Other hosts own the log, or nobody yet.</summary>
    Standby,

    /// <summary>It coordinates: it owns the log's only shard, or at least one of several.</summary>
    Owner,

    /// <summary>It lost a log that only one process can open, or met what it can't judge: it must be restarted.</summary>
    Ended,
}

/// <content>The host's life: opening, standing by, owning, losing.</content>
internal sealed partial class TransactionEngine
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(5);

    private readonly ulong _host;
    private readonly Completion<Exception?> _owned = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly ChosenOne<Shard> _beginAt;
    private ITimer? _timer;
    private LogMeta? _meta;
    private ImmutableArray<ShardSeat> _seats = [];
    private Completion<bool>? _drained;
    private int _ticking;
    private bool _stopping;
    private volatile bool _isOpen;
    private volatile bool _hasFailed;
    private string? _failure;

    /// <summary>What this host is to the log now.</summary>
    public HostRole Role => !_isOpen ? HostRole.Starting
        : _hasFailed || Any(SeatRole.Ended) ? HostRole.Ended
        : Any(SeatRole.Owner) ? HostRole.Owner
        : HostRole.Standby;

    /// <summary>How many shards it coordinates: those that it was neither displaced from nor closed.</summary>
    public int OwnedCount => _seats.Count(static seat => seat.Owns);

    /// <summary>Stopped for good on what it can't judge, or lost for good: only a restart helps.</summary>
    public bool IsEnded => Role is HostRole.Ended || _committer.IsBroken;

    /// <summary>It is a member of a cluster and shares the log's shards with others.</summary>
    public bool IsClustered => _seams.Link is not null;

    /// <summary>What hosts call this one.</summary>
    public ulong HostId => _host;

    /// <summary>Beats; null before the log is open, and where hosts don't share it.</summary>
    public Heartbeat? Heartbeat { get; private set; }

    /// <summary>The host is on its way out: nothing is begun, taken over or read any more.</summary>
    public bool IsStopping => Volatile.Read(ref _stopping);

    /// <summary>Ends what a host that stops need not wait for.</summary>
    public CancellationToken StopToken => _stop.Token;

    /// <summary>The epoch of the present term at the shard that transactions begin on; 0 while this host owns nothing.</summary>
    public long Epoch => _beginAt.Current?.Epoch ?? 0;

    /// <summary>The first row that the recovery of the present term has read.</summary>
    public long ReplayedFrom { get; private set; }

    /// <summary>
    /// Opens the log, then stands by until it may take a shard; takes up what was left open. Returns at once if the options say
    /// not to wait.
    /// </summary>
    public async Task StartAsync(CancellationToken cancellation)
    {
        _failure = " The log is being opened.";
        if (!Options.WaitForOwnership)
        {
            _ = OpenInBackgroundAsync();
            return;
        }

        using var opening = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _stop.Token);
        await OpenAsync(opening.Token).ConfigureAwait(false);
        using var registration = cancellation.UnsafeRegister(
            _ => _owned.TryComplete(new OperationCanceledException("The start was cancelled while standing by.", cancellation), Dispatcher), null);
        if (await _owned.WaitAsync().ConfigureAwait(false) is { } error)
        {
            await DisposeAsync().ConfigureAwait(false);
            throw error;
        }
    }

    /// <summary>Whoever waits for the start is told; false if nobody does.</summary>
    public bool TryFailStart(Exception error) => Options.WaitForOwnership && _owned.TryComplete(error, Dispatcher) && (_hasFailed = true);

    /// <summary>A shard that was taken over, in this host's hands.</summary>
    public Shard NewShard(RecoveredShard recovered)
    {
        if (!IsClustered)
        {
            DropParticipants();
        }

        return new Shard(recovered, _meta!, _committer, _seams.Store, _seams.Dispatcher, _clock, _transport, Participants, Telemetry, _logger, checksHeads: IsClustered);
    }

    /// <summary>This host coordinates a shard from now on.</summary>
    public void TermBegun(Shard shard, RecoveredShard recovered)
    {
        RecoveredOpenCount = recovered.Open.Count;
        ReplayedFrom = recovered.ReplayedFrom;
        _failure = null;
        _beginAt.Ensure(); // of what is owned now: the term may have ended already
        Telemetry.Metrics.TermBegun();
        Started(_logger, _seams.Store.Description, _meta!.Identity, shard.Number, shard.Epoch, recovered.Open.Count, recovered.ReplayedFrom);
        _owned.TryComplete(null, Dispatcher);
    }

    /// <summary>
    /// Another host has the shard. One that had the whole log forgets what its participants knew, for the next owner changes what it was read from; where hosts
    /// share the streams the log tells what was changed, and only what the shard coordinated is over.
    /// </summary>
    public void TermEnded(Shard shard)
    {
        BeginElsewhere(shard);
        if (IsClustered)
        {
            Participants.LoseShard(shard.Number, (ulong)shard.Epoch);
        }
        else
        {
            DropParticipants();
        }
    }

    private bool Any(SeatRole role)
    {
        foreach (var seat in _seats)
        {
            if (seat.Role == role)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Nothing that a stop waits for: what others began and has work here that is not voted on would be aborted by it, and need not be.</summary>
    private bool IsQuiet => InFlightCount == 0 && !Participants.HasUnvotedOfOthers && _committer.IsIdle && _seats.All(static seat => seat.IsQuiet) && _snapshots.IsIdle;

    /// <summary>Until it succeeds: a store that is away when the host starts is no worse than one that goes away later.</summary>
    private async Task OpenInBackgroundAsync()
    {
        while (!_stopping)
        {
            try
            {
                await OpenAsync(_stop.Token).ConfigureAwait(false);
                return;
            }
            catch (OperationCanceledException) when (_stopping)
            {
                return; // nothing was begun
            }
            catch (Exception error) when (error is not OutOfMemoryException)
            {
                _failure = " " + error.Message;
                OpeningFailed(_logger, error);
            }

            await WithinAsync(new Completion<bool>(), RetryDelay).ConfigureAwait(false);
        }
    }

    private async Task OpenAsync(CancellationToken cancellation)
    {
        var identity = new LogIdentity(_seams.Random.Next() >> (64 - LogIdentity.LogIdBits), 1);
        var meta = _meta = await LogOpening.OpenAsync(
            _seams.Store, new LogMeta(identity, _seams.ShardCount, LogMeta.CurrentFormatVersion), Options.RestoredAsGeneration, _seams.Time, cancellation, _seams.ShardCount).ConfigureAwait(false);
        _snapshots.Open(meta.Identity.Generation);
        if (!IsClustered && meta.ShardCount != 1)
        {
            throw new LogStoreException($"{_seams.Store.Description} has {meta.ShardCount} shards: it belongs to a cluster, and this host takes a log of one shard only.");
        }

        if (_seams.Store.Beats is { } beats)
        {
            Heartbeat = new Heartbeat(beats, _host, _seams.Processes.Own, _clock, LivingShards, _logger);
        }
        else if (IsClustered)
        {
            throw new LogStoreException($"{_seams.Store.Description} belongs to one process at a time: hosts of a cluster can't share it. Use PostgreSQL.");
        }

        cancellation.ThrowIfCancellationRequested(); // stopped meanwhile: no tick may come any more
        _failure = null;
        _seats = [.. Enumerable.Range(0, meta.ShardCount).Select(shard => NewSeat(meta, (ushort)shard))];
        _isOpen = true;

        // Or all that ticks set off would belong, for ever, to whatever activity the host was started in.
        using (AsyncFlowControl? _ = ExecutionContext.IsFlowSuppressed() ? null : ExecutionContext.SuppressFlow())
        {
            _timer = _seams.Time.CreateTimer(static engine => ((TransactionEngine)engine!).Tick(), this, TickPeriod, TickPeriod);
        }

        Tick();
    }

    private ShardSeat NewSeat(LogMeta meta, ushort shard) => new(
        this,
        meta,
        new Standby(_seams, meta, _host, Heartbeat, _clock, shard, Options.TakeOverAtStart, IsClustered ? null : Options.AppendStallTimeout, Telemetry, _logger),
        shard);

    private void Tick()
    {
        if (Interlocked.Exchange(ref _ticking, 1) != 0)
        {
            return; // the timer does not wait for a tick that takes longer than its period
        }

        try
        {
            TickOnce();
        }
        finally
        {
            Volatile.Write(ref _ticking, 0);
        }
    }

    private void TickOnce()
    {
        _committer.AbandonIfStuck(_writes is null ? _committer.InFlightSince : _writes.WritingSince, Options.AppendStallTimeout);
        foreach (var seat in _seats)
        {
            seat.TickShard();
        }

        _beginAt.Ensure(); // whatever was missed above: a host that owns a shard must not refuse for ever
        Participants.Tick();
        Heartbeat?.Tick();
        foreach (var seat in _seats)
        {
            seat.Tick();
        }

        if (IsClustered && Heartbeat is { } heartbeat)
        {
            ShareShards(heartbeat);
        }

        if (_drained is { } drained && IsQuiet)
        {
            drained.TryComplete(true, Dispatcher);
        }
    }

    /// <summary>What participants know ends with the term: the next owner changes what it was read from.</summary>
    private void DropParticipants()
    {
        var ended = Participants;
        Participants = NewParticipants();
        ended.DropAll(new AbortCause(AbortReason.ParticipantLost, null, "the host's term as owner of the log has ended"));
    }

    private ParticipantHost NewParticipants()
    {
        var participants = new ParticipantHost(_seams.Store, _seams.Dispatcher, _clock, _seams.Random, _host, IsClustered, Options, Telemetry, _logger);
        participants.Connect(_transport);
        return participants;
    }

    private ImmutableArray<ushort> LivingShards()
    {
        var living = ImmutableArray.CreateBuilder<ushort>();
        foreach (var seat in _seats)
        {
            if (seat.IsLiving())
            {
                living.Add(seat.Number);
            }
        }

        return living.DrainToImmutable();
    }

    /// <summary>What the log itself says, for a host that does not own it: only the owner can say that something is aborted.</summary>
    private async ValueTask<InquiryAnswer> AskLogAsync(TransactionId id, CancellationToken cancellation)
    {
        if (_meta is not { } meta)
        {
            throw new TransactionRefusedException(id, "The host has not started: await its StartAsync first.");
        }

        if (id.Log != meta.Identity)
        {
            return id.Log.LogId != meta.Identity.LogId ? InquiryAnswer.OtherLog : InquiryAnswer.Held;
        }

        // A store that hosts share shows only what is durable (PostgreSQL: a commit is seen after its log was flushed), so a row that
        // is read here is proof. SQLite is not so, but nobody reads there beside its owner.

        try
        {
            return await _seams.Store.FindDecisionAsync(id, cancellation).ConfigureAwait(false) switch
            {
#if PLANTED_BUGS
                null when PlantedBugs.Has(PlantedBug.PresumedByBystander) => InquiryAnswer.Aborted,
#endif
                null => InquiryAnswer.Undecided,
                { Kind: RowKind.CommitDecided } => InquiryAnswer.Committed,
                _ => InquiryAnswer.Aborted,
            };
        }
        catch (LogCorruptException)
        {
            return InquiryAnswer.Held; // the owner has raised the alarm when it recovered the shard
        }
    }
}
