using Microsoft.Extensions.Options;

namespace Coordinator;

/// <summary>Limits and times of the engine. They are checked when the host starts.</summary>
public sealed class CoordinatorOptions
{
    internal static readonly TimeSpan TimeoutMax = TimeSpan.FromHours(1);

    /// <summary>A checkpoint comes behind at least so many rows of a shard. Simulations want more of them.</summary>
    internal int CheckpointRowsMin { get; set; } = 1000;

    /// <summary>
    /// How long a transaction may take from its begin until its decision is handed to the log. After that it is aborted, or,
    /// if the log has the decision in hand, its initiator is told Unknown. Default 30 s.
    /// </summary>
    public TimeSpan TransactionTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long participants may take to vote once the initiator asks to commit. Default 2 s.</summary>
    public TimeSpan VoteTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How long a transaction waits for one lock before it is aborted. Default 5 s.</summary>
    public TimeSpan LockTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How many participants one transaction may have. Default 64.</summary>
    public int ParticipantsMax { get; set; } = 64;

    /// <summary>How many bytes of events one transaction may append. Default 1 MiB.</summary>
    public int RedoBytesMax { get; set; } = 1024 * 1024;

    /// <summary>How many transactions may be in flight in this process; more are refused at begin. Default 10,000.</summary>
    public int InFlightMax { get; set; } = 10_000;

    /// <summary>How many bytes of rows one write to the log may carry, unless a single transaction is larger. Default 256 KiB.</summary>
    public int GroupBytesMax { get; set; } = 256 * 1024;

    /// <summary>
    /// How many bytes of commits may wait for the log store. From half of that on no transaction begins; beyond all of it those that ask
    /// to commit are aborted (<see cref="Coordinator.Protocol.AbortReason.Overloaded"/>). Default 64 MiB.
    /// </summary>
    public long BacklogBytesMax { get; set; } = 64 * 1024 * 1024;

    /// <summary>How long the log store may leave a write without an answer before it is given up and fenced. Default 10 s.</summary>
    public TimeSpan AppendStallTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How long the log remembers at least what became of a transaction; older ones are answered Unknown, never Aborted, once they are forgotten. The
    /// events of streams are kept for ever. At least 1 h, and as long as any transaction may take; <see cref="Timeout.InfiniteTimeSpan"/>: nothing is forgotten.
    /// Default 7 days.
    /// </summary>
    public TimeSpan DecisionRetention { get; set; } = TimeSpan.FromDays(7);

    /// <summary>
    /// How long the log remembers what was committed under an idempotency key; older keys are refused where they say how old they are. At least
    /// 1 min; <see cref="Timeout.InfiniteTimeSpan"/>: for ever. Default 7 days.
    /// </summary>
    public TimeSpan IdempotencyWindow { get; set; } = TimeSpan.FromDays(7);

    /// <summary>How many aggregates are kept in memory; idle ones beyond that are dropped and read again on use. Default 100,000.</summary>
    public int ActivationsMax { get; set; } = 100_000;

    /// <summary>
    /// How many bytes a snapshot may have; of a larger state none is taken, and a warning says so once. On SQLite commits wait for a snapshot
    /// that is being written. Default 1 MiB.
    /// </summary>
    public int SnapshotBytesMax { get; set; } = 1024 * 1024;

    /// <summary>
    /// True: the start of the host waits until this process owns the log. False: it returns while the process stands by; Begin is
    /// refused until it owns the log, and the readiness check says so. Default true.
    /// </summary>
    public bool WaitForOwnership { get; set; } = true;

    /// <summary>
    /// True: a starting process takes the log over from a living owner, whose undecided transactions are aborted. False: it stands
    /// by until the owner is silent or hands over. Default false.
    /// </summary>
    public bool TakeOverAtStart { get; set; }

    /// <summary>
    /// Set after the log was restored from a backup, or a replica was promoted that may lack its last rows: a number greater than
    /// every generation the log has had, from 2 to 255. The log takes it as its generation, once; ids of earlier generations are then held for
    /// an operator and not presumed aborted. May stay set. Default null: a copy of the log is refused where it can be told.
    /// </summary>
    public byte? RestoredAsGeneration { get; set; }

    /// <summary>How long a stopping host waits for transactions in flight, and again until its shards are handed over. Default 10 s.</summary>
    public TimeSpan StopTimeout { get; set; } = TimeSpan.FromSeconds(10);
}

/// <summary>Says at start which option is wrong, what it is and what it may be.</summary>
internal sealed class CoordinatorOptionsValidator : IValidateOptions<CoordinatorOptions>
{
    public ValidateOptionsResult Validate(string? name, CoordinatorOptions options)
    {
        var faults = new List<string>();
        Time(nameof(options.TransactionTimeout), options.TransactionTimeout);
        Time(nameof(options.VoteTimeout), options.VoteTimeout);
        Time(nameof(options.LockTimeout), options.LockTimeout);
        Time(nameof(options.AppendStallTimeout), options.AppendStallTimeout);
        Time(nameof(options.StopTimeout), options.StopTimeout);
        Window(nameof(options.DecisionRetention), options.DecisionRetention, CoordinatorOptions.TimeoutMax);
        Window(nameof(options.IdempotencyWindow), options.IdempotencyWindow, TimeSpan.FromMinutes(1));
        Count(nameof(options.ParticipantsMax), options.ParticipantsMax, 1, 10_000);
        Count(nameof(options.RedoBytesMax), options.RedoBytesMax, 1024, 64 * 1024 * 1024);
        Count(nameof(options.InFlightMax), options.InFlightMax, 1, 1_000_000);
        Count(nameof(options.BacklogBytesMax), options.BacklogBytesMax, 64 * 1024, 16L * 1024 * 1024 * 1024);
        Count(nameof(options.GroupBytesMax), options.GroupBytesMax, 4096, 16 * 1024 * 1024);
        Count(nameof(options.ActivationsMax), options.ActivationsMax, 1, 100_000_000);
        Count(nameof(options.SnapshotBytesMax), options.SnapshotBytesMax, 1024, 64 * 1024 * 1024);
        if (options.RestoredAsGeneration is < 2 and var generation)
        {
            faults.Add(
                $"{nameof(options.RestoredAsGeneration)} is {generation}. Set it to a number greater than every generation the log ever had, so to at least 2 and at most 255; or leave it null.");
        }

        if (options.LockTimeout > options.TransactionTimeout)
        {
            faults.Add(
                $"{nameof(options.LockTimeout)} is {options.LockTimeout}, longer than {nameof(options.TransactionTimeout)} ({options.TransactionTimeout}): "
                + "it would never end a wait. Make it shorter.");
        }

        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);

        void Time(string option, TimeSpan value)
        {
            if (value <= TimeSpan.Zero || value > CoordinatorOptions.TimeoutMax)
            {
                faults.Add($"{option} is {value}. Set it to more than zero and at most {CoordinatorOptions.TimeoutMax}.");
            }
        }

        void Window(string option, TimeSpan value, TimeSpan min)
        {
            if (value < min && value != Timeout.InfiniteTimeSpan)
            {
                faults.Add($"{option} is {value}. Set it to at least {min}, or to Timeout.InfiniteTimeSpan for ever.");
            }
        }

        void Count(string option, long value, long min, long max)
        {
            if (value < min || value > max)
            {
                faults.Add($"{option} is {value}. Set it to at least {min} and at most {max}.");
            }
        }
    }
}
