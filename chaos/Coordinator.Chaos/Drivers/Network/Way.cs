using System.Net.Sockets;

namespace Coordinator.Chaos.Drivers.Network;

/// <summary>One of the two ways of a connection: carries what comes from one socket to the other, as the link lets it.</summary>
internal sealed class Way(Socket source, Socket target, Link link)
{
    private const int BufferBytes = 16 * 1024, NarrowBytes = 256;

    private volatile bool _hasGap;

    /// <summary>The link is cut, or something was lost and is not being lost any more: what came now would be taken for something else.</summary>
    public bool IsBroken => IsBrokenUnder(link.Fault);

    /// <summary>Carries until either end has closed, or the way is broken.</summary>
    public async Task CarryAsync()
    {
        var buffer = new byte[BufferBytes];
        try
        {
            while (!IsBroken && await source.ReceiveAsync(buffer, SocketFlags.None) is var count and > 0)
            {
                await CarryAsync(buffer.AsMemory(0, count));
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // Either end is gone, or the connection was reset.
        }
    }

    private bool IsBrokenUnder(LinkFault? fault) => fault is LinkFault.Cut || (_hasGap && fault is not LinkFault.Swallow);

    private async Task CarryAsync(ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            var (changed, fault, count) = (link.Changed, link.Fault, bytes.Length);
            if (IsBrokenUnder(fault))
            {
                return;
            }

            switch (fault)
            {
                case LinkFault.Hold:
                    await changed;
                    continue;
                case LinkFault.Swallow:
                    _hasGap = true;
                    return;
                case LinkFault.CutInMessage:
                    count /= 2;
                    break;
                case LinkFault.Delay delay:
                    await Task.Delay(delay.Time);
                    break;
                case LinkFault.Narrow narrow:
                    count = Math.Min(count, NarrowBytes);
                    await Task.WhenAny(changed, Task.Delay(TimeSpan.FromSeconds((double)count / narrow.BytesPerSecond)));
                    break;
            }

            if (link.TryCarry(count, fault))
            {
                _hasGap |= fault is LinkFault.CutInMessage; // the other half
                await target.SendAsync(bytes[..count], SocketFlags.None);
                bytes = bytes[count..];
            }
        }
    }
}
