using Coordinator.Protocol.Participation;

namespace Coordinator.Participants;

/// <content>What others must know of the transactions here. Called under the gate, but where something else is said.</content>
internal abstract partial class Activation
{
    /// <summary>No transaction is at work here. Without the gate: as of a moment ago.</summary>
    public bool HasNobody => _participations.Count == 0;

    /// <summary>A transaction has promised changes behind this version and has not heard what became of it.</summary>
    protected bool HasVotedBeyond(long version)
    {
        foreach (var participation in _participations)
        {
            if (participation.State.Phase is ParticipationPhase.Prepared && participation.EventCount > 0 && participation.EndVersion > version)
            {
                return true;
            }
        }

        return false;
    }
}
