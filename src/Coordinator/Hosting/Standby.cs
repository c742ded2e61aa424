using Coordinator.Diagnostics;
using Coordinator.Log;
using Coordinator.Protocol.Ownership;
using Coordinator.Shards;
using Microsoft.Extensions.Logging;

namespace Coordinator.Hosting;

/// <summary>
/// Looks at a shard that this host does not own, and takes it over when <see cref="StandbyProtocol"/> says so. Carried out by
/// ticks, one look at a time, while nothing of this host is in the store's hands.
/// </summary>
internal sealed partial class Standby(
    EngineSeams seams,
    LogMeta meta,
    ulong host,
    Heartbeat? heartbeat,
    MonotonicClock clock,
    ushort shard,
    bool takeOverAtFirstLook,
    TimeSpan? stallTimeout,
    EngineTelemetry telemetry,
    ILogger logger)
{
    private readonly ShardClaimer _claimer = new(seams.Store, meta, seams.Time, seams.Random, host, seams.HostName, stallTimeout);
    private StandbyState _state = StandbyState.Initial;
    private bool _takeOverNow = takeOverAtFirstLook;
    private long _acknowledged;
    private ulong _displaced;
    private long _displacedBeat;
    private long _announcedEpoch = -1;
    private ShardEnd? _end;
    private ShardOwner? _owner;
    private long _seenBeat;

    /// <summary>Who owns the shard, as of the last look, for people.</summary>
    public string OwnerName { get; private set; } = "nobody";

    /// <summary>Its id among hosts, as of the last look; 0 if there is none or it had none.</summary>
    public ulong OwnerHost { get; private set; }

    /// <summary>
    /// A claim of the shard was read whose claimant knew that the log has many. That there is none proves nothing: one of before the log grew may still be
    /// on its way (decision 0013). Once read it stays so, for nobody else can claim the shard any more.
    /// </summary>
    public bool IsAmongMany { get; private set; }

    /// <summary>This host does not own the shard any more: who has it now is learnt with the next look.</summary>
    public void Forget() => (OwnerName, OwnerHost, _owner) = ("another host", 0, null);

    /// <summary>True from a claim's sending until the shard is recovered: the host answers for the shard already.</summary>
    public bool IsTakingOver { get; private set; }

    /// <summary>Looks once: true if the shard may be taken, as it stood then.</summary>
    public async ValueTask<bool> LookAsync(CancellationToken cancellation)
    {
        NoteDisplaced();
        if (_owner is { } known && HasBeaten(known.Host))
        {
            _seenBeat = BeatOf(known.Host)!.Count;
            _state = StandbyProtocol.Look(_state, LookAt(_end!, known), 0).State;
            return false; // what the log would say is what its owner says
        }

        var end = _end = await seams.Store.ReadShardEndAsync(shard, cancellation).ConfigureAwait(false);
        var owner = _owner = end.Owned is { Fault: null } owned ? ShardClaimer.OwnerOf(owned) : null;
        OwnerName = owner?.HostName ?? "nobody";
        OwnerHost = owner?.Host ?? 0;
        IsAmongMany |= owner is { ShardCount: > 1 };
        _seenBeat = BeatOf(OwnerHost)?.Count ?? 0;
        var isFree = Decides(end, owner);
        if (!isFree)
        {
            Announce(end);
        }

        return isFree;
    }

    /// <summary>Takes the shard as it was last seen; null if another host was first.</summary>
    public async ValueTask<RecoveredShard?> TakeAsync(CancellationToken cancellation)
    {
        var (end, owner) = (_end!, _owner);
        IsTakingOver = true;
        try
        {
            var claimed = await _claimer.ClaimAsync(shard, end, cancellation).ConfigureAwait(false);
            if (claimed is null)
            {
                return null; // another host was first: it is watched from now on
            }

            _takeOverNow = false;
            Displace(end, owner);
            return await ShardRecovery.ReplayAsync(seams.Store, claimed, logger, cancellation).ConfigureAwait(false);
        }
        finally
        {
            IsTakingOver = false;
        }
    }

    /// <summary>Learns whether the owner that was displaced last is alive after all. Also while this host owns the shard.</summary>
    public void NoteDisplaced()
    {
        if (_displaced == 0 || BeatOf(_displaced) is not { } beat || beat.Count == _displacedBeat)
        {
            return;
        }

        _state = StandbyProtocol.DisplacedOwnerSeen(_state, _displaced);
        DisplacedAlive(logger, shard, StandbyProtocol.SilenceNeeded(_state, _displaced, 0).TotalSeconds);
        _displaced = 0;
    }

    private bool Decides(ShardEnd end, ShardOwner? owner)
    {
        if (heartbeat is null || _takeOverNow)
        {
            return true; // the store's own lock has let this process in, or its operator has
        }

        var step = StandbyProtocol.Look(_state, LookAt(end, owner), (seams.Random.Next() >> 11) * (1.0 / (1UL << 53)));
        _state = step.State;
        return step.TakesOver;
    }

    private StandbyLook LookAt(ShardEnd end, ShardOwner? owner)
    {
        var acknowledged = heartbeat!.AcknowledgedCount;
        var beat = BeatOf(owner?.Host);
        var look = new StandbyLook(
            clock.Now,
            acknowledged != _acknowledged,
            end.Owned?.Version ?? 0,
            owner?.Host ?? 0,
            end.IsReleased,
            beat is not null && beat.Shards.Contains(shard) ? beat.Count : null,
            beat is not null && seams.Processes.IsGone(beat.Process));
        _acknowledged = acknowledged;
        return look;
    }

    /// <summary>The owner that was last read of has listed the shard since. Only where there are many shards: each would be one more read in every round.</summary>
    private bool HasBeaten(ulong owner) => meta.ShardCount > 1 && owner != host && _end is { IsReleased: false }
        && BeatOf(owner) is { } beat && beat.Count != _seenBeat && beat.Shards.Contains(shard);

    private HostBeat? BeatOf(ulong? owner)
    {
        foreach (var beat in heartbeat?.Seen ?? [])
        {
            if (beat.Host == owner)
            {
                return beat;
            }
        }

        return null;
    }

    private void Displace(ShardEnd end, ShardOwner? owner)
    {
        if (owner is null || owner.Host == host || end.IsReleased)
        {
            return;
        }

        if (heartbeat is not null) // or the store's own lock says that it is gone
        {
            _displaced = owner.Host;
            _displacedBeat = BeatOf(owner.Host)?.Count ?? 0;
        }

        TakenOver(logger, shard, owner.HostName);
        telemetry.Metrics.TakenOver();
    }

    private void Announce(ShardEnd end)
    {
        if (end.Owned?.Version is { } epoch && epoch != _announcedEpoch)
        {
            _announcedEpoch = epoch;
            StandingBy(logger, shard, OwnerName, epoch);
        }
    }

    [LoggerMessage(1311, LogLevel.Information, "Standing by: shard {Shard} is owned by {Owner} since epoch {Epoch}.")]
    private static partial void StandingBy(ILogger logger, ushort shard, string owner, long epoch);

    [LoggerMessage(1312, LogLevel.Warning, "Shard {Shard} was taken over from {Owner}, which was silent, gone, or to be displaced.")]
    private static partial void TakenOver(ILogger logger, ushort shard, string owner);

    [LoggerMessage(1313, LogLevel.Warning, "The host that shard {Shard} was taken from is alive. Next time it may be silent for {Seconds} s. If this repeats, look for pauses of its process or of its link to the store.")]
    private static partial void DisplacedAlive(ILogger logger, ushort shard, double seconds);
}
