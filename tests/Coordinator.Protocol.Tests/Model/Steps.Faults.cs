using Coordinator.Protocol.Participation;

namespace Coordinator.Protocol.Tests.Model;

/// <summary>What breaks, as often as the configuration allows.</summary>
internal sealed partial class Steps
{
    private void ExpandFaults()
    {
        if (_from[Fault.OwnerCrash] > 0)
        {
            for (var owner = 0; owner < _from.OwnerCount; owner++)
            {
                Open();
                _world[Fault.OwnerCrash]--;
                RemoveOwner(owner);
                Close(new StepCode(Act.OwnerCrash, _from.OwnerClaim(owner)));
            }
        }

        if (_from[Fault.StoreCrash] > 0)
        {
            StoreCrash();
        }

        if (_from[Fault.MemoryLoss] > 0)
        {
            LoseMemory();
        }

        for (var kept = 1; _from[Fault.Restore] > 0 && kept < _from.RowCount(0); kept++)
        {
            Restore(kept);
        }

        if (_from[Fault.UndeclaredRestore] > 0 && _from.RowCount(0) > 0)
        {
            Open();
            _world[Fault.UndeclaredRestore]--;
            TakeAway(0);
            Close(new StepCode(Act.UndeclaredRestore));
        }

        for (var version = 2; _from[Fault.Unreadable] > 0 && version < _from.RowCount(0); version++)
        {
            MarkUnreadable(version);
        }

        var last = _from.RowCount(0);
        if (Lapses(Lapse.DeletesFenceRows) && last > 1 && _from.KindOf(0, last) == RowKind.Empty)
        {
            Open();
            _world.SetRowCount(0, last - 1);
            Close(new StepCode(Act.CleanFence, last));
        }
    }

    /// <summary>What was readable and not durable is gone; so is every SQL transaction; who waits hears nothing clear.</summary>
    private void StoreCrash()
    {
        Open();
        _world[Fault.StoreCrash]--;
        for (var shard = 0; shard < _configuration.ShardCount; shard++)
        {
            for (var version = _world.RowCount(shard); version >= _world.FirstVersion(shard) && _world.IsVolatile(shard, version); version--)
            {
                _world.SetRowCount(shard, version - 1);
            }
        }

        for (var stream = 0; stream < _ends.Length; stream++)
        {
            while (_world.StreamLength(stream) > 0 && (_world.StreamRowAt(stream, _world.StreamLength(stream)) & 0x80) != 0)
            {
                _world.RemoveStreamRow(stream, _world.StreamLength(stream));
            }
        }

        CloseFlights();
        Close(new StepCode(Act.StoreCrash));
    }

    private void CloseFlights()
    {
        while (_world.FlightCount > 0)
        {
            var flight = _world.FlightAt(0);
            _world.RemoveFlight(0);
            if (flight.Awaited)
            {
                Answer(flight, Reply.Unclear);
            }
        }
    }

    private void LoseMemory()
    {
        for (var transaction = 0; transaction < _configuration.Plans.Length; transaction++)
        {
            var roles = _configuration.Plans[transaction].Roles;
            for (var role = 0; role < roles.Length; role++)
            {
                var state = _from.Slot(transaction, role)[0];
                var loses = roles[role].Part switch
                {
                    Part.External => state == External.Working || (state == External.Prepared && Lapses(Lapse.ExternalForgetsPrepared)),
                    Part.Resource => false,
                    _ => state != 0 && _machines.Participation(state).Phase is ParticipationPhase.Active or ParticipationPhase.Prepared,
                };
                if (loses)
                {
                    Open();
                    _world[Fault.MemoryLoss]--;
                    _world.Slot(transaction, role)[0] = roles[role].Part is Part.External ? External.Lost : (byte)0;
                    Close(new StepCode(Act.MemoryLoss, transaction, role));
                }
            }
        }
    }

    /// <summary>An older copy of the log comes back under a new generation (D-3); all hosts were stopped for it.</summary>
    private void Restore(int kept)
    {
        Open();
        _world[Fault.Restore]--;
        if (!Lapses(Lapse.KeepsGenerationAtRestore))
        {
            _world[Fault.Generation]++;
        }

        TakeAway(kept);
        Close(new StepCode(Act.Restore, kept));
    }

    private void TakeAway(int kept)
    {
        var inCopy = 0;
        for (var version = 1; version <= kept; version++)
        {
            inCopy |= EventAt(_world, 0, version) is { Kind: LogEventKind.CommitDecided } decided ? 1 << decided.Transaction : 0;
        }

        _world.SetRowCount(0, kept);
        for (var stream = 0; stream < _ends.Length; stream++)
        {
            for (var version = _world.StreamLength(stream); version > 0; version--)
            {
                if ((inCopy & (1 << ((_world.StreamRowAt(stream, version) >> 2) & 7))) == 0)
                {
                    _world.RemoveStreamRow(stream, version);
                }
            }
        }

        while (_world.OwnerCount > 0)
        {
            RemoveOwner(0);
        }

        CloseFlights();
        for (var transaction = 0; transaction < _configuration.Plans.Length; transaction++)
        {
            if (_world.ClientPhase(transaction) == 0)
            {
                continue;
            }

            _world.Record(transaction, Once.Damaged);
            var roles = _configuration.Plans[transaction].Roles;
            for (var role = 0; role < roles.Length; role++)
            {
                if (roles[role].Part is Part.Write or Part.Read)
                {
                    _world.Slot(transaction, role)[0] = 0;
                }
            }
        }
    }

    /// <summary>A row is quarantined (L06): it is not absent, and what it says is unknown.</summary>
    private void MarkUnreadable(int version)
    {
        if (EventAt(_from, 0, version) is { Transaction: >= 0 } durable && !_from.IsVolatile(0, version))
        {
            Open();
            _world[Fault.Unreadable]--;
            _world.MarkUnreadable(0, version);
            _world.Record(durable.Transaction, Once.Damaged);
            Close(new StepCode(Act.Unreadable, version));
        }
    }
}
