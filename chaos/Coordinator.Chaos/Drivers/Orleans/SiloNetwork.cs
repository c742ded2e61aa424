using System.Net;
using System.Net.Sockets;
using Coordinator.Chaos.Drivers.Network;

namespace Coordinator.Chaos.Drivers.Orleans;

/// <summary>
/// The network between silos: a proxy before each, whose port the silo advertises. Which silo has connected is told by the owner of the
/// connection's port, so that a pair can be cut from each other while both reach everything else.
/// </summary>
internal sealed class SiloNetwork : IDisposable
{
    private readonly Link[][] _links; // from, to
    private readonly int[] _silos;
    private readonly Proxy[] _proxies;
    private readonly Func<int, int> _processOf;
    private readonly Action<string> _note;

    /// <param name="size">How many silos there are.</param>
    /// <param name="processOf">The process that is a silo now; 0 while there is none.</param>
    /// <param name="note">Told of what is not as it should be.</param>
    public SiloNetwork(int size, Func<int, int> processOf, Action<string> note)
    {
        (_processOf, _note) = (processOf, note);
        var places = Enumerable.Range(0, size).ToArray();
        _links = [.. places.Select(from => places.Select(to => new Link($"silo {from} to silo {to}")).ToArray())];
        _silos = [.. places.Select(static _ => Ports.Free())];
        _proxies = [.. places.Select(place => new Proxy(new IPEndPoint(IPAddress.Loopback, _silos[place]), client => LinksOf(client, place)))];
    }

    /// <summary>Where the silo of a place listens, and what it advertises.</summary>
    public (int Listens, int Advertises) PortsOf(int place) => (_silos[place], _proxies[place].Port);

    /// <summary>What one silo sends to another.</summary>
    public Link LinkOf(int from, int to) => _links[from][to];

    /// <summary>Ends all faults.</summary>
    public void Heal()
    {
        foreach (var link in _links.SelectMany(static links => links).Where(static link => link.Fault is not null))
        {
            link.Set(null);
        }
    }

    public void Dispose() => Array.ForEach(_proxies, static proxy => proxy.Dispose());

    private (Link Outbound, Link Inbound) LinksOf(Socket client, int to) =>
        SiloAt(client) is var from and >= 0 ? (_links[from][to], _links[to][from]) : (new Link("from a stranger"), new Link("to a stranger"));

    private int SiloAt(Socket client)
    {
        var (from, to) = (((IPEndPoint)client.RemoteEndPoint!).Port, ((IPEndPoint)client.LocalEndPoint!).Port);
        var processes = _silos.Select((_, place) => _processOf(place)).ToArray();
        if (SocketOwner.Find(from, to, processes.Where(static process => process > 0)) is { } process)
        {
            return Array.IndexOf(processes, process);
        }

        _note($"driver: a silo that is gone had connected to the proxy at {to} from port {from}");
        return -1;
    }
}
