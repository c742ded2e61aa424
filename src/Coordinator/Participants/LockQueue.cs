using System.Runtime.InteropServices;
using Coordinator.Protocol;

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

    /// <summary>The transaction ended, or stopped waiting, before its turn came.</summary>
    Ended,
}

/// <summary>Who asks for locks.</summary>
internal interface ILockOwner
{
    TransactionAge Age { get; }

    TransactionId Transaction { get; }

    /// <summary>False once it has promised to obey the decision: it waits for nothing any more, and nobody may take its locks.</summary>
    bool CanBeWounded { get; }

    /// <summary>It may go on from changes that are on their way to the log; others wait until these are there, as readers do.</summary>
    bool MayFollow { get; }
}

/// <summary>
/// The lock of one aggregate: shared or exclusive, granted by age. Two-phase: a holder releases once, at its end, or hands on to the next
/// writer once its commit is on its way to the log. Not thread-safe; its activation guards it.
/// </summary>
/// <remarks>
/// Wound-wait: who asks names the younger holders in its way that can be wounded, and waits for the others. Waiters stand in the order of their age, so
/// a waiter waits for older ones and for holders that have voted, who wait for nobody: no circle can close, over however many
/// locks. A holder that is younger than a waiter in its way can't come about later, for the lock is granted to the head of the queue only.
/// </remarks>
internal sealed class LockQueue<T>
    where T : class, ILockOwner
{
    private readonly List<(T Owner, LockMode Mode)> _holders = [];
    private readonly List<(T Owner, LockMode Mode)> _waiters = []; // the oldest first
    private readonly List<T> _handedOn = []; // until they have left: readers wait for that

    public bool IsIdle => _holders.Count == 0 && _waiters.Count == 0 && _handedOn.Count == 0;

    /// <summary>Asks for the lock; a holder that asks for the mode it has, or less, is granted.</summary>
    /// <param name="owner">Who asks.</param>
    /// <param name="mode">For what.</param>
    /// <param name="wounded">The younger holders that are to be dropped for it, if it must wait; null if there are none.</param>
    public LockAnswer Request(T owner, LockMode mode, out List<T>? wounded)
    {
        wounded = null;
        var held = IndexOf(_holders, owner);
        if (held >= 0 && _holders[held].Mode >= mode)
        {
            return LockAnswer.Granted;
        }

        var place = 0;
        while (place < _waiters.Count && !IsOlder(owner, _waiters[place].Owner))
        {
            place++;
        }

        if (place == 0 && TryGrant((owner, mode)))
        {
            return LockAnswer.Granted;
        }

        _waiters.Insert(place, (owner, mode));
        wounded = YoungerInTheWay(owner, mode);
        return LockAnswer.Waiting;
    }

    /// <summary>Takes the lock for writing if that needs no wait for anybody older, and never queues: for who works without locks until its vote.</summary>
    /// <param name="owner">Who asks; it holds nothing.</param>
    /// <param name="wounded">If it is not granted and all in the way are younger: they are to be dropped, and it may try once more. Else null.</param>
    public bool TryTake(T owner, out List<T>? wounded)
    {
        wounded = null;
        if (_waiters.Count > 0 && !IsOlder(owner, _waiters[0].Owner))
        {
            return false;
        }

        if (TryGrant((owner, LockMode.Exclusive)))
        {
            return true;
        }

        wounded = YoungerInTheWay(owner, LockMode.Exclusive) is { } younger && younger.Count == _holders.Count ? younger : null;
        return false;
    }

    /// <summary>True if the writer that holds the lock has voted.</summary>
    public bool IsPromised => _holders is [{ Mode: LockMode.Exclusive, Owner.CanBeWounded: false }];

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

    /// <summary>One order of all: two that were begun under one age would else each wait for the other.</summary>
    private static bool IsOlder(T one, T other) =>
        one.Age.IsOlderThan(other.Age) || (!other.Age.IsOlderThan(one.Age) && one.Transaction < other.Transaction);

    private List<T>? YoungerInTheWay(T owner, LockMode mode)
    {
        List<T>? younger = null;
        foreach (var (holder, heldAs) in _holders)
        {
            var isInTheWay = !ReferenceEquals(holder, owner) && (mode is LockMode.Exclusive || heldAs is LockMode.Exclusive);
            if (isInTheWay && holder.CanBeWounded && IsOlder(owner, holder))
            {
                (younger ??= []).Add(holder);
            }
        }

        return younger;
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

    private bool Admits((T Owner, LockMode Mode) request) => request.Mode is LockMode.Exclusive
        ? _holders.Count == 0 && (_handedOn.Count == 0 || request.Owner.MayFollow)
        : _handedOn.Count == 0 && (_holders.Count == 0 || _holders[0].Mode is LockMode.Shared);

    private bool TryGrant((T Owner, LockMode Mode) request)
    {
        var held = IndexOf(_holders, request.Owner);
        if (held >= 0)
        {
            if (_holders.Count > 1)
            {
                return false; // a reader that wants to write waits until it is alone
            }

            _holders[held] = request;
            return true;
        }

        if (!Admits(request))
        {
            return false;
        }

        _holders.Add(request);
        return true;
    }
}
