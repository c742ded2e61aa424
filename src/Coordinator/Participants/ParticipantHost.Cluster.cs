using System.Collections.Immutable;
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
            Drop(AllAt([activation]), new AbortCause(AbortReason.Moved, new ParticipantId(stream), "its place was given up while the transaction was at work"));
        }
    }

    /// <summary>
    /// Hosts are silent. What they coordinate can't commit without the vote of those that are at work here, so they let go of their locks; what has voted asks
    /// at once, and whoever has the shard by then answers.
    /// </summary>
    public void LoseHosts(ImmutableArray<ulong> silent) => Lose(
        participation => silent.Contains(participation.Header.Home),
        new AbortCause(AbortReason.ParticipantLost, null, "the host that coordinates the transaction is silent"));

    /// <summary>This host has lost a shard: what it coordinated there and has not voted is dropped.</summary>
    public void LoseShard(ushort shard, ulong epoch) => Lose(
        participation => participation.IsAtHome && participation.Transaction.Shard == shard && participation.Transaction.Epoch <= epoch,
        new AbortCause(AbortReason.ParticipantLost, null, "the host's term as owner of the transaction's shard has ended"));

    /// <summary>Some transaction that another host coordinates is at work here and has not voted.</summary>
    public bool HasUnvotedOfOthers => AllAt(_busy.Keys).Exists(static one => !one.IsAtHome && one.State.Phase is ParticipationPhase.Active);

    /// <summary>
    /// The host stops, and nobody looks at the clock any more on behalf of those who wait for a lock or for their coordinator: what has not voted is dropped, so
    /// that they are told, and nothing begins to wait. What has voted is the coordinator's to end; nobody waits for it here.
    /// </summary>
    public void Close()
    {
        _ended = new AbortCause(AbortReason.Moved, null, "its host was stopped while the transaction was at work");
        Lose(static one => one.LockWait is not null, _ended); // first: who is dropped hands its lock on, and who has it is not told
        Lose(static _ => true, _ended);
    }

    private void Lose(Predicate<Participation> isLost, AbortCause cause)
    {
        var lost = AllAt(_activations.Values);
        lost.RemoveAll(one => !isLost(one));
        Drop(lost, cause);
        foreach (var participation in lost)
        {
            if (!participation.HasInquired)
            {
                participation.InquiryDue = clock.Now; // from then on as often as everybody does
            }
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
