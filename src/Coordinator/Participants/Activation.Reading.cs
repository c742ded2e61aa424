using Coordinator.Protocol.Participation;

namespace Coordinator.Participants;

/// <content>What reads outside transactions must know of the transactions here. Called under the gate.</content>
internal abstract partial class Activation
{
    /// <summary>No transaction is at work here.</summary>
    protected bool HasNobody => _participations.Count == 0;

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
