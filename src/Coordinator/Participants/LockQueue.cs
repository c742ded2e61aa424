using System.Runtime.InteropServices;

namespace Coordinator.Participants;

/// <summary>How a lock is held.</summary>
internal enum LockMode : byte
{
    /// <summary>Together with other readers.</summary>
    Shared,

    /// <summary>Alone.</summary>
    Exclusive,
}

/// <summary>What a request for a lock gets.</summary>
internal enum LockAnswer : byte
{
    Granted,
    Waiting,

    /// <summary>Two readers both wait to write: neither could ever be granted, so the second is refused at once.</summary>
    Deadlock,

    /// <summary>The transaction ended, or stopped waiting, before its turn came.</summary>
    Ended,
}

/// <summary>
/// The lock of one aggregate: shared or exclusive, granted in the order of request (a writer is not starved by later
/// readers). Two-phase: a holder releases once, at its end, or hands on to the next writer once its commit is on its way to the log. Not
/// thread-safe; its activation guards it.
/// </summary>
internal sealed class LockQueue<T>
    where T : class
{
    private readonly List<(T Owner, LockMode Mode)> _holders = [];
    private readonly List<(T Owner, LockMode Mode)> _waiters = [];
    private readonly List<T> _handedOn = []; // until they have left: readers wait for that

    public bool IsIdle => _holders.Count == 0 && _waiters.Count == 0 && _handedOn.Count == 0;

    /// <summary>Asks for the lock; a holder that asks for the mode it has, or less, is granted.</summary>
    public LockAnswer Request(T owner, LockMode mode)
    {
        var held = IndexOf(_holders, owner);
        if (held >= 0)
        {
            return _holders[held].Mode >= mode ? LockAnswer.Granted : Upgrade(owner, held);
        }

        if (_waiters.Count == 0 && Admits(mode))
        {
            _holders.Add((owner, mode));
            return LockAnswer.Granted;
        }

        _waiters.Add((owner, mode));
        return LockAnswer.Waiting;
    }

    /// <summary>
    /// The holder's changes are on their way to the log: the next writer may go on from them, before they are there (decision 0009). Readers
    /// wait until it has left.
    /// </summary>
    public void HandOn(T owner, List<T> granted)
    {
        var held = IndexOf(_holders, owner);
        if (held >= 0 && _holders[held].Mode is LockMode.Exclusive)
        {
            _holders.RemoveAt(held);
            _handedOn.Add(owner);
            Grant(granted);
        }
    }

    /// <summary>Gives up the lock or the place in the queue, and adds those who are granted by it to <paramref name="granted"/>.</summary>
    public void Release(T owner, List<T> granted)
    {
        var held = IndexOf(_holders, owner);
        if (held >= 0)
        {
            _holders.RemoveAt(held);
        }

        var waits = IndexOf(_waiters, owner);
        if (waits >= 0)
        {
            _waiters.RemoveAt(waits);
        }

        _handedOn.Remove(owner);
        Grant(granted);
    }

    private void Grant(List<T> granted)
    {
        while (_waiters.Count > 0 && TryGrant(_waiters[0]))
        {
            granted.Add(_waiters[0].Owner);
            _waiters.RemoveAt(0);
        }
    }

    private static int IndexOf(List<(T Owner, LockMode Mode)> list, T owner)
    {
        var span = CollectionsMarshal.AsSpan(list);
        for (var i = 0; i < span.Length; i++)
        {
            if (ReferenceEquals(span[i].Owner, owner))
            {
                return i;
            }
        }

        return -1;
    }

    private bool Admits(LockMode mode) =>
        mode is LockMode.Exclusive ? _holders.Count == 0 : _handedOn.Count == 0 && (_holders.Count == 0 || _holders[0].Mode is LockMode.Shared);

    private LockAnswer Upgrade(T owner, int held)
    {
        if (_holders.Count == 1)
        {
            _holders[held] = (owner, LockMode.Exclusive);
            return LockAnswer.Granted;
        }

        if (_waiters.Count > 0 && IndexOf(_holders, _waiters[0].Owner) >= 0)
        {
            return LockAnswer.Deadlock;
        }

        _waiters.Insert(0, (owner, LockMode.Exclusive)); // before all others: they can't be granted while it reads
        return LockAnswer.Waiting;
    }

    private bool TryGrant((T Owner, LockMode Mode) waiter)
    {
        var held = IndexOf(_holders, waiter.Owner);
        if (held >= 0)
        {
            if (_holders.Count > 1)
            {
                return false;
            }

            _holders[held] = waiter;
            return true;
        }

        if (!Admits(waiter.Mode))
        {
            return false;
        }

        _holders.Add(waiter);
        return true;
    }
}
