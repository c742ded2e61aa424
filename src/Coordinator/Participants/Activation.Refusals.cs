using Coordinator.Protocol;

namespace Coordinator.Participants;

/// <content>Why transactions that have left voted No: who is asked to prepare for one tells that.</content>
internal abstract partial class Activation
{
    private const int RefusalsMax = 16;

    private Queue<(TransactionId Transaction, AbortCause Cause)>? _refusals; // of those that have voted No last

    /// <summary>Why a transaction that has left has voted No, as far as that is remembered; null otherwise.</summary>
    public AbortCause? RefusalOf(TransactionId transaction)
    {
        lock (Gate)
        {
            foreach (var refusal in _refusals ?? [])
            {
                if (refusal.Transaction == transaction)
                {
                    return refusal.Cause;
                }
            }

            return null;
        }
    }

    private void Remember(Participation participation)
    {
        if (participation.Refused is { } cause)
        {
            (_refusals ??= []).Enqueue((participation.Transaction, cause));
            if (_refusals.Count > RefusalsMax)
            {
                _refusals.Dequeue();
            }
        }
    }
}
