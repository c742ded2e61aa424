using System.Net;
using System.Net.Sockets;

namespace Coordinator.Chaos.Drivers.Network;

/// <summary>Ports of this machine that nobody uses, below those that the system gives to connections, of which one could take a port between the look and its use.</summary>
internal static class Ports
{
    private const int First = 20_000, Count = 10_000;

    private static int s_next = Environment.ProcessId * 16 % Count;

    /// <summary>One for somebody else to listen at.</summary>
    public static int Free()
    {
        using var listener = Listen();
        return ((IPEndPoint)listener.LocalEndPoint!).Port;
    }

    /// <summary>Listens at one.</summary>
    public static Socket Listen()
    {
        while (true)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                socket.Bind(new IPEndPoint(IPAddress.Loopback, First + (Interlocked.Increment(ref s_next) % Count)));
                socket.Listen();
                return socket;
            }
            catch (SocketException error) when (error.SocketErrorCode is SocketError.AddressAlreadyInUse)
            {
                socket.Dispose(); // the next one
            }
        }
    }
}
