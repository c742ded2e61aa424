using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Ownership;

namespace Coordinator.Protocol.Tests.Model;

/// <summary>What an owner answers about any id.</summary>
internal sealed partial class Steps
{
    private bool Answers(int owner, int transaction) =>
        _from.OwnerShard(owner) == _configuration.Plans[transaction].Shard
        && (OwnershipOf(_from, owner).Phase is OwnershipPhase.Owned || (Lapses(Lapse.AnswersInquiriesWhileClaiming)
            && OwnershipOf(_from, owner).Phase is OwnershipPhase.Confirming));

    /// <summary>Null: the log shows a newer owner, so this one stops (D-4).</summary>
    private InquiryAnswer? AnswerOf(int owner, int transaction)
    {
        var shard = _world.OwnerShard(owner);
        var id = IdOf(_world, transaction);
        var view = ViewOf(owner);
        var state = _world.Commit(owner, transaction);
        if (_rules.AnswerAtOnce(id, view, state == 0 ? null : _machines.Commit(state)) is { } answer)
        {
            return answer;
        }

        return (long)id.Epoch > view.Epoch && LastOwned(_world, shard) > view.Epoch ? null : _rules.AnswerFromLog(id, view, LookUp(shard, id));
    }

    private OwnerView ViewOf(int owner)
    {
        var shard = _world.OwnerShard(owner);
        var ownership = OwnershipOf(_world, owner);
        var claim = _world.OwnerClaim(owner);
        var horizon = 0;
        var unreadable = 0;
        for (var version = _world.FirstVersion(shard); version <= _world.RowCount(shard); version++)
        {
            horizon = EventAt(_world, shard, version) is { Kind: LogEventKind.Horizon } moved ? moved.HorizonEpoch : horizon;
            unreadable = _world.IsUnreadable(shard, version) ? version : unreadable;
        }

        ulong issued = 0;
        for (var transaction = 0; transaction < _configuration.Plans.Length; transaction++)
        {
            issued = _world.Claim(transaction) == claim ? (ulong)transaction + 1 : issued;
        }

        return new OwnerView(
            new LogIdentity(Machines.LogId, _world[Fault.Generation]),
            ownership.Epoch,
            (ulong)claim,
            issued,
            new ForgetMark(horizon, horizon, 0, 0),
            Lapses(Lapse.UnreadableReadAsAbsent) ? 0 : unreadable);
    }

    private LookUp LookUp(int shard, TransactionId id)
    {
        Decision? decision = null;
        for (var version = _world.FirstVersion(shard); version <= _world.RowCount(shard); version++)
        {
            if (EventAt(_world, shard, version) is { } durable && durable.Id == id)
            {
                decision = durable.Kind switch
                {
                    LogEventKind.CommitDecided => Decision.Commit,
                    LogEventKind.AbortDecided => Decision.Abort,
                    _ => decision,
                };
            }
        }

        var epoch = (int)id.Epoch;
        var isOwned = epoch >= _world.FirstVersion(shard) && epoch <= _world.RowCount(shard) && _world.KindOf(shard, epoch) == RowKind.Owned;
        return new LookUp(decision, isOwned ? (ulong)_world.ClaimOf(shard, epoch) : null);
    }
}
