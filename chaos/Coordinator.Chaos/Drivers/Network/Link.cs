namespace Coordinator.Chaos.Drivers.Network;

/// <summary>All that one side sends to another: one way, over however many connections, with at most one fault, which can be changed at any time.</summary>
/// <param name="name">From where to where.</param>
internal sealed class Link(string name)
{
    private readonly Lock _gate = new();
    private readonly HashSet<ProxiedConnection> _connections = [];
    private volatile LinkFault? _fault;
    private TaskCompletionSource _changed = NewChange();
    private long _carriedBytes;

    /// <summary>The fault that it has now; null for none.</summary>
    public LinkFault? Fault => _fault;

    /// <summary>Completes when the fault is set again. To be taken before the look at the fault: a change behind the look is then not missed.</summary>
    public Task Changed => Volatile.Read(ref _changed).Task;

    /// <summary>How much it has carried to its other end.</summary>
    public long CarriedBytes
    {
        get
        {
            lock (_gate)
            {
                return _carriedBytes;
            }
        }
    }

    public override string ToString() => name;

    /// <summary>Gives it a fault in place of what it had, or none. Connections that can't go on under it are reset.</summary>
    public void Set(LinkFault? fault)
    {
        ProxiedConnection[] connections;
        lock (_gate)
        {
            _fault = fault;
            connections = [.. _connections];
        }

        Interlocked.Exchange(ref _changed, NewChange()).TrySetResult();
        foreach (var connection in connections)
        {
            connection.EndIfBroken();
        }
    }

    /// <summary>Lets something through and counts it, if the fault is still the one that was looked at. Else nothing comes through, and the fault is to be looked at again.</summary>
    public bool TryCarry(int bytes, LinkFault? under)
    {
        lock (_gate)
        {
            if (_fault != under)
            {
                return false;
            }

            _carriedBytes += bytes;
            if (under is LinkFault.CutInMessage)
            {
                _fault = null; // one message of one connection: this one
            }

            return true;
        }
    }

    /// <summary>The connection is told when it can't go on.</summary>
    public void Add(ProxiedConnection connection)
    {
        lock (_gate)
        {
            _connections.Add(connection);
        }
    }

    public void Remove(ProxiedConnection connection)
    {
        lock (_gate)
        {
            _connections.Remove(connection);
        }
    }

    private static TaskCompletionSource NewChange() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
