using Coordinator.Participants;
using Coordinator.Protocol;
using Xunit;

namespace Coordinator.Tests;

/// <summary>Transactions over several locks, in which whoever is wounded leaves at once. It keeps its own books of who holds and who waits.</summary>
internal sealed class LockedWorld(int seed)
{
    private const int LockCount = 3;
    private const int TransactionCount = 7;
    private readonly Random _random = new(seed);
    private readonly LockedStream[] _locks = [.. Enumerable.Range(0, LockCount).Select(_ => new LockedStream())];
    private readonly Worker[] _workers = new Worker[TransactionCount];
    private ulong _begun;

    public void Run(int steps)
    {
        for (var slot = 0; slot < _workers.Length; slot++)
        {
            _workers[slot] = Begin();
        }

        for (var step = 0; step < steps; step++)
        {
            Step(_workers[_random.Next(_workers.Length)], _locks[_random.Next(_locks.Length)]);
            foreach (var one in _locks)
            {
                one.AssertExclusion($"seed {seed}, step {step}");
            }

            AssertNoCircle(step);
        }
    }

    private void Step(Worker worker, LockedStream stream)
    {
        var action = _random.Next(10);
        var waits = _locks.Any(one => one.Waiting.ContainsKey(worker));
        if (action == 0)
        {
            Leave(worker);
        }
        else if (waits)
        {
            return; // it can only give up
        }
        else if (!worker.CanBeWounded)
        {
            if (action < 6)
            {
                stream.HandOn(worker);
            }
            else if (action > 7)
            {
                Leave(worker);
            }
        }
        else if (action == 1)
        {
            worker.CanBeWounded = false;
        }
        else if (action == 2 && !stream.Holding.ContainsKey(worker))
        {
            stream.Take(worker).ForEach(Leave);
        }
        else
        {
            stream.Ask(worker, (LockMode)_random.Next(2)).ForEach(Leave);
        }
    }

    /// <summary>Another takes its place: a new one, or the same work again with the age that it has.</summary>
    private void Leave(Worker worker)
    {
        foreach (var one in _locks)
        {
            one.Release(worker);
        }

        _workers[Array.IndexOf(_workers, worker)] = _random.Next(2) == 0 ? Begin() : new Worker(worker.Age, NextId());
    }

    /// <summary>Some are begun at one instant: then their ids tell which is the older one.</summary>
    private Worker Begin() => new(new TransactionAge(DateTimeOffset.UnixEpoch.AddTicks((long)_begun / 3), default), NextId());

    private TransactionId NextId() => new(default, 0, 1, 0, ++_begun);

    private void AssertNoCircle(int step)
    {
        var left = _workers.ToHashSet();
        while (left.RemoveWhere(worker => !_locks.Any(one => one.InTheWayOf(worker).Any(left.Contains))) > 0)
        {
        }

        Assert.True(left.Count == 0, $"seed {seed}, step {step}: {string.Join(", ", left.Select(worker => worker.Transaction.Sequence))} wait for each other");
        Assert.DoesNotContain(_workers, worker => !worker.CanBeWounded && _locks.Any(one => one.Waiting.ContainsKey(worker)));
    }

    private sealed class Worker(TransactionAge age, TransactionId id) : ILockOwner
    {
        public TransactionAge Age => age;

        public TransactionId Transaction => id;

        public bool CanBeWounded { get; set; } = true;

        public bool MayFollow => true;
    }

    /// <summary>One lock, and the books of it.</summary>
    private sealed class LockedStream
    {
        private readonly LockQueue<Worker> _queue = new();
        private readonly HashSet<Worker> _handedOn = [];

        public Dictionary<Worker, LockMode> Holding { get; } = [];

        public Dictionary<Worker, LockMode> Waiting { get; } = [];

        public List<Worker> Ask(Worker worker, LockMode mode)
        {
            if (_handedOn.Contains(worker))
            {
                return [];
            }

            if (_queue.Request(worker, mode, out var wounded) is LockAnswer.Granted)
            {
                Hold(worker, mode);
            }
            else
            {
                Waiting.Add(worker, mode);
            }

            return wounded ?? [];
        }

        public List<Worker> Take(Worker worker)
        {
            if (_queue.TryTake(worker, out var wounded))
            {
                Hold(worker, LockMode.Exclusive);
            }

            return wounded ?? [];
        }

        public void HandOn(Worker worker)
        {
            var granted = new List<Worker>();
            _queue.HandOn(worker, granted);
            if (Holding.GetValueOrDefault(worker) is LockMode.Exclusive)
            {
                Holding.Remove(worker);
                _handedOn.Add(worker);
            }

            granted.ForEach(Grant);
        }

        public void Release(Worker worker)
        {
            Holding.Remove(worker);
            Waiting.Remove(worker);
            _handedOn.Remove(worker);
            var granted = new List<Worker>();
            _queue.Release(worker, granted);
            granted.ForEach(Grant);
        }

        /// <summary>For whom it waits: holders, those who have handed on, and all who stand before it and wait themselves.</summary>
        public IEnumerable<Worker> InTheWayOf(Worker worker) => !Waiting.TryGetValue(worker, out var mode) ? []
            : Holding.Where(holder => holder.Key != worker && (mode is LockMode.Exclusive || holder.Value is LockMode.Exclusive)).Select(holder => holder.Key)
                .Concat(mode is LockMode.Shared ? _handedOn : [])
                .Concat(Waiting.Keys.Where(other => IsOlder(other, worker)));

        public void AssertExclusion(string when)
        {
            Assert.True(Holding.Count <= 1 || Holding.Values.All(mode => mode is LockMode.Shared), $"{when}: an exclusive holder is not alone");
            Assert.True(_handedOn.Count == 0 || Holding.Values.All(mode => mode is LockMode.Exclusive), $"{when}: a reader goes on from what is not durable");
            Assert.True(Holding.Count + _handedOn.Count > 0 || Waiting.Count == 0, $"{when}: the lock is free and somebody waits");
            Assert.Equal(Holding.Count + _handedOn.Count + Waiting.Count == 0, _queue.IsIdle);
        }

        private static bool IsOlder(Worker one, Worker other) =>
            one.Age.IsOlderThan(other.Age) || (!other.Age.IsOlderThan(one.Age) && one.Transaction < other.Transaction);

        private void Grant(Worker worker)
        {
            Assert.True(Waiting.Remove(worker, out var mode), "who does not wait is granted nothing");
            Hold(worker, mode);
        }

        private void Hold(Worker worker, LockMode mode) => Holding[worker] = Holding.TryGetValue(worker, out var held) && held > mode ? held : mode;
    }
}
