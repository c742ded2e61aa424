using Coordinator.Protocol;
using Coordinator.Protocol.Participation;

namespace Coordinator.Participants;

/// <content>What is done because time has passed.</content>
internal sealed partial class ParticipantHost
{
    /// <summary>Ends waits that took too long, asks for decisions that did not come, and drops activations nobody uses.</summary>
    public void Tick()
    {
        var now = clock.Now;
        var timeouts = new List<Participation>();
        var overdue = new List<Participation>();
        var inquiries = new List<Participation>();
        var unheard = new List<Participation>();
        var inDoubt = 0;
        foreach (var (activation, _) in _busy)
        {
            inDoubt += activation.CollectDue(now, timeouts, overdue, inquiries, unheard);
            if (activation.HasNobody && _busy.TryRemove(activation, out _) && !activation.HasNobody)
            {
                _busy.TryAdd(activation, true); // somebody has come in between, and may have found it listed
            }
        }

        Volatile.Write(ref _inDoubtCount, inDoubt);
        DropSurplus();

        // Activations come in the order of their hash codes, which differ in every process; a seed must give one order.
        timeouts.Sort(ByEnlistment);
        overdue.Sort(ByEnlistment);
        inquiries.Sort(ByEnlistment);
        unheard.Sort(ByEnlistment);
        foreach (var participation in timeouts)
        {
            var cause = new AbortCause(
                AbortReason.LockTimeout, new ParticipantId(participation.Activation.Stream), $"not granted within {options.LockTimeout}");
            Feed(participation, new ParticipationInput.WorkDropped(cause), LogPosition.None);
        }

        foreach (var participation in overdue)
        {
            var cause = new AbortCause(AbortReason.Timeout, new ParticipantId(participation.Activation.Stream), $"no decision within {participation.Header.Timeout}");
            Feed(participation, new ParticipationInput.WorkDropped(cause), LogPosition.None);
        }

        foreach (var participation in inquiries)
        {
            Feed(participation, ParticipationInput.InquiryDue.Instance, LogPosition.None);
        }

        foreach (var participation in unheard)
        {
            EnlistAgain(participation, now);
        }
    }

    private void DropSurplus()
    {
        var surplus = _activations.Count - options.ActivationsMax;
        if (surplus <= 0)
        {
            return;
        }

        foreach (var (stream, activation) in _activations)
        {
            // A second chance for whatever was used since the last sweep.
            if (activation.Touched || (sharesStreams && activation.IsAnchored))
            {
                activation.Touched = false;
            }
            else if (activation.TryDrop() && _activations.TryRemove(new(stream, activation)) && --surplus == 0)
            {
                return;
            }
        }
    }
}
