using System.Net;
using System.Net.Sockets;

namespace Coordinator.Chaos.Drivers.Postgres;

/// <summary>What a link does to what goes over it.</summary>
internal enum LinkState
{
    /// <summary>Carries it.</summary>
    Open,

    /// <summary>Ends every connection, and takes none.</summary>
    Cut,

    /// <summary>Takes connections, and lets nothing through either way: half-open (N06).</summary>
    Swallowing,

    /// <summary>What the host sends is lost, what is sent to it arrives (N10).</summary>
    SwallowingOutbound,

    /// <summary>What the host sends arrives, what is sent to it is lost (N10).</summary>
    SwallowingInbound,

    /// <summary>Carries everything a quarter of a second later.</summary>
    Slow,

    /// <summary>Carries 1 kB a second each way of each connection (N12).</summary>
    Narrow,

    /// <summary>Carries half of the next message that the host sends, and cuts that connection; then it is open again (N05).</summary>
    CutInMessage,
}

/// <summary>One host's link to the server, through this process: a TCP proxy whose behaviour can be changed at any time.</summary>
/// <remarks>Bytes are swallowed, not kept: when a link is open again, its old connections are ended, for a stream with a hole is none.</remarks>
internal sealed class LinkProxy : IDisposable
{
    private const int NarrowBytes = 100;
    private static readonly TimeSpan s_slowness = TimeSpan.FromMilliseconds(250), s_narrowPause = TimeSpan.FromMilliseconds(100);

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly string _host;
    private readonly int _port;
    private readonly Dictionary<Socket, Socket> _connections = [];
    private volatile LinkState _state;

    /// <param name="host">Of the server.</param>
    /// <param name="port">Of the server.</param>
    public LinkProxy(string host, int port)
    {
        (_host, _port) = (host, port);
        _listener.Start();
        _ = AcceptAsync();
    }

    /// <summary>Where the host connects to, on 127.0.0.1.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Ends what was done to links.</summary>
    public static Task HealAsync(IEnumerable<LinkProxy> links)
    {
        foreach (var link in links)
        {
            link.Set(LinkState.Open);
        }

        return Task.CompletedTask;
    }

    /// <summary>Changes the link from now on.</summary>
    public void Set(LinkState state)
    {
        var before = _state;
        _state = state;
        if (state is LinkState.Cut || (state is LinkState.Open && before is not (LinkState.Open or LinkState.Slow or LinkState.Narrow)))
        {
            EndAll();
        }
    }

    public void Dispose()
    {
        _listener.Dispose();
        EndAll();
    }

    private void EndAll()
    {
        lock (_connections)
        {
            foreach (var socket in _connections.SelectMany(pair => new[] { pair.Key, pair.Value }))
            {
                End(socket);
            }

            _connections.Clear();
        }
    }

    /// <summary>At once, and so that the other side is told.</summary>
    private static void End(Socket socket)
    {
        socket.LingerState = new LingerOption(true, 0);
        socket.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = CarryAsync(await _listener.AcceptSocketAsync());
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // The run is over.
        }
    }

    private async Task CarryAsync(Socket near)
    {
        if (_state is LinkState.Cut)
        {
            End(near);
            return;
        }

        var far = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        near.NoDelay = true;
        lock (_connections)
        {
            _connections.Add(near, far);
        }

        try
        {
            await far.ConnectAsync(_host, _port);
            if (_state is LinkState.Cut)
            {
                return; // it was cut meanwhile
            }

            await await Task.WhenAny(PumpAsync(near, far, isOutbound: true), PumpAsync(far, near, isOutbound: false));
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // One side is gone, or the link was cut: so is the other.
        }
        finally
        {
            lock (_connections)
            {
                _connections.Remove(near);
            }

            End(near);
            End(far);
        }
    }

    /// <summary>Carries one way until either side ends or the link is cut.</summary>
    private async Task PumpAsync(Socket from, Socket to, bool isOutbound)
    {
        var buffer = new byte[16 * 1024];
        while (await from.ReceiveAsync(_state is LinkState.Narrow ? buffer.AsMemory(0, NarrowBytes) : buffer) is var count and > 0)
        {
            switch (_state)
            {
                case LinkState.Swallowing:
                case LinkState.SwallowingOutbound when isOutbound:
                case LinkState.SwallowingInbound when !isOutbound:
                    continue;
                case LinkState.CutInMessage when isOutbound:
                    _state = LinkState.Open;
                    await to.SendAsync(buffer.AsMemory(0, count / 2));
                    return;
                case LinkState.Slow:
                    await Task.Delay(s_slowness);
                    break;
                case LinkState.Narrow:
                    await Task.Delay(s_narrowPause);
                    break;
            }

            await to.SendAsync(buffer.AsMemory(0, count));
        }
    }
}
