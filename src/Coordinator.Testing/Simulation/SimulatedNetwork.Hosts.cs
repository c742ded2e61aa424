using Coordinator.Hosting;

namespace Coordinator.Testing.Simulation;

/// <content>Between hosts: links that carry the messages of the protocol, calls of users from one to another, and cuts of such ways.</content>
internal sealed partial class SimulatedNetwork
{
    private TimeSpan _hostsCutUntil;
    private Func<SimulatedProcess, SimulatedProcess, bool>? _isCutBetween;

    /// <summary>The way from a process to the others of its cluster, who are known by the numbers of their processes.</summary>
    /// <param name="process">From where.</param>
    /// <param name="receive">Gives a process what another has sent.</param>
    public IHostLink LinkOf(SimulatedProcess process, Action<SimulatedProcess, ulong, HostMessage> receive) => new Link(this, process, receive);

    /// <summary>For a while nothing gets from one process to another where the function says so; back it may.</summary>
    public void CutHosts(TimeSpan time, Func<SimulatedProcess, SimulatedProcess, bool> isCut)
    {
        _hostsCutUntil = loop.Time.Now + time;
        _isCutBetween = isCut;
    }

    /// <summary>
    /// A call or its answer, from one process to another: it arrives once, or, as the messages of the protocol, late or never. Who waits for
    /// it is not told.
    /// </summary>
    public void Call(SimulatedProcess from, SimulatedProcess to, Action arrive)
    {
        var (fate, first, _) = IsCutBetween(from, to) ? (Situations.HostsCut, null, null) : Draw(default, "call");
        if (first is not { } delay)
        {
            loop.Counters.Reach(Situations.CallLost);
        }
        else
        {
            loop.Trace.Note(from, $"call to {to.Name} {fate ?? "sent"}");
            CarryOver(from, to, delay, arrive);
        }
    }

    private bool IsCutBetween(SimulatedProcess from, SimulatedProcess to) => from != to && loop.Time.Now < _hostsCutUntil && _isCutBetween!(from, to);

    /// <summary>Never inside the call that sends it: there is a wire between them. A sender that is stopped has not sent.</summary>
    private void CarryOver(SimulatedProcess from, SimulatedProcess to, TimeSpan delay, Action arrive) => from.WhenRunning(() =>
    {
        OnTheWireCount++;
        loop.After(delay, () =>
        {
            OnTheWireCount--;
            to.Post(arrive);
        });
    });

    private sealed class Link(SimulatedNetwork network, SimulatedProcess process, Action<SimulatedProcess, ulong, HostMessage> receive) : IHostLink
    {
        public ulong Host => (ulong)process.Number;

        public void Send(ulong host, in HostMessage message)
        {
            var (sent, to) = (message, network.ProcessOf(host));
            network.Send(process, to, sent.Transaction, sent.ToCoordinator ?? (object)sent.ToParticipant!, () => receive(to, Host, sent));
        }
    }

    private SimulatedProcess ProcessOf(ulong host) => loop.ProcessOf((int)host);
}
