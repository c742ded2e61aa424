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

    /// <summary>Another host owns the log, or nobody yet.</summary>
    Standby,

    /// <summary>It coordinates.</summary>
    Owner,

    /// <summary>It lost a log that only one process can open, or met what it can't judge: it must be restarted.</summary>
    Ended,
}

/// <content>The host's life: opening, standing by, owning, losing, handing over. One term of ownership has one Shard object and its participants.</content>
internal sealed partial class TransactionEngine
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LookPeriodMax = StandbyProtocol.BeatPeriod * 2;

    private readonly ulong _host;
    private readonly Completion<Exception?> _owned = new();
    private readonly CancellationTokenSource _stop = new();
    private ITimer? _timer;
    private Heartbeat? _heartbeat;
    private Standby? _standby;
    private LogMeta? _meta;
    private Completion<bool>? _drained;
    private TimeSpan _nextLook;
    private TimeSpan _retryFrom;
    private long _roundsLooked;
    private long _ticksListed;
    private int _looking;
    private int _ticking;
    private bool _stopping;
    private volatile HostRole _role;
    private string? _failure;

    /// <summary>What this host is to the log now.</summary>
    public HostRole Role => _role;

    /// <summary>It coordinates: neither displaced nor closed.</summary>
    public bool OwnsShard => _role is HostRole.Owner && _shard is { IsStopped: false };

    /// <summary>Stopped for good on what it can't judge, or lost for good: only a restart helps.</summary>
    public bool IsEnded => _role is HostRole.Ended || _committer.IsBroken;

    /// <summary>The epoch of the present term; 0 while this host owns nothing.</summary>
    public long Epoch => _shard?.Epoch ?? 0;

    /// <summary>The first row that the recovery of the present term has read.</summary>
    public long ReplayedFrom { get; private set; }

    /// <summary>
    /// Opens the log, then stands by until it may take the shard; takes up what was left open. Returns at once if the options say
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

    private bool IsQuiet => InFlightCount == 0 && _committer.IsIdle && Volatile.Read(ref _looking) == 0 && _snapshots.IsIdle;

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
            _seams.Store, new LogMeta(identity, 1, LogMeta.CurrentFormatVersion), Options.RestoredAsGeneration, _seams.Time, cancellation).ConfigureAwait(false);
        _snapshots.Open(meta.Identity.Generation);
        if (meta.ShardCount != 1)
        {
            throw new LogStoreException($"{_seams.Store.Description} has {meta.ShardCount} shards: it belongs to a cluster, and this host takes a log of one shard only.");
        }

        if (_seams.Store.Beats is { } beats)
        {
            _heartbeat = new Heartbeat(beats, _host, _seams.Processes.Own, _clock, LivingShards, _logger);
        }

        cancellation.ThrowIfCancellationRequested(); // stopped meanwhile: no tick may come any more
        _failure = null;
        _standby = new Standby(_seams, meta, _host, _heartbeat, _clock, OnlyShard, Options.TakeOverAtStart, Options.AppendStallTimeout, Telemetry, _logger);
        _role = HostRole.Standby;

        // Or all that ticks set off would belong, for ever, to whatever activity the host was started in.
        using (AsyncFlowControl? _ = ExecutionContext.IsFlowSuppressed() ? null : ExecutionContext.SuppressFlow())
        {
            _timer = _seams.Time.CreateTimer(static engine => ((TransactionEngine)engine!).Tick(), this, TickPeriod, TickPeriod);
        }

        Tick();
    }

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
        _committer.AbandonIfStuck(Options.AppendStallTimeout);
        _shard?.Tick();
        Participants.Tick();
        _heartbeat?.Tick();
        if (_role is HostRole.Standby)
        {
            LookIfDue();
        }
        else
        {
            _standby?.NoteDisplaced();
            LookIfContested();
            ForgetIfDue();
        }

        if (_drained is { } drained && IsQuiet)
        {
            drained.TryComplete(true, Dispatcher);
        }
    }

    /// <summary>
    /// A look may claim the shard: nothing of an earlier term may be in the store's hands then. One comes behind each round of
    /// heartbeats: one that came now before and now after its round would be no evidence, nor would the next. By the clock only
    /// while there are no rounds.
    /// </summary>
    private void LookIfDue()
    {
        var rounds = _heartbeat?.AcknowledgedCount ?? 0;
        var due = _clock.Now >= _nextLook || (rounds != _roundsLooked && _clock.Now >= _retryFrom);
        if (due && !_stopping && _committer.IsIdle && !_committer.IsBroken && Interlocked.Exchange(ref _looking, 1) == 0)
        {
            _roundsLooked = rounds;
            _nextLook = _clock.Now + LookPeriodMax;
            _ = LookAsync();
        }
    }

    private async Task LookAsync()
    {
        try
        {
            if (await _standby!.LookAsync(_stop.Token).ConfigureAwait(false) is { } recovered && !_stopping)
            {
                BeginTerm(recovered);
            }
        }
        catch (OperationCanceledException) when (_stopping)
        {
            // Nothing was claimed, or nobody knows: the next owner reads what became of it.
        }
        catch (Exception error) when (error is LogStoreException or LogCorruptException or InvariantViolationException)
        {
            // Not for now but for good, until somebody does what the message says. Whoever waits for the start hears it.
            if (Options.WaitForOwnership && _owned.TryComplete(error, Dispatcher))
            {
                _role = HostRole.Ended;
            }
            else
            {
                _failure = " " + error.Message;
                _nextLook = _retryFrom = _clock.Now + RetryDelay;
                TakeOverFailed(_logger, error);
            }
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            LookFailed(_logger, error.Message); // the store is away: the next look tries again
        }
        finally
        {
            Volatile.Write(ref _looking, 0);
        }
    }

    private void BeginTerm(RecoveredShard recovered)
    {
        RecoveredOpenCount = recovered.Open.Count;
        ReplayedFrom = recovered.ReplayedFrom;
        recovered.Lane.CheckpointRowsMin = Options.CheckpointRowsMin;
        recovered.Lane.IsOnlyShard = _meta!.ShardCount == 1;
        DropParticipants();
        var shard = new Shard(recovered, _meta!, _committer, _seams.Store, _seams.Dispatcher, _clock, _transport, Participants, Telemetry, _logger);
        _failure = null;
        _shard = shard;
        _role = HostRole.Owner;
        shard.Resume();
        Telemetry.Metrics.TermBegun();
        _ = EndTermAsync(shard);
        Started(_logger, _seams.Store.Description, _meta!.Identity, shard.Epoch, recovered.Open.Count, recovered.ReplayedFrom);
        _owned.TryComplete(null, Dispatcher);
    }

    /// <summary>Another host has the shard: this one stands by again, and forgets what its participants knew.</summary>
    private async Task EndTermAsync(Shard shard)
    {
        await shard.Ended.WaitAsync().ConfigureAwait(false);
        DropParticipants();
        if (shard.IsBroken || _heartbeat is null)
        {
            _role = HostRole.Ended;
            return;
        }

        _standby!.Forget();
        _shard = null;
        _nextLook = TimeSpan.Zero;
        _role = HostRole.Standby;
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
        var participants = new ParticipantHost(_seams.Store, _seams.Dispatcher, _clock, _seams.Random, Options, Telemetry, _logger);
        participants.Connect(_transport);
        return participants;
    }

    /// <summary>The shard is listed if it has looked at the clock since it was listed last: a stuck one must not look alive.</summary>
    private ImmutableArray<ushort> LivingShards()
    {
        if (_standby is { IsTakingOver: true })
        {
            return [OnlyShard];
        }

        if (_shard is not { IsStopped: false } shard || _committer.IsBroken || shard.TicksAnswered == _ticksListed)
        {
            return [];
        }

        _ticksListed = shard.TicksAnswered;
        return [OnlyShard];
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
