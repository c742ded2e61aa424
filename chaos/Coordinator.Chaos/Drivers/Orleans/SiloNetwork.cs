using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Coordinator.Chaos.Drivers.Orleans;

/// <summary>
/// The network between silos: a proxy before each, whose port the silo advertises. Which silo has connected is told by the owner of the
/// connection's port, so that a pair can be cut from each other while both reach everything else.
/// </summary>
/// <param name="size">How many silos there are.</param>
/// <param name="processOf">The process that is a silo now; 0 while there is none.</param>
/// <param name="note">Told of what is not as it should be.</param>
internal sealed class SiloNetwork(int size, Func<int, int> processOf, Action<string> note) : IDisposable
{
    private readonly LinkFault?[,] _faults = new LinkFault?[size, size];
    private readonly long[] _carried = new long[size * size];
    private readonly ConcurrentDictionary<ProxiedConnection, bool> _connections = new();
    private readonly Socket[] _listeners = new Socket[size];
    private readonly int[] _silos = new int[size];
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when some link has changed.</summary>
    public Task Changed => Volatile.Read(ref _changed).Task;

    /// <summary>Opens the proxies, and says for each silo where it listens and what it advertises.</summary>
    public IReadOnlyList<(int Listens, int Advertises)> Open()
    {
        for (var silo = 0; silo < size; silo++)
        {
            _listeners[silo] = Ports.Listen();
            _silos[silo] = Ports.Free();
            _ = AcceptAsync(silo);
        }

        return [.. _listeners.Zip(_silos, static (listener, silo) => (silo, ((IPEndPoint)listener.LocalEndPoint!).Port))];
    }

    /// <summary>The fault of a link now; null if it has none, or if one of its ends is a stranger.</summary>
    public LinkFault? FaultOf(int from, int to)
    {
        lock (_faults)
        {
            return from < 0 || to < 0 ? null : _faults[from, to];
        }
    }

    /// <summary>How much the link has carried to its other end.</summary>
    public long CarriedBytes(int from, int to)
    {
        lock (_faults)
        {
            return _carried[(from * size) + to];
        }
    }

    /// <summary>Lets something through and counts it, in one step with the look at the link's fault. False if nothing comes through now.</summary>
    public bool TryCarry(int from, int to, int bytes)
    {
        lock (_faults)
        {
            if (FaultOf(from, to) is LinkFault.Cut or LinkFault.Swallow or LinkFault.Hold)
            {
                return false;
            }

            if (from >= 0 && to >= 0)
            {
                _carried[(from * size) + to] += bytes;
            }

            return true;
        }
    }

    /// <summary>Puts a fault on a link, in place of what it had.</summary>
    public void Set(int from, int to, LinkFault? fault)
    {
        lock (_faults)
        {
            _faults[from, to] = fault;
        }

        var before = Interlocked.Exchange(ref _changed, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        before.TrySetResult();
        foreach (var connection in _connections.Keys.Where(connection => connection.IsTorn || connection.IsCut))
        {
            connection.Dispose();
        }
    }

    /// <summary>Ends all faults.</summary>
    public void Heal()
    {
        for (var one = 0; one < size; one++)
        {
            for (var other = 0; other < size; other++)
            {
                if (FaultOf(one, other) is not null)
                {
                    Set(one, other, null);
                }
            }
        }
    }

    public void Dispose()
    {
        foreach (var listener in _listeners)
        {
            listener?.Dispose();
        }

        foreach (var connection in _connections.Keys)
        {
            connection.Dispose();
        }
    }

    private async Task AcceptAsync(int silo)
    {
        try
        {
            while (true)
            {
                var client = await _listeners[silo].AcceptAsync();
                _ = Task.Run(() => CarryAsync(client, silo));
            }
        }
        catch (Exception error) when (error is ObjectDisposedException or SocketException)
        {
            // The run is over.
        }
    }

    private async Task CarryAsync(Socket client, int to)
    {
        var from = SiloAt(client);
        var connection = new ProxiedConnection(this, client, from, to);
        _connections[connection] = true;
        try
        {
            if (!connection.IsCut)
            {
                await connection.CarryAsync(new IPEndPoint(IPAddress.Loopback, _silos[to]));
            }
        }
        catch (SocketException)
        {
            // One of the ends is gone: so is the other, below.
        }
        finally
        {
            _connections.TryRemove(connection, out _);
            connection.Dispose();
        }
    }

    private int SiloAt(Socket client)
    {
        var (from, to) = (((IPEndPoint)client.RemoteEndPoint!).Port, ((IPEndPoint)client.LocalEndPoint!).Port);
        var processes = Enumerable.Range(0, size).Select(processOf).ToArray();
        if (SocketOwner.Find(from, to, processes.Where(static process => process > 0)) is { } process)
        {
            return Array.IndexOf(processes, process);
        }

        note($"driver: a silo that is gone had connected to the proxy at {to} from port {from}");
        return -1;
    }
}
