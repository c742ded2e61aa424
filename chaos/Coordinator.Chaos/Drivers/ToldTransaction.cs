using Coordinator.Chaos.Drivers.Fleets;

namespace Coordinator.Chaos.Drivers;

/// <summary>One transaction as the clients know it.</summary>
internal sealed class ToldTransaction(string id, Operation? operation, TimeSpan begunAt)
{
    private readonly TaskCompletionSource _known = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _outcome;

    public string Id => id;

    /// <summary>What its client means to do; null if the client is no workload's.</summary>
    public Operation? Operation => operation;

    public TimeSpan BegunAt => begunAt;

    /// <summary>What the host answered to the request that it was begun for; null if nothing.</summary>
    public string? Answer { get; set; }

    /// <summary>When its outcome became known.</summary>
    public TimeSpan KnownAt { get; private set; }

    /// <summary>Its client was told Unknown, or nothing, and had to ask.</summary>
    public bool WasAsked { get; set; }

    /// <summary>Completes when the outcome is known.</summary>
    public Task Known => _known.Task;

    /// <summary>Null while it is not known.</summary>
    public bool? Committed => Volatile.Read(ref _outcome) switch { 0 => null, 1 => true, _ => false };

    /// <summary>The first that is told stands.</summary>
    public void Tell(bool committed)
    {
        if (Interlocked.CompareExchange(ref _outcome, committed ? 1 : 2, 0) == 0)
        {
            KnownAt = History.Now;
            _known.TrySetResult();
        }
    }
}
