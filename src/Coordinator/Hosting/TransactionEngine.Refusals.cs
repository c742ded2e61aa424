using Coordinator.Shards;

namespace Coordinator.Hosting;

/// <summary>Why no transaction may begin.</summary>
internal enum BeginRefusal : byte
{
    /// <summary>The host has not opened the log yet.</summary>
    NotStarted,

    /// <summary>Another host owns the log, or nobody yet.</summary>
    StandingBy,

    /// <summary>The store does not write, or does not take the host's heartbeat.</summary>
    StoreAway,

    /// <summary>Too many transactions are in flight.</summary>
    InFlight,

    /// <summary>Too much waits for the store.</summary>
    Backlog,

    /// <summary>The host is stopping.</summary>
    Stopping,

    /// <summary>Only a restart of the host helps.</summary>
    Ended,
}

/// <content>Why no transaction may begin.</content>
internal sealed partial class TransactionEngine
{
    private static readonly TimeSpan SilentStoreLimit = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan StalledStoreLimit = TimeSpan.FromSeconds(1);

    /// <summary>Why no transaction may begin now, or null.</summary>
    public (BeginRefusal Why, string Text)? RefusalOf(Shard? shard)
    {
        if (Volatile.Read(ref _stopping))
        {
            return (BeginRefusal.Stopping, "The host is stopping: no transaction begins any more.");
        }

        var isBroken = _committer.IsBroken || _seats.Any(static seat => seat.Shard is { IsBroken: true });
        if (IsEnded || isBroken)
        {
            return (BeginRefusal.Ended, !isBroken
                ? "Another process owns this log now: this one must be restarted."
                : "The engine has stopped on a fault that it can't judge (see the log): restart the process, which recovers from the log.");
        }

        if (shard is null || shard.IsStopped)
        {
            return !_isOpen
                ? (BeginRefusal.NotStarted, "The host has not started: await its StartAsync first." + _failure)
                : (BeginRefusal.StandingBy, $"This host stands by: {OwnersForPeople()} Send the work there, or wait until this host takes over.{_failure}{_seats.FirstOrDefault(static seat => seat.Failure is not null)?.Failure}");
        }

        if (_committer.StalledFor is var stalled && stalled > StalledStoreLimit)
        {
            return (BeginRefusal.StoreAway, $"The log store has not written for {stalled.TotalSeconds:F0} s: no transaction begins until it does. Those under way wait for it.");
        }

        if (Heartbeat is not null && _clock.Now - Heartbeat.AcknowledgedAt > SilentStoreLimit)
        {
            return (BeginRefusal.StoreAway, "The log store does not take this host's heartbeat: no transaction begins until it does.");
        }

        return InFlightCount >= Options.InFlightMax
            ? (BeginRefusal.InFlight, $"{Options.InFlightMax} transactions are in flight (option {nameof(CoordinatorOptions.InFlightMax)}): try again when some have ended.")
            : _committer.BacklogBytes > Options.BacklogBytesMax / 2 // the other half is for those that have begun
                ? (BeginRefusal.Backlog, $"{_committer.BacklogBytes} bytes wait for the log store (option {nameof(CoordinatorOptions.BacklogBytesMax)}): try again when it has caught up.")
                : null;
    }

    /// <summary>Why this host is not ready for work, or null if it is.</summary>
    public string? NotReadyReason => RefusalOf(_beginAt.Current)?.Text;

    private string OwnersForPeople() => _seats is [var only]
        ? $"the log is owned by {only.OwnerName}."
        : $"all shards of the log are owned by {string.Join(", ", _seats.Select(static seat => seat.OwnerName).Distinct())}.";

    /// <summary>What to throw where a transaction may not begin, counted.</summary>
    private TransactionRefusedException Refused((BeginRefusal Why, string Text) refusal)
    {
        Telemetry.Metrics.Refused(refusal.Why);
        return new TransactionRefusedException(default, refusal.Text);
    }
}
