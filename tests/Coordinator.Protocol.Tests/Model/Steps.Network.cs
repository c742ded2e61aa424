using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Ownership;
using Coordinator.Protocol.Participation;

namespace Coordinator.Protocol.Tests.Model;

/// <summary>Deliveries, and what participants do of their own accord.</summary>
internal sealed partial class Steps
{
    private void ExpandNetwork()
    {
        for (var message = 0; message < _machines.Wires.Count; message++)
        {
            if (_from.IsSent(message))
            {
                Deliver(message, _machines.Wires[message]);
            }
        }

        for (var transaction = 0; transaction < _configuration.Plans.Length; transaction++)
        {
            var roles = _configuration.Plans[transaction].Roles;
            for (var role = 0; role < roles.Length; role++)
            {
                if (roles[role].Part is Part.External)
                {
                    ExternalInDoubt(transaction, role);
                }
                else if (roles[role].Part is not Part.Resource && _from.Slot(transaction, role)[0] != 0)
                {
                    switch (_machines.Participation(_from.Slot(transaction, role)[0]).Phase)
                    {
                        case ParticipationPhase.Prepared:
                            InDoubt(transaction, role, roles[role].Place);
                            break;
                        case ParticipationPhase.Active when _configuration.WorkIsDropped:
                            DropWork(transaction, role);
                            break;
                    }
                }
            }
        }
    }

    private void Send(WireKind kind, int transaction, int role, int incarnation = 0, int x = 0, int y = 0, int z = 0) =>
        _world.Send(_machines.Wires.NumberOf(new Wire(kind, transaction, role, incarnation, x, y, z)));

    private void Deliver(int message, Wire wire)
    {
        switch (wire.Kind)
        {
            case WireKind.Vote or WireKind.Acknowledgement or WireKind.Inquiry or WireKind.ResourceAnswer:
                for (var owner = 0; owner < _from.OwnerCount; owner++)
                {
                    DeliverToOwner(message, wire, owner);
                }

                return;
            case WireKind.ResourceCommit or WireKind.ResourceResolve:
                DeliverToResource(message, wire, answerLost: false);
                DeliverToResource(message, wire, answerLost: true);
                return;
        }

        if (_configuration.Plans[wire.Transaction].Roles[wire.Role].Part is Part.Resource)
        {
            return; // an abort before it was told to commit: it rolls back what it never had durable
        }

        Open();
        if (_configuration.Plans[wire.Transaction].Roles[wire.Role].Part is Part.External)
        {
            DeliverToExternal(wire);
        }
        else
        {
            DeliverToParticipant(wire);
        }

        Close(new StepCode(Act.Deliver, message));
    }

    private void DeliverToOwner(int message, Wire wire, int owner)
    {
        if (wire.Kind is WireKind.Acknowledgement or WireKind.ResourceAnswer && wire.Incarnation != _from.OwnerClaim(owner))
        {
            return;
        }

        var holds = _from.Commit(owner, wire.Transaction) != 0;
        if (!holds && !(wire.Kind is WireKind.Inquiry && Answers(owner, wire.Transaction)))
        {
            return; // a vote or an acknowledgement for a transaction that memory doesn't have says nothing new
        }

        Open();
        var input = wire.Kind switch
        {
            WireKind.Vote => new InputKey(InputKind.Vote, message),
            WireKind.Acknowledgement => new InputKey(InputKind.Acknowledged, wire.Role),
            WireKind.Inquiry => new InputKey(InputKind.Inquired, wire.Role),
            _ => new InputKey(InputKind.ResourceAnswered, wire.X),
        };
        if (holds)
        {
            Feed(owner, wire.Transaction, input);
        }
        else
        {
            switch (AnswerOf(owner, wire.Transaction))
            {
                case InquiryAnswer.Committed:
                    Send(WireKind.Answer, wire.Transaction, wire.Role, x: (int)Decision.Commit);
                    break;
                case InquiryAnswer.Aborted:
                    Send(WireKind.Answer, wire.Transaction, wire.Role, x: (int)Decision.Abort);
                    break;
                case null:
                    StopOwner(owner);
                    break;
            }
        }

        Close(new StepCode(Act.Deliver, message, _from.OwnerClaim(owner)));
    }

    private void DeliverToParticipant(Wire wire)
    {
        var slot = _world.Slot(wire.Transaction, wire.Role);
        if (wire.Kind is not WireKind.Prepare)
        {
            if (slot[0] != 0)
            {
                Participate(slot, ParticipationKey.DecisionReceived, wire.X);
            }

            return;
        }

        if (slot[0] == 0)
        {
            // D-6: who doesn't hold the transaction votes No, never ReadOnly.
            var ballot = Lapses(Lapse.ForgottenVotesReadOnly) ? Ballot.ReadOnly : Ballot.No;
            Send(WireKind.Vote, wire.Transaction, wire.Role, wire.Incarnation, (int)ballot);
            return;
        }

        var step = Participate(slot, ParticipationKey.PrepareRequested, wire.Incarnation);
        if (step.Ballot is { } vote)
        {
            var incarnation = (int)_machines.Participation(slot[0]).Incarnation.Value;
            var carries = vote is Ballot.Yes or Ballot.ReadOnly;
            Send(WireKind.Vote, wire.Transaction, wire.Role, incarnation, (int)vote, carries ? slot[1] : 0, vote is Ballot.Yes ? slot[2] : 0);
        }
    }

    private void DeliverToExternal(Wire wire)
    {
        var slot = _world.Slot(wire.Transaction, wire.Role);
        switch (wire.Kind)
        {
            case WireKind.Prepare:
                if (slot[0] == External.Working || (slot[0] == External.Aborted && Lapses(Lapse.ExternalLacksTombstone)))
                {
                    Fail(slot[0] == External.Aborted ? "I12: an external prepared after its abort" : null);
                    slot[0] = External.Prepared;
                }

                var votesYes = slot[0] == External.Prepared || (slot[0] == External.Lost && Lapses(Lapse.ExternalVotesWithoutWork));
                if (votesYes || slot[0] is External.Lost or External.Aborted)
                {
                    Send(WireKind.Vote, wire.Transaction, wire.Role, wire.Incarnation, (int)(votesYes ? Ballot.Yes : Ballot.No));
                }

                break;
            case WireKind.Decision or WireKind.Answer when wire.Decision is Decision.Commit:
                Fail(slot[0] is External.Prepared or External.Committed ? null : "I1: commit of a branch that is not prepared");
                slot[0] = External.Committed;
                Acknowledge(wire);
                break;
            default:
                Fail(slot[0] == External.Committed ? "I1: abort of a branch that has committed" : null);
                slot[0] = External.Aborted;
                Acknowledge(wire);
                break;
        }
    }

    private void Acknowledge(Wire wire)
    {
        if (wire.Kind is WireKind.Decision)
        {
            Send(WireKind.Acknowledgement, wire.Transaction, wire.Role, wire.Incarnation);
        }
    }

    /// <summary>D-7: the marker and the user's work commit together or not at all; one unique key for both kinds of marker.</summary>
    private void DeliverToResource(int message, Wire wire, bool answerLost)
    {
        Open();
        var role = Array.FindIndex(_configuration.Plans[wire.Transaction].Roles, one => one.Part is Part.Resource);
        var slot = _world.Slot(wire.Transaction, role);
        if (wire.Kind is WireKind.ResourceCommit)
        {
            if (slot[0] == 0 || (slot[0] == Marker.Abort && Lapses(Lapse.CommitsAfterFailedMarker)))
            {
                slot[0] = slot[0] == 0 ? Marker.Commit : slot[0];
                slot[1] = 1; // the user's work
            }
        }
        else if (slot[0] == 0 && !Lapses(Lapse.ResolvesWithoutMarker))
        {
            slot[0] = Marker.Abort;
        }

        if (!answerLost)
        {
            var commits = slot[0] == Marker.Commit || (slot[0] == Marker.Abort && Lapses(Lapse.MarkerPresenceIsCommit));
            Send(WireKind.ResourceAnswer, wire.Transaction, 0, wire.Incarnation, (int)(commits ? Decision.Commit : Decision.Abort));
        }

        Close(new StepCode(Act.Deliver, message, 0, answerLost ? 1 : 0));
    }

    private void ExternalInDoubt(int transaction, int role)
    {
        if (_from.Slot(transaction, role)[0] == External.Prepared)
        {
            Open();
            Send(WireKind.Inquiry, transaction, role);
            Close(new StepCode(Act.InquiryDue, transaction, role));
            if (Lapses(Lapse.ExternalAbortsAlone))
            {
                Open();
                _world.Slot(transaction, role)[0] = External.Aborted;
                Close(new StepCode(Act.AbortAlone, transaction, role));
            }
        }
    }

    /// <summary>A lock was not granted, a deadline has passed: the participant says No of its own accord.</summary>
    private void DropWork(int transaction, int role)
    {
        Open();
        var slot = _world.Slot(transaction, role);
        if (Participate(slot, ParticipationKey.WorkDropped).Ballot is { } ballot)
        {
            Send(WireKind.Vote, transaction, role, (int)_machines.Participation(slot[0]).Incarnation.Value, (int)ballot);
        }

        Close(new StepCode(Act.DropWork, transaction, role));
    }

    private void InDoubt(int transaction, int role, int stream)
    {
        Open();
        var slot = _world.Slot(transaction, role);
        if (Participate(slot, ParticipationKey.InquiryDue).Inquires)
        {
            Send(WireKind.Inquiry, transaction, role);
        }

        Close(new StepCode(Act.InquiryDue, transaction, role));

        Open();
        slot = _world.Slot(transaction, role);
        Participate(slot, ParticipationKey.StreamRead, (int)FindingOf(transaction, stream, slot[1]));
        Close(new StepCode(Act.ReadStream, transaction, role));

        Open();
        Participate(_world.Slot(transaction, role), ParticipationKey.WorkDropped);
        Close(new StepCode(Act.AbortAlone, transaction, role));
    }

    /// <summary>What stands behind the expected version, of the rows that are known durable.</summary>
    private StreamFinding FindingOf(int transaction, int stream, int expected)
    {
        for (var version = expected + 1; version <= _world.StreamLength(stream); version++)
        {
            var row = _world.StreamRowAt(stream, version);
            if ((row & 0x80) != 0 && !Lapses(Lapse.ParticipantBelievesVolatileRows))
            {
                break;
            }

            var own = ((row >> 2) & 7) == transaction;
            switch (row & 3)
            {
                case StreamRow.Held when own:
                    continue;
                case StreamRow.Events when own:
                    return StreamFinding.OwnTransaction;
                default:
                    return StreamFinding.OtherTransaction;
            }
        }

        return Lapses(Lapse.NothingInStreamMeansAborted) ? StreamFinding.OtherTransaction : StreamFinding.Nothing;
    }
}
