using System.Net;
using Coordinator.Chaos.Drivers.Network;

namespace Coordinator.Chaos.Drivers.Postgres;

/// <summary>What is between one host and the server: a link there and a link back, through a proxy of this process.</summary>
internal sealed class ServerLink : IDisposable
{
    private readonly Link _outbound = new("host to server"), _inbound = new("server to host");
    private readonly Proxy _proxy;

    public ServerLink(EndPoint server) => _proxy = new Proxy(server, _ => (_outbound, _inbound));

    /// <summary>Where the host connects to, on 127.0.0.1.</summary>
    public int Port => _proxy.Port;

    /// <summary>Ends what was done to links.</summary>
    public static Task HealAsync(IEnumerable<ServerLink> links)
    {
        foreach (var link in links)
        {
            link.Heal();
        }

        return Task.CompletedTask;
    }

    /// <summary>From now on what the host sends has one fault, what is sent to it another; null for none.</summary>
    public void Set(LinkFault? outbound, LinkFault? inbound)
    {
        _outbound.Set(outbound);
        _inbound.Set(inbound);
    }

    public void Heal() => Set(null, null);

    public void Dispose() => _proxy.Dispose();
}
