using Coordinator.Protocol.Ownership;

namespace Coordinator.Protocol.Tests.Model;

/// <summary>Claiming a shard, and what a new owner takes up.</summary>
internal sealed partial class Steps
{
    private const int ClaimsMax = 7;

    /// <summary>Anyone may claim; against a living owner only as often as the configuration says.</summary>
    private void Claim(int shard)
    {
        var living = 0;
        for (var owner = 0; owner < _from.OwnerCount; owner++)
        {
            living += _from.OwnerShard(owner) == shard ? 1 : 0;
        }

        if (_from[Fault.Claims] == ClaimsMax)
        {
            return;
        }

        var first = !_configuration.StartsOwned && _from[Fault.Claims] < _configuration.Owners;
        if (living > 0 && !first && (_from[Fault.Steal] == 0 || living >= _configuration.Owners))
        {
            return;
        }

        Open();
        if (living > 0 && !first)
        {
            _world[Fault.Steal]--;
        }

        var claim = ++_world[Fault.Claims];
        var claimer = _world.AddOwner(claim, shard);
        var guard = LastOwned(_world, shard);
        _world.SetOwnership(claimer, _machines.Claim(claim, guard));
        SendClaim(claimer);
        Close(new StepCode(Act.Claim, claim, shard));
    }

    private void SendClaim(int owner)
    {
        _world.SetClaimReply(owner, Reply.Awaited);
        _world.AddFlight(new Flight
        {
            Kind = FlightKind.Claim,
            Claim = (byte)_world.OwnerClaim(owner),
            Shard = (byte)_world.OwnerShard(owner),
            Epoch = (byte)OwnershipOf(_world, owner).GuardEpoch,
            Awaited = true,
        });
    }

    private void SendEmptyRow(int owner, long version, long epoch, ulong number) => _world.AddFlight(new Flight
    {
        Kind = FlightKind.Empty,
        Claim = (byte)_world.OwnerClaim(owner),
        Shard = (byte)_world.OwnerShard(owner),
        Version = (byte)version,
        Epoch = (byte)epoch,
        Number = (byte)number,
        Awaited = true,
    });

    private void Advance(int owner, OwnershipKey input, int x = 0, int y = 0, int z = 0)
    {
        try
        {
            _world.SetOwnership(owner, _machines.Own(_world.Ownership(owner), input, x, y, z));
        }
        catch (InvariantViolationException e)
        {
            Fail($"assertion: {e.Message}");
        }
    }

    private void HearClaim(int owner)
    {
        Open();
        var reply = _world.ClaimReply(owner);
        var shard = _world.OwnerShard(owner);
        var before = OwnershipOf(_world, owner);
        if (before.Phase is OwnershipPhase.Claiming)
        {
            var input = reply switch
            {
                Reply.Acknowledged => OwnershipKey.ClaimAcknowledged,
                Reply.RolledBack => OwnershipKey.ClaimRefused,
                _ => OwnershipKey.ClaimUnclear,
            };
            Advance(owner, input, input is OwnershipKey.ClaimAcknowledged ? _world.ClaimVersion(owner) : 0);
        }
        else if (reply == Reply.Acknowledged)
        {
            Advance(owner, OwnershipKey.ConfirmAcknowledged, _world.ClaimOf(shard, (int)before.Epoch));
        }
        else if (reply == Reply.InTheWay && before.NextVersion <= _world.RowCount(shard))
        {
            var own = _world.ClaimOf(shard, (int)before.NextVersion) == _world.OwnerClaim(owner);
            Advance(owner, OwnershipKey.ConfirmRefused, own ? 1 : 0);
        }
        else if (reply != Reply.Unclear)
        {
            // The row before it is gone: the claim that was read has vanished, and with it this object's right to it.
            Advance(owner, OwnershipKey.ForeignClaimRead);
        }

        AfterClaim(owner);
        Close(new StepCode(Act.HearClaim, _from.OwnerClaim(owner), reply));
    }

    private void ReadEnd(int owner)
    {
        Open();
        var shard = _world.OwnerShard(owner);
        var epoch = LastOwned(_world, shard);
        Advance(owner, OwnershipKey.EndRead, epoch, epoch == 0 ? 0 : _world.ClaimOf(shard, epoch), _world.RowCount(shard));
        AfterClaim(owner);
        Close(new StepCode(Act.ReadEnd, _from.OwnerClaim(owner)));
    }

    private void AfterClaim(int owner)
    {
        _world.SetClaimReply(owner, Reply.None);
        var ownership = OwnershipOf(_world, owner);
        switch (ownership.Phase)
        {
            case OwnershipPhase.Claiming:
                SendClaim(owner);
                break;
            case OwnershipPhase.Confirming:
                SendEmptyRow(owner, ownership.NextVersion, ownership.Epoch, 0);
                _world.SetClaimReply(owner, Reply.Awaited);
                break;
            case OwnershipPhase.Owned:
                Recover(owner);
                break;
            case OwnershipPhase.Lost:
                RemoveOwner(owner);
                break;
        }
    }

    /// <summary>A new owner reads the shard to its end and rebuilds what is undecided or unacknowledged.</summary>
    private void Recover(int owner)
    {
        var shard = _world.OwnerShard(owner);
        for (var transaction = 0; transaction < _configuration.Plans.Length && !Lapses(Lapse.SkipsRecovery); transaction++)
        {
            var state = 0;
            for (var version = _world.FirstVersion(shard); version <= _world.RowCount(shard); version++)
            {
                if (EventAt(_world, shard, version) is { Event: not null } durable && durable.Transaction == transaction
                    && (state != 0 || durable.Kind is not LogEventKind.TransactionEnded)) // its decision lies below the horizon
                {
                    state = _machines.Apply(state, _world.EventOf(shard, version));
                }
            }

            if (state != 0 && !_machines.Commit(state).CanForget)
            {
                _world.SetCommit(owner, transaction, state);
                Feed(owner, transaction, new InputKey(InputKind.Recovered));
            }
        }
    }
}
