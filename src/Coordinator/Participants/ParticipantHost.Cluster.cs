using Coordinator.Aggregates;
using Coordinator.Protocol;
using Coordinator.Protocol.Participation;

namespace Coordinator.Participants;

/// <content>Where hosts share the streams: which of them change here only, and what is lost with a coordinator.</content>
internal sealed partial class ParticipantHost
{
    private const int DropsMax = 1000;

    private readonly Lock _dropsGate = new();
    private readonly Dictionary<(TransactionId, StreamName), AbortCause> _drops = [];
    private readonly Queue<(TransactionId, StreamName)> _dropped = [];

    /// <summary>A stream is changed at this host only from now on, as long as nothing goes wrong: its state stays in memory between transactions.</summary>
    public void Anchor(StreamName stream, StateKind kind) => Find(stream, kind.Shape.Type, kind.Create).IsAnchored = true;

    /// <summary>Others may change the stream from now on; what has not voted here is dropped.</summary>
    public void Release(StreamName stream)
    {
        if (_activations.TryGetValue(stream, out var activation))
        {
            activation.IsAnchored = false;
            var all = new List<Participation>();
            activation.CollectAll(all);
            Drop(all, new AbortCause(AbortReason.Moved, new ParticipantId(stream), "its place was given up while the transaction was at work"));
        }
    }

    /// <summary>
    /// A host is silent. What it coordinates can't commit without the vote of those that are at work here, so they let go of their locks; what has voted asks
    /// at once, and whoever has the shard by then answers.
    /// </summary>
    public void LoseHost(ulong silent) => Lose(
        participation => participation.Header.Home == silent,
        new AbortCause(AbortReason.ParticipantLost, null, "the host that coordinates the transaction is silent"));

    /// <summary>This host has lost a shard: what it coordinated there and has not voted is dropped.</summary>
    public void LoseShard(ushort shard, ulong epoch) => Lose(
        participation => participation.IsAtHome && participation.Transaction.Shard == shard && participation.Transaction.Epoch <= epoch,
        new AbortCause(AbortReason.ParticipantLost, null, "the host's term as owner of the transaction's shard has ended"));

    /// <summary>
    /// Why a transaction that was coordinated elsewhere was dropped here, as far as that is remembered: its coordinator may ask to prepare before it hears of it,
    /// and must not take a lost lock for a lost participant.
    /// </summary>
    private AbortCause? DroppedBecause(TransactionId transaction, StreamName stream)
    {
        lock (_dropsGate)
        {
            return _drops.GetValueOrDefault((transaction, stream));
        }
    }

    private void RememberDrop(Participation participation, AbortCause cause)
    {
        var key = (participation.Transaction, participation.Activation.Stream);
        lock (_dropsGate)
        {
            if (_drops.TryAdd(key, cause))
            {
                _dropped.Enqueue(key);
            }

            if (_dropped.Count > DropsMax)
            {
                _drops.Remove(_dropped.Dequeue());
            }
        }
    }

    private void Lose(Predicate<Participation> isLost, AbortCause cause)
    {
        var lost = new List<Participation>();
        foreach (var activation in _activations.Values)
        {
            activation.CollectAll(lost);
        }

        lost.RemoveAll(one => !isLost(one));
        Drop(lost, cause);
        foreach (var participation in lost)
        {
            participation.InquiryDue = clock.Now;
        }
    }

    private void Drop(List<Participation> all, AbortCause cause)
    {
        all.Sort(ByEnlistment);
        foreach (var participation in all)
        {
            Feed(participation, new ParticipationInput.WorkDropped(cause), LogPosition.None);
        }
    }
}
