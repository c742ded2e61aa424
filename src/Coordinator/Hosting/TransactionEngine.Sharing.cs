using Coordinator.Aggregates;
using Coordinator.Protocol;
using Coordinator.Protocol.Ownership;
using Coordinator.Shards;
using Microsoft.Extensions.Logging;

namespace Coordinator.Hosting;

/// <content>
/// Life among other hosts: who has fallen silent, which shards are this host's share. Carries out what <see cref="HostWatch"/> and <see cref="SharingRules"/>
/// say, tick by tick.
/// </content>
internal sealed partial class TransactionEngine
{
    private static readonly TimeSpan HandOverDelayMin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan HandOverDelayMax = TimeSpan.FromMinutes(1);

    private HostWatchState _watch = HostWatchState.Initial;
    private CancellationTokenSource _silence = new();
    private long _roundsWatched;
    private TimeSpan _handOverDelay = HandOverDelayMin;
    private TimeSpan _nextHandOver;
    private bool _isIdle;

    /// <summary>
    /// Cancelled when the next host falls silent: what that host had been asked to do before it took part in anything is known to nobody but those who asked,
    /// and would else hold locks on other hosts until they give up waiting.
    /// </summary>
    public CancellationToken Silence => Volatile.Read(ref _silence).Token;

    /// <summary>A stream has its place at this host: a grain's activation keeps it. Its state stays in memory between transactions.</summary>
    public void Anchor(StreamName stream, StateKind kind) => Participants.Anchor(stream, kind);

    /// <summary>
    /// The stream's place is given up: the activation ends, and the next one may be elsewhere. Transactions at work on it may end first, for as long as a lock
    /// may be waited for; what has not voted here then is aborted.
    /// </summary>
    /// <param name="stream">The stream. No new work on it must come.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public async Task ReleaseAsync(StreamName stream, CancellationToken cancellation)
    {
        if (Participants.WhenEmpty(stream) is { } empty)
        {
            using var registration = cancellation.UnsafeRegister(_ => empty.TryComplete(false, Dispatcher), null);
            await WithinAsync(empty, Options.LockTimeout).ConfigureAwait(false);
        }

        Participants.Release(stream);
    }

    /// <summary>A shard that was handed over has come back: nobody wanted it. The next one waits longer.</summary>
    public void HandedOverInVain()
    {
        _handOverDelay = _handOverDelay * 2 < HandOverDelayMax ? _handOverDelay * 2 : HandOverDelayMax;
        _nextHandOver = Now + _handOverDelay;
    }

    /// <summary>A shard that was handed over has another owner.</summary>
    public void HandedOverWell() => _handOverDelay = HandOverDelayMin;

    private void ShareShards(Heartbeat heartbeat)
    {
        var rounds = heartbeat.AcknowledgedCount;
        if (rounds != _roundsWatched)
        {
            _roundsWatched = rounds;
            Watch(heartbeat);
        }
        else if (!_seats.Any(static seat => seat.IsFree))
        {
            return; // nothing has changed since the last round
        }

        if (_stopping || rounds == 0)
        {
            return;
        }

        var view = View(heartbeat);
        var isIdle = view is { Owned.IsEmpty: true, Free.IsEmpty: true } && view.Living.Length >= _seats.Length;
        if (isIdle && !_isIdle)
        {
            TooFewShards(_logger, _seats.Length, view.Living.Length + 1);
            _owned.TryComplete(null, Dispatcher); // the transactions of others work here, and what begins here is refused
        }

        _isIdle = isIdle;

        var step = SharingRules.Share(view);
        foreach (var shard in step.Claims)
        {
            _seats[shard].TakeIfFree();
        }

        if (step.HandOver is { } surplus && Now >= _nextHandOver)
        {
            _nextHandOver = Now + _handOverDelay;
            _seats[surplus].HandOver();
        }
    }

    /// <summary>What waits for a host that is silent need not wait longer: nothing undecided may hang on it.</summary>
    private void Watch(Heartbeat heartbeat)
    {
        var before = _watch;
        var step = HostWatch.Look(before, [.. heartbeat.Seen.Where(beat => beat.Host != _host).Select(static beat => new SeenBeat(beat.Host, beat.Count))], Now);
        _watch = step.State;
        if (step.Silent.IsEmpty)
        {
            return;
        }

        foreach (var seat in _seats)
        {
            seat.Shard?.LoseHosts(step.Silent);
        }

        Participants.LoseHosts(step.Silent);
        if (step.Silent.Any(host => !before.IsSilent(host)))
        {
            Interlocked.Exchange(ref _silence, new CancellationTokenSource()).Cancel(); // not disposed: others may be about to register
        }
    }

    private SharingView View(Heartbeat heartbeat) => new(
        _host,
        [.. heartbeat.Seen.Where(beat => _watch.IsLiving(beat.Host)).Select(static beat => new LivingHost(beat.Host, beat.Shards))],
        _seats.Length,
        [.. _seats.Where(static seat => seat.IsOurs).Select(static seat => seat.Number)],
        _beginAt.Current?.Number,
        [.. _seats.Where(static seat => seat.IsFree).Select(seat => new FreeShard(seat.Number, Now - seat.FreeSince))]);

    /// <summary>A log that has grown may still have an owner who believes in one shard, and does not look out for writers of others (decision 0013).</summary>
    public bool MayOwn(ushort shard) => shard == 0 || _seats[0].IsAmongMany;

    /// <summary>Transactions begin at this shard.</summary>
    public bool BeginsAt(Shard shard) => _beginAt.Current == shard;

    /// <summary>Nothing begins at this shard any more: it is over. Of the others one that stays is best.</summary>
    public void BeginElsewhere(Shard shard) => _beginAt.Leave(shard);

    /// <summary>Transactions begin elsewhere from now on. False, and nothing has changed, if there is nowhere else.</summary>
    public bool TryBeginElsewhere(Shard shard) => _beginAt.TryLeave(shard, StayingOther);

    private Shard? StayingOther(Shard? shard) => _seats.FirstOrDefault(seat => seat is { Owns: true, IsLeaving: false } && seat.Shard != shard)?.Shard;

    private Shard? AnyOther(Shard? shard) => StayingOther(shard) ?? _seats.FirstOrDefault(seat => seat.Owns && seat.Shard != shard)?.Shard;

    [LoggerMessage(1314, LogLevel.Error, "The log has {Shards} shards and {Hosts} hosts: one of them owns none, and no transaction begins there. Raise the number of shards.")]
    private static partial void TooFewShards(ILogger logger, int shards, int hosts);
}
