using Coordinator.Shards;

namespace Coordinator.Hosting;

/// <content>What several hosts that share the log's shards agree on: who takes a free one, who hands one over.</content>
internal sealed partial class ShardSeat
{
    private long _freeSince = -1;
    private Shard? _leaving;
    private bool _wasHandedOver;

    /// <summary>As of the last look the shard has no owner, or a silent one, and this host may have it.</summary>
    public bool IsFree => Volatile.Read(ref _freeSince) >= 0 && _role is SeatRole.Standby && !standby.IsTakingOver;

    /// <summary>Since when. Has meaning while it is free.</summary>
    public TimeSpan FreeSince => TimeSpan.FromTicks(Volatile.Read(ref _freeSince));

    /// <summary>This host owns it, or is claiming it, and is not about to give it away.</summary>
    public bool IsOurs => standby.IsTakingOver || (Owns && !IsLeaving);

    /// <summary>It is about to be given away.</summary>
    public bool IsLeaving => Volatile.Read(ref _leaving) is not null;

    /// <inheritdoc cref="Standby.IsAmongMany"/>
    public bool IsAmongMany => Owns || standby.IsAmongMany;

    /// <summary>Claims the shard as it was last seen.</summary>
    public void TakeIfFree()
    {
        if (IsFree && MayClaim && Interlocked.Exchange(ref _looking, 1) == 0)
        {
            Volatile.Write(ref _freeSince, -1); // of which nothing is known any more until the next look
            _ = CarryOutAsync(TakeAsync);
        }
    }

    /// <summary>Gives the shard to whoever wants it, once what was begun here has ended. It stays if that takes too long.</summary>
    public void HandOver()
    {
        if (_role is SeatRole.Owner && Shard is { IsStopped: false } shard && engine.TryBeginElsewhere(shard) && Interlocked.CompareExchange(ref _leaving, shard, null) is null)
        {
            _ = HandOverAsync(shard);
        }
    }

    private void NoteFree(bool isFree)
    {
        if (!isFree)
        {
            Volatile.Write(ref _freeSince, -1);
            if (_wasHandedOver && standby.OwnerHost != 0 && standby.OwnerHost != engine.HostId)
            {
                _wasHandedOver = false;
                engine.HandedOverWell();
            }
        }
        else if (Volatile.Read(ref _freeSince) < 0)
        {
            Volatile.Write(ref _freeSince, engine.Now.Ticks);
        }
    }

    private async Task HandOverAsync(Shard shard)
    {
        var end = engine.Now + engine.Options.StopTimeout;
        do
        {
            // Also where nothing is in flight: whoever has just read that transactions begin here must have begun.
            await Task.Delay(TransactionEngine.TickPeriod, engine.Time).ConfigureAwait(false);
        }
        while (shard.InFlightCount > 0 && engine.Now < end && !shard.IsStopped && !engine.IsStopping);

        // It may have become the last one meanwhile: then transactions begin here again, and it stays.
        if (shard.InFlightCount == 0 && !shard.IsStopped && !engine.IsStopping && !engine.BeginsAt(shard))
        {
            if (await CloseAsync().ConfigureAwait(false) is { } closed)
            {
                await ReleaseAsync(closed, engine.Now + engine.Options.StopTimeout).ConfigureAwait(false);
            }

            _wasHandedOver = true;
            engine.BeginElsewhere(shard); // the others may have been lost just now
            StandBy(shard);
        }

        Volatile.Write(ref _leaving, null);
    }

    /// <summary>This host has it again: nobody else wanted it.</summary>
    private void NoteComeBack()
    {
        if (_wasHandedOver)
        {
            _wasHandedOver = false;
            engine.HandedOverInVain();
        }
    }
}
