using System.Net;
using System.Net.Sockets;

namespace Coordinator.Chaos.Drivers.Network;

/// <summary>One connection between two sides, with the faults of its two links on what it carries.</summary>
/// <param name="client">Who has connected.</param>
/// <param name="outbound">What the client sends goes over it.</param>
/// <param name="inbound">What is sent to the client goes over it.</param>
internal sealed class ProxiedConnection(Socket client, Link outbound, Link inbound) : IDisposable
{
    private readonly Socket _server = new(SocketType.Stream, ProtocolType.Tcp);
    private Way[] _ways = [];

    /// <summary>Carries both ways until either end has closed, or one of the ways is broken.</summary>
    public async Task CarryAsync(EndPoint server)
    {
        _ways = [new Way(client, _server, outbound), new Way(_server, client, inbound)];
        outbound.Add(this);
        inbound.Add(this);
        if (IsBroken)
        {
            return;
        }

        try
        {
            client.NoDelay = _server.NoDelay = true;
            await _server.ConnectAsync(server);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            return; // nobody is there, or the link was cut meanwhile
        }

        await Task.WhenAny(_ways.Select(static way => way.CarryAsync()));
    }

    /// <summary>Ends it if a link has changed so that it can't go on.</summary>
    public void EndIfBroken()
    {
        if (IsBroken)
        {
            Dispose();
        }
    }

    /// <summary>Ends it as a firewall would: nobody is told that it is orderly.</summary>
    public void Dispose()
    {
        outbound.Remove(this);
        inbound.Remove(this);
        foreach (var socket in (Socket[])[client, _server])
        {
            try
            {
                socket.LingerState = new LingerOption(true, 0);
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                // It has ended by itself.
            }

            socket.Dispose();
        }
    }

    private bool IsBroken => Array.Exists(_ways, static way => way.IsBroken);
}
