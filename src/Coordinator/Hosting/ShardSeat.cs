using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;
using Coordinator.Shards;
using Microsoft.Extensions.Logging;

namespace Coordinator.Hosting;

/// <summary>What a host is to one shard.</summary>
internal enum SeatRole : byte
{
    /// <summary>Another host owns it, or nobody yet.</summary>
    Standby,

    /// <summary>This host coordinates its transactions.</summary>
    Owner,

    /// <summary>This host lost it for good, or met what it can't judge: only a restart helps.</summary>
    Ended,
}

/// <summary>
/// One shard of the log as one host sees it: watched while others have it, owned while this one does, lost or handed over. One term of ownership
/// has one Shard object. Driven by the engine's ticks; it decides nothing.
/// </summary>
internal sealed partial class ShardSeat(TransactionEngine engine, LogMeta meta, Standby standby, ushort number)
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LookPeriodMax = StandbyProtocol.BeatPeriod * 2;

    private Shard? _shard;
    private Shard? _last;
    private TimeSpan _nextLook;
    private TimeSpan _retryFrom;
    private long _roundsLooked;
    private long _ticksListed;
    private int _looking;
    private volatile SeatRole _role;

    public ushort Number => number;

    public SeatRole Role => _role;

    /// <summary>The shard while this host has a term; null otherwise. A term may have ended without anybody having noticed yet.</summary>
    public Shard? Shard => Volatile.Read(ref _shard);

    /// <summary>It coordinates: neither displaced nor closed.</summary>
    public bool Owns => _role is SeatRole.Owner && Shard is { IsStopped: false };

    /// <inheritdoc cref="Standby.OwnerName"/>
    public string OwnerName => standby.OwnerName;

    /// <inheritdoc cref="Standby.OwnerHost"/>
    public ulong OwnerHost => standby.OwnerHost;

    /// <summary>Nothing is being read, claimed or recovered.</summary>
    public bool IsQuiet => Volatile.Read(ref _looking) == 0;

    /// <summary>Why the last look failed where that is not for now but until somebody does something; null otherwise.</summary>
    public string? Failure { get; private set; }

    /// <summary>Rows of transactions that it has forgotten and removed.</summary>
    public long RowsForgotten { get; private set; }

    /// <summary>The shard looks at the clock.</summary>
    public void TickShard() => _shard?.Tick();

    /// <summary>The seat does: behind the participants, and behind the start of a round of heartbeats.</summary>
    public void Tick()
    {
        if (_role is SeatRole.Standby)
        {
            LookIfDue();
        }
        else
        {
            standby.NoteDisplaced();
            LookIfContested();
            ForgetIfDue();
        }
    }

    /// <summary>The shard is listed if it has looked at the clock since it was listed last: a stuck one must not look alive.</summary>
    public bool IsLiving()
    {
        if (standby.IsTakingOver)
        {
            return true;
        }

        if (Shard is not { IsStopped: false } shard || engine.Committer.IsBroken || shard.TicksAnswered == _ticksListed)
        {
            return false;
        }

        _ticksListed = shard.TicksAnswered;
        return true;
    }

    /// <summary>
    /// A look may claim the shard: nothing of an earlier term may be in the store's hands then. One comes behind each round of
    /// heartbeats: one that came now before and now after its round would be no evidence, nor would the next. By the clock only
    /// while there are no rounds.
    /// </summary>
    private void LookIfDue()
    {
        var rounds = engine.Heartbeat?.AcknowledgedCount ?? 0;
        var due = engine.Now >= _nextLook || (rounds != _roundsLooked && engine.Now >= _retryFrom);
        if (due && MayClaim && Interlocked.Exchange(ref _looking, 1) == 0)
        {
            _roundsLooked = rounds;
            _nextLook = engine.Now + LookPeriodMax;
            _ = CarryOutAsync(LookAsync);
        }
    }

    private bool MayClaim => !engine.IsStopping && !engine.Committer.IsBroken
        && (engine.IsClustered ? _last is null or { InHandCount: 0 } : engine.Committer.IsIdle);

    private async ValueTask LookAsync()
    {
        var isFree = await standby.LookAsync(engine.StopToken).ConfigureAwait(false);
        if (isFree && !engine.IsClustered)
        {
            await TakeAsync().ConfigureAwait(false);
            return;
        }

        NoteFree(isFree && engine.MayOwn(number)); // who takes it is to be agreed on
    }

    /// <summary>A look or a claim. The caller has set <see cref="_looking"/>.</summary>
    private async Task CarryOutAsync(Func<ValueTask> action)
    {
        try
        {
            await action().ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (engine.IsStopping)
        {
            // Nothing was claimed, or nobody knows: the next owner reads what became of it.
        }
        catch (Exception error) when (error is LogStoreException or LogCorruptException or InvariantViolationException)
        {
            // Not for now but for good, until somebody does what the message says. Whoever waits for the start hears it.
            if (engine.TryFailStart(error))
            {
                _role = SeatRole.Ended;
            }
            else
            {
                Failure = " " + error.Message;
                _nextLook = _retryFrom = engine.Now + RetryDelay;
                TakeOverFailed(engine.Logger, number, error);
            }
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            LookFailed(engine.Logger, number, error.Message); // the store is away: the next look tries again
        }
        finally
        {
            Volatile.Write(ref _looking, 0);
        }
    }

    private async ValueTask TakeAsync()
    {
        if (await standby.TakeAsync(engine.StopToken).ConfigureAwait(false) is { } recovered && !engine.IsStopping)
        {
            BeginTerm(recovered);
        }
    }

    private void BeginTerm(RecoveredShard recovered)
    {
        recovered.Lane.CheckpointRowsMin = engine.Options.CheckpointRowsMin;
        recovered.Lane.IsOnlyShard = meta.ShardCount == 1;
        var shard = engine.NewShard(recovered);
        Failure = null;
        NoteComeBack();
        Volatile.Write(ref _shard, shard);
        _last = shard;
        _role = SeatRole.Owner;
        shard.Resume();
        _ = EndTermAsync(shard);
        engine.TermBegun(shard, recovered);
    }

    /// <summary>Another host has the shard: this one stands by again.</summary>
    private async Task EndTermAsync(Shard shard)
    {
        await shard.Ended.WaitAsync().ConfigureAwait(false);
        if (shard.IsBroken || engine.Heartbeat is null)
        {
            _role = SeatRole.Ended;
            engine.TermEnded(shard);
            return;
        }

        engine.TermEnded(shard);
        StandBy(shard);
    }

    /// <summary>
    /// Ends the term for good: what was not handed to the log never will be and is told so, what is in its hands is Unknown. The shard, for
    /// <see cref="ReleaseAsync"/>, where nothing is; else null.
    /// </summary>
    public async ValueTask<Shard?> CloseAsync()
    {
        if (Shard is not { } shard)
        {
            return null;
        }

        var owned = Owns;
        await shard.CloseAsync().ConfigureAwait(false);
        return owned && shard.InHandCount == 0 ? shard : null;
    }

    /// <summary>Hands a closed shard over: its next owner need not wait. Whether that is done or not, it waits no longer than until then.</summary>
    public async Task ReleaseAsync(Shard closed, TimeSpan until)
    {
        var answered = new Completion<bool>();
        _ = SendAsync();
        var left = until - engine.Now;
        if (await engine.WithinAsync(answered, left > TimeSpan.Zero ? left : TimeSpan.Zero).ConfigureAwait(false))
        {
            HandedOver(engine.Logger, number);
        }

        async Task SendAsync() => answered.TryComplete(await engine.Committer.TryReleaseAsync(closed.Lane).ConfigureAwait(false), engine.Dispatcher);
    }

    /// <summary>The term is over. It may end twice: given away, and found displaced; only its own end counts, not that of a later term.</summary>
    private void StandBy(Shard shard)
    {
        if (Shard != shard)
        {
            return;
        }

        standby.Forget();
        if (Interlocked.CompareExchange(ref _shard, null, shard) != shard)
        {
            return;
        }

        _nextLook = TimeSpan.Zero;
        _role = SeatRole.Standby;
    }

    /// <summary>
    /// Another host's beat lists the shard: it may have been taken over. An append would find out, but there may never be one, and
    /// until then this host would call itself ready and answer reads from what it remembers. The log alone says who owns it.
    /// </summary>
    private void LookIfContested()
    {
        if (engine.Heartbeat is not { } heartbeat || Shard is not { IsStopped: false } shard || heartbeat.AcknowledgedCount == _roundsLooked)
        {
            return;
        }

        _roundsLooked = heartbeat.AcknowledgedCount;
        foreach (var beat in heartbeat.Seen)
        {
            if (beat.Host != engine.HostId && beat.Shards.Contains(number) && Interlocked.Exchange(ref _looking, 1) == 0)
            {
                _ = LookForHeirAsync(shard);
                return;
            }
        }
    }

    private async Task LookForHeirAsync(Shard shard)
    {
        try
        {
            await shard.LookForHeirAsync(engine.StopToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (engine.IsStopping)
        {
            // The next owner reads the log anyway.
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            OwnerLookFailed(engine.Logger, number, error.Message); // the store is away: the next round looks again
        }
        finally
        {
            Volatile.Write(ref _looking, 0);
        }
    }

    [LoggerMessage(1303, LogLevel.Information, "Handed shard {Shard} over: the next owner need not wait.")]
    private static partial void HandedOver(ILogger logger, ushort shard);

    [LoggerMessage(1305, LogLevel.Critical, "Shard {Shard} can't be taken over; it is tried again.")]
    private static partial void TakeOverFailed(ILogger logger, ushort shard, Exception error);

    [LoggerMessage(1306, LogLevel.Warning, "Standing by for shard {Shard}, but the log can't be read: {Error}")]
    private static partial void LookFailed(ILogger logger, ushort shard, string error);

    [LoggerMessage(1307, LogLevel.Warning, "Another host's heartbeat lists shard {Shard}, which this host owns, but the log can't be read: {Error}")]
    private static partial void OwnerLookFailed(ILogger logger, ushort shard, string error);
}
