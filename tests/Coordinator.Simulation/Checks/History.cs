using Coordinator.Protocol;
using Coordinator.Testing.Histories;
using Coordinator.Testing.Simulation;

namespace Coordinator.Simulation;

/// <summary>One transaction as its initiator sees it.</summary>
internal sealed class TransactionRecord(TransactionId id, string kind, string host, long begunAt, TimeSpan deadline)
{
    public TransactionId Id { get; } = id;

    public string Kind { get; } = kind;

    public string Host { get; } = host;

    /// <summary>When it began: a number that grows with everything that happens, for much may happen at one instant.</summary>
    public long BegunAt { get; } = begunAt;

    /// <summary>When it is aborted, or its initiator told Unknown if the log has the decision in hand.</summary>
    public TimeSpan Deadline { get; } = deadline;

    /// <summary>What it is to append if it commits.</summary>
    public List<(StreamName Stream, object Event)> Writes { get; } = [];

    /// <summary>What it found under its locks.</summary>
    public List<(StreamName Stream, long Version)> Reads { get; } = [];

    /// <summary>All it read and wrote, in order, as any client of any store could tell it.</summary>
    public List<MicroOperation> Operations { get; } = [];

    /// <summary>The balance of an account at the version that it found.</summary>
    public List<(StreamName Stream, long Version, long Balance)> Balances { get; } = [];

    /// <summary>It was told that it gave up for its own reasons, and the log could be asked: what it read stood then, as if it had only read.</summary>
    public bool GaveUpOnWhatStood { get; set; }

    /// <summary>Set when the initiator asks to commit: before that it can't.</summary>
    public bool AsksToCommit { get; set; }

    /// <summary>Other processes that have done work of it.</summary>
    public HashSet<SimulatedProcess> WorkedAt { get; } = [];

    /// <summary>Streams that it had work for.</summary>
    public HashSet<StreamName> Streams { get; } = [];

    /// <summary>Calls to other hosts that have not come back.</summary>
    public int CallsRunning { get; set; }

    /// <summary>Of an audit that read every account: their sum.</summary>
    public long? Sum { get; set; }

    /// <summary>What the initiator was told, in order.</summary>
    public List<Answer> Told { get; } = [];

    public bool IsReadOnly => Writes.Count == 0;

    public override string ToString() => $"T{Id.Epoch}.{Id.Sequence} ({Kind} at {Host})";
}

/// <summary>What somebody was told of a transaction.</summary>
/// <param name="Outcome">What.</param>
/// <param name="At">When, counted as in <see cref="TransactionRecord.BegunAt"/>.</param>
/// <param name="Time">The world's time then.</param>
/// <param name="By">By which process.</param>
internal sealed record Answer(TransactionOutcome Outcome, long At, TimeSpan Time, string By);

/// <summary>What a client was told who had sent a request under a key.</summary>
/// <param name="Key">Which.</param>
/// <param name="Outcome">What; null: the work failed, by its own exception.</param>
/// <param name="SentAt">When it was sent, counted as in <see cref="TransactionRecord.BegunAt"/>.</param>
/// <param name="At">When it was told.</param>
internal sealed record RequestTold(IdempotencyKey Key, TransactionOutcome? Outcome, long SentAt, long At)
{
    /// <summary>The client believes that nothing was done.</summary>
    public bool SaysNo => Outcome is null or TransactionOutcome.Aborted;
}

/// <summary>All that was done and said in a simulation.</summary>
internal sealed class History
{
    /// <summary>Every transaction that was begun.</summary>
    public List<TransactionRecord> Transactions { get; } = [];

    /// <summary>What clients were told of their idempotency keys.</summary>
    public List<RequestTold> Requests { get; } = [];

    /// <summary>Every transaction that was begun under a key.</summary>
    public List<(string Key, TransactionId Id)> Attempts { get; } = [];

    /// <summary>Every answer to a question for an outcome by id.</summary>
    public List<(TransactionId Id, Answer Answer)> Answers { get; } = [];

    /// <summary>Ids that were asked about and never issued.</summary>
    public HashSet<TransactionId> NeverIssued { get; } = [];

    public Dictionary<TransactionId, TransactionRecord> ById { get; } = [];

    public void Add(TransactionRecord record)
    {
        Transactions.Add(record);
        ById.Add(record.Id, record);
    }
}
