using Coordinator.Hosting;
using Coordinator.Log;
using Coordinator.Participants;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Participation;

namespace Coordinator.Diagnostics;

/// <summary>How an instrument is declared: the only place for its name, its unit and its labels.</summary>
internal sealed record InstrumentName(string Name, string Unit, string Meaning, params MetricLabel[] Labels);

/// <summary>How a span is declared.</summary>
internal sealed record SpanName(string Name, string Meaning, params string[] Tags);

/// <summary>
/// Every name that telemetry uses. Dashboards and alarms of users rest on them: what was released here is never renamed. docs/telemetry.md is
/// compared with this file by a test.
/// </summary>
internal static class TelemetryNames
{
    // Labels of metrics are closed lists, whatever users do: no id, stream, key or tenant (T20).
    public static readonly MetricLabel Outcome = MetricLabel.Of<OutcomeKind>("coordinator.outcome");
    public static readonly MetricLabel Reason = MetricLabel.Of<AbortReason>("coordinator.abort.reason");
    public static readonly MetricLabel Refusal = MetricLabel.Of<BeginRefusal>("coordinator.refusal.reason");
    public static readonly MetricLabel Phase = MetricLabel.Of<CommitPhase>("coordinator.phase");
    public static readonly MetricLabel Mode = MetricLabel.Of<LockMode>("coordinator.lock.mode");
    public static readonly MetricLabel WaitEnd = MetricLabel.Of<LockWaitEnd>("coordinator.lock.end");
    public static readonly MetricLabel Answer = MetricLabel.Of<GroupAnswerKind>("coordinator.append.answer");
    public static readonly MetricLabel Result = MetricLabel.Of<SnapshotResult>("coordinator.snapshot.result");

    public static readonly InstrumentName TransactionCount = new(
        "coordinator.transaction.count", "{transaction}", "What initiators were told first, once for each attempt that was not withdrawn because its idempotency key was bound; the reason with aborted only", Outcome, Reason);

    public static readonly InstrumentName RefusedCount = new(
        "coordinator.transaction.refused.count", "{transaction}", "Begins, and attempts of RunAsync, that this host refused; nothing was begun", Refusal);

    public static readonly InstrumentName TransactionDuration = new(
        "coordinator.transaction.duration", "s", "From Begin until the initiator was told", Outcome);

    public static readonly InstrumentName PhaseDuration = new(
        "coordinator.transaction.phase.duration",
        "s",
        "How long a transaction was in each phase that it left: active is the work, preparing the votes, committing the time in the log's hands",
        Phase);

    public static readonly InstrumentName RerunCount = new(
        "coordinator.transaction.rerun.count", "{rerun}", "Attempts of RunAsync behind the first; the reason is the one that the attempt before was aborted for", Reason);

    public static readonly InstrumentName InFlight = new(
        "coordinator.transaction.in_flight", "{transaction}", "Transactions begun or recovered here and not forgotten yet");

    public static readonly InstrumentName InHand = new(
        "coordinator.transaction.in_hand", "{transaction}", "Transactions with a record in the log's hands: whether it is durable is not known yet");

    public static readonly InstrumentName UnresolvedAge = new(
        "coordinator.transaction.unresolved.age", "s", "Since the oldest transaction here that is neither committed nor aborted was begun, or recovered; 0 if there is none");

    public static readonly InstrumentName InDoubt = new(
        "coordinator.participant.in_doubt", "{participant}", "Participants here that have voted Yes and have heard of no decision for longer than the inquiry delay (1 s)");

    public static readonly InstrumentName LockWait = new(
        "coordinator.lock.wait.duration", "s", "How long those waited who did not get a lock at once; ended are those who never got it: timed out, wounded or cancelled", Mode, WaitEnd);

    public static readonly InstrumentName WoundCount = new(
        "coordinator.lock.wound.count", "{wound}", "Younger transactions that gave up a lock to an older one");

    public static readonly InstrumentName AppendDuration = new(
        "coordinator.append.duration", "s", "One write to the log store, until it answered", Answer);

    public static readonly InstrumentName AppendBatches = new(
        "coordinator.append.batches", "{batch}", "Batches of transactions in one write that landed");

    public static readonly InstrumentName AppendRows = new(
        "coordinator.append.rows", "{row}", "Rows in one write that landed");

    public static readonly InstrumentName Backlog = new(
        "coordinator.append.backlog", "By", "Batches that wait for the log store or are with it");

    public static readonly InstrumentName Owned = new(
        "coordinator.shard.owned", "{shard}", "Shards that this host owns; over all hosts of a log it should be 1");

    public static readonly InstrumentName TermCount = new(
        "coordinator.shard.term.count", "{term}", "Times that this host became owner");

    public static readonly InstrumentName TakeOverCount = new(
        "coordinator.shard.take_over.count", "{take_over}", "Times that it did so from another host that had not handed over");

    public static readonly InstrumentName Forgotten = new(
        "coordinator.log.forgotten.count", "{row}", "Rows that this host removed from the log");

    public static readonly InstrumentName SnapshotCount = new(
        "coordinator.snapshot.count", "{snapshot}", "Snapshots that were due: refused ones are too large or do not survive serialization", Result);

    public static readonly SpanName Transaction = new(
        "coordinator.transaction",
        "One attempt, from Begin until its initiator is told; child of what was current at Begin",
        TransactionId, Outcome.Name, Reason.Name, Attempt, Keyed, Participants);

    public static readonly SpanName Participant = new(
        "coordinator.participant",
        "One participant, from its enlistment until it leaves; child of its transaction",
        Category, Mode.Name, ParticipantEnd, LockWaited);

    public static readonly SpanName Append = new(
        "coordinator.append",
        "One write to the log store that carries a recorded transaction; a root, linked to its transactions (at most 32)",
        Answer.Name, Batches, Rows);

    // Tags of spans that are no labels of metrics.
    public const string TransactionId = "coordinator.transaction.id";
    public const string Attempt = "coordinator.transaction.attempt";
    public const string Keyed = "coordinator.transaction.keyed";
    public const string Participants = "coordinator.transaction.participants";
    public const string Category = "coordinator.stream.category";
    public const string ParticipantEnd = "coordinator.participant.end";
    public const string LockWaited = "coordinator.lock.wait";
    public const string Batches = "coordinator.append.batches";
    public const string Rows = "coordinator.append.rows";

    /// <summary>The phases of a participant as tag values.</summary>
    public static readonly MetricLabel End = MetricLabel.Of<ParticipationPhase>(ParticipantEnd);

    /// <summary>The end of one that has voted and will not hear of the decision here.</summary>
    public static readonly KeyValuePair<string, object?> EndInDoubt = new(ParticipantEnd, "in_doubt");
}

/// <summary>How a wait for a lock ends.</summary>
internal enum LockWaitEnd : byte
{
    Granted,

    /// <summary>Without the lock.</summary>
    Ended,
}

/// <summary>What became of a snapshot that was due.</summary>
internal enum SnapshotResult : byte
{
    Taken,

    /// <summary>Too large, or it is not read back to what it was.</summary>
    Refused,

    /// <summary>The store did not take it.</summary>
    Failed,
}
