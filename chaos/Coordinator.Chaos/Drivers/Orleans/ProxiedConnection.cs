using System.Net;
using System.Net.Sockets;

namespace Coordinator.Chaos.Drivers.Orleans;

/// <summary>One connection between two silos, with the faults of its two links on what it carries.</summary>
internal sealed class ProxiedConnection(SiloNetwork network, Socket client, int from, int to) : IDisposable
{
    private const int ChunkBytes = 16 * 1024, SlowChunkBytes = 256;

    private readonly Socket _server = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private volatile bool _hasGap;

    /// <summary>Something was lost and is not being lost any more: what comes now would be taken for something else.</summary>
    public bool IsTorn => _hasGap && network.FaultOf(from, to) is not LinkFault.Swallow && network.FaultOf(to, from) is not LinkFault.Swallow;

    /// <summary>One of its links is cut.</summary>
    public bool IsCut => network.FaultOf(from, to) is LinkFault.Cut || network.FaultOf(to, from) is LinkFault.Cut;

    /// <summary>Carries until either end has closed.</summary>
    public async Task CarryAsync(EndPoint silo)
    {
        client.NoDelay = true;
        await _server.ConnectAsync(silo);
        await Task.WhenAny(PumpAsync(client, _server, from, to), PumpAsync(_server, client, to, from));
    }

    /// <summary>Ends it as a firewall would: nobody is told that it is orderly.</summary>
    public void Dispose()
    {
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

    private async Task PumpAsync(Socket source, Socket target, int sender, int receiver)
    {
        var buffer = new byte[ChunkBytes];
        try
        {
            while (await source.ReceiveAsync(buffer, SocketFlags.None) is var count and > 0)
            {
                await CarryAsync(buffer.AsMemory(0, count), target, sender, receiver);
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // Either end is gone, or the connection was reset.
        }
    }

    private async Task CarryAsync(ReadOnlyMemory<byte> bytes, Socket target, int sender, int receiver)
    {
        while (bytes.Length > 0)
        {
            var changed = network.Changed; // before the look: a change behind it is seen in the next round
            var count = bytes.Length;
            switch (network.FaultOf(sender, receiver))
            {
                case LinkFault.Hold:
                    await changed;
                    continue;
                case LinkFault.Cut:
                    return; // the connection is being reset
                case LinkFault.Swallow:
                    _hasGap = true;
                    return;
                case LinkFault.Delay delay:
                    await Task.Delay(delay.Time);
                    break;
                case LinkFault.Slow slow:
                    count = Math.Min(count, SlowChunkBytes);
                    await Task.WhenAny(changed, Task.Delay(TimeSpan.FromSeconds((double)count / slow.BytesPerSecond)));
                    break;
            }

            if (network.TryCarry(sender, receiver, count))
            {
                await target.SendAsync(bytes[..count], SocketFlags.None);
                bytes = bytes[count..];
            }
        }
    }
}
