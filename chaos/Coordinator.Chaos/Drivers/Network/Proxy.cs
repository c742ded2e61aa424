using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Coordinator.Chaos.Drivers.Network;

/// <summary>Takes connections at a port of its own on this machine, and carries each on to a server over the links that it belongs to.</summary>
internal sealed class Proxy : IDisposable
{
    private readonly Socket _listener = Ports.Listen();
    private readonly ConcurrentDictionary<ProxiedConnection, bool> _connections = new();
    private readonly EndPoint _server;
    private readonly Func<Socket, (Link Outbound, Link Inbound)> _linksOf;

    /// <param name="server">Where connections are carried on to.</param>
    /// <param name="linksOf">Who has connected, so to say: what it sends and what is sent to it go over these.</param>
    public Proxy(EndPoint server, Func<Socket, (Link Outbound, Link Inbound)> linksOf)
    {
        (_server, _linksOf) = (server, linksOf);
        _ = AcceptAsync();
    }

    /// <summary>Where to connect to, on 127.0.0.1.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    public void Dispose()
    {
        _listener.Dispose();
        foreach (var connection in _connections.Keys)
        {
            connection.Dispose();
        }
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptAsync();
                _ = Task.Run(() => CarryAsync(client));
            }
        }
        catch (Exception error) when (error is ObjectDisposedException or SocketException)
        {
            // The run is over.
        }
    }

    private async Task CarryAsync(Socket client)
    {
        using var accepted = client; // also where its links can't be told: left open, it would lead nowhere, and whoever has connected would wait for answers
        var (outbound, inbound) = _linksOf(client);
        using var connection = new ProxiedConnection(client, outbound, inbound);
        _connections[connection] = true;
        try
        {
            await connection.CarryAsync(_server);
        }
        finally
        {
            _connections.TryRemove(connection, out _);
        }
    }
}
