using Coordinator.Protocol.Ownership;
using Coordinator.Protocol.Participation;

namespace Coordinator.Protocol.Tests.Model;

/// <summary>The client: begins, calls each participant, asks to commit, asks again by id.</summary>
internal sealed partial class Steps
{
    private void ExpandClient()
    {
        for (var transaction = 0; transaction < _configuration.Plans.Length; transaction++)
        {
            var phase = _from.ClientPhase(transaction);
            if (phase == 0)
            {
                if (transaction == 0 || _from.ClientPhase(transaction - 1) > 0)
                {
                    Begin(transaction);
                }

                continue;
            }

            AskById(transaction);
            LateRequest(transaction);
            var roles = _configuration.Plans[transaction].Roles.Length;
            var owner = HolderOf(transaction);
            if (phase <= roles)
            {
                if (owner >= 0)
                {
                    Call(transaction, phase - 1, owner);
                }
            }
            else if (phase == roles + 1 || phase == Client.Asked)
            {
                if (owner >= 0)
                {
                    Open();
                    Feed(owner, transaction, new InputKey(InputKind.CommitRequested));
                    _world.SetClientPhase(transaction, Client.Asked);
                    Close(new StepCode(Act.AskCommit, transaction));
                }
            }

            if (_configuration.ClientAborts && owner >= 0)
            {
                Open();
                Feed(owner, transaction, new InputKey(InputKind.AbortRequested));
                _world.SetClientPhase(transaction, Client.Asked);
                Close(new StepCode(Act.AskAbort, transaction));
            }

            if (phase <= roles + 1 && owner < 0)
            {
                GiveUp(transaction);
            }

            if (_configuration.SecondCall && phase > 1)
            {
                SecondCall(transaction, phase <= roles + 1);
            }
        }
    }

    /// <summary>The owner object under which the transaction was begun, if it still holds it.</summary>
    private int HolderOf(int transaction)
    {
        var owner = _from.FindOwner(_from.Claim(transaction));
        return owner >= 0 && _from.Commit(owner, transaction) != 0 ? owner : -1;
    }

    private void Begin(int transaction)
    {
        for (var owner = 0; owner < _from.OwnerCount; owner++)
        {
            var shard = _configuration.Plans[transaction].Shard;
            var ownership = OwnershipOf(_from, owner);
            if (ownership.Phase is OwnershipPhase.Owned && _from.OwnerShard(owner) == shard)
            {
                Open();
                _world.SetIdentity(transaction, (int)ownership.Epoch, _world.OwnerClaim(owner), _world[Fault.Generation]);
                _world.SetCommit(owner, transaction, _machines.Begin(IdOf(_world, transaction)));
                _world.SetClientPhase(transaction, 1);
                Close(new StepCode(Act.Begin, transaction, _world.OwnerClaim(owner)));
            }
        }
    }

    private void GiveUp(int transaction)
    {
        Open();
        _world.SetClientPhase(transaction, Client.GaveUp);
        Close(new StepCode(Act.GiveUp, transaction));
    }

    private void Call(int transaction, int role, int owner)
    {
        var part = _configuration.Plans[transaction].Roles[role].Part;
        Open();
        if (Enlist(owner, transaction, role))
        {
            Work(transaction, role, part);
            var slot = _world.Slot(transaction, role);
            if (part is Part.Write or Part.Read)
            {
                Participate(slot, ParticipationKey.CallEnded);
            }

            slot[4] = 1;
            _world.SetClientPhase(transaction, (byte)(role + 2));
        }
        else
        {
            _world.SetClientPhase(transaction, Client.GaveUp);
        }

        Close(new StepCode(Act.Call, transaction, role));
        if (_configuration.EnlistmentAnswersLost && _from.Slot(transaction, role)[3] == 0)
        {
            Open();
            Enlist(owner, transaction, role);
            Close(new StepCode(Act.CallAnswerLost, transaction, role));
        }
    }

    /// <summary>Under a new incarnation for each enlistment (D-6); work starts only after the coordinator has agreed.</summary>
    private bool Enlist(int owner, int transaction, int role)
    {
        var slot = _world.Slot(transaction, role);
        slot[3] = Lapses(Lapse.OneIncarnation) ? (byte)1 : (byte)(slot[3] + 1);
        return !Feed(owner, transaction, new InputKey(InputKind.Enlist, role, slot[3])).Refused;
    }

    private void Work(int transaction, int role, Part part)
    {
        var slot = _world.Slot(transaction, role);
        switch (part)
        {
            case Part.External:
                slot[0] = External.Working;
                break;
            case Part.Resource:
                break;
            default:
                slot[0] = (byte)_machines.Enlisted(slot[3], hasChanges: part is Part.Write);
                slot[1] = (byte)_world.StreamLength(_configuration.Plans[transaction].Roles[role].Place);
                slot[2] = part is Part.Write ? (byte)1 : (byte)0;
                Participate(slot, ParticipationKey.CallStarted);
                break;
        }
    }

    private ParticipationStep Participate(Span<byte> slot, ParticipationKey input, int x = 0)
    {
        var step = _machines.Participate(slot[0], input, x);
        Fail(step.Failure);
        slot[0] = (byte)step.State;
        return step;
    }

    /// <summary>A second call to the first participant, which may have lost its memory since the first one.</summary>
    private void SecondCall(int transaction, bool mayStart)
    {
        var call = _from.Slot(transaction, 0)[5];
        if (call == 0 && mayStart)
        {
            var owner = HolderOf(transaction);
            Open();
            var slot = _world.Slot(transaction, 0);
            slot[5] = 1;
            if (slot[0] != 0)
            {
                slot[2]++;
                if (Participate(slot, ParticipationKey.CallStarted).RefusesCall)
                {
                    slot[2]--;
                    slot[5] = 2;
                }
            }
            else if (Lapses(Lapse.WorksBeforeEnlisted))
            {
                slot[3]++;
                Work(transaction, 0, _configuration.Plans[transaction].Roles[0].Part);
            }
            else if (owner >= 0 && Enlist(owner, transaction, 0))
            {
                Work(transaction, 0, _configuration.Plans[transaction].Roles[0].Part);
            }
            else
            {
                slot[5] = 2;
            }

            Close(new StepCode(Act.SecondCallStarts, transaction));
        }
        else if (call == 1)
        {
            EndSecondCall(transaction, fails: false);
            EndSecondCall(transaction, fails: true);
        }
    }

    private void EndSecondCall(int transaction, bool fails)
    {
        Open();
        var slot = _world.Slot(transaction, 0);
        slot[5] = 2;
        if (slot[0] != 0)
        {
            var wasActive = _machines.Participation(slot[0]).Phase is ParticipationPhase.Active;
            Participate(slot, ParticipationKey.CallEnded, fails ? 1 : 0);
            slot[4] += wasActive && !fails ? (byte)1 : (byte)0; // work that was dropped meanwhile fails the call
        }

        Close(new StepCode(fails ? Act.SecondCallFails : Act.SecondCallEnds, transaction));
    }

    /// <summary>Any owner may be asked at any time, also by someone who knows already: answers must never contradict.</summary>
    private void AskById(int transaction)
    {
        for (var owner = 0; owner < _from.OwnerCount; owner++)
        {
            if (!Answers(owner, transaction))
            {
                continue;
            }

            Open();
            switch (AnswerOf(owner, transaction))
            {
                case InquiryAnswer.Committed:
                    _world.Tell(transaction, Client.Committed);
                    break;
                case InquiryAnswer.Aborted:
                    _world.Tell(transaction, Client.Aborted);
                    break;
                case InquiryAnswer.Undecided:
                    continue;
                case null:
                    StopOwner(owner);
                    break;
                default:
                    _world.Tell(transaction, Client.Withheld);
                    break;
            }

            Close(new StepCode(Act.AskById, transaction, _from.OwnerClaim(owner)));
        }
    }

    /// <summary>A request for a transaction that memory no longer has never creates it again; only a mutant does.</summary>
    private void LateRequest(int transaction)
    {
        var owner = _from.FindOwner(_from.Claim(transaction));
        if (Lapses(Lapse.RecreatesTransaction) && owner >= 0 && _from.Commit(owner, transaction) == 0)
        {
            Open();
            _world.SetCommit(owner, transaction, _machines.Begin(IdOf(_world, transaction)));
            Feed(owner, transaction, new InputKey(InputKind.CommitRequested));
            Close(new StepCode(Act.LateRequest, transaction));
        }
    }
}

/// <summary>A small external participant: prepares durably, obeys, remembers that it has aborted.</summary>
internal static class External
{
    public const byte Working = 1;
    public const byte Prepared = 2;
    public const byte Committed = 3;
    public const byte Aborted = 4;

    /// <summary>Its work is gone and it has promised nothing.</summary>
    public const byte Lost = 5;
}

/// <summary>The last resource's marker and effect, in its slot.</summary>
internal static class Marker
{
    public const byte Commit = 1;
    public const byte Abort = 2;
}
