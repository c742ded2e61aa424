using Coordinator.Aggregates;
using Coordinator.Hosting;
using Coordinator.Protocol;
using Coordinator.Protocol.Participation;

namespace Coordinator.Participants;

/// <content>Where hosts share the streams: which of them change here only, and what is lost with a coordinator.</content>
internal sealed partial class ParticipantHost
{
    /// <summary>A stream is changed at this host only from now on, as long as nothing goes wrong: its state stays in memory between transactions.</summary>
    public void Anchor(StreamName stream, StateKind kind) => Find(stream, kind.Shape.Type, kind.Create).IsAnchored = true;

    /// <summary>Null if no transaction is at work on the stream here; else what is completed when none is any more.</summary>
    public Completion<bool>? WhenEmpty(StreamName stream) => _activations.TryGetValue(stream, out var activation) ? activation.WhenEmpty() : null;

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
