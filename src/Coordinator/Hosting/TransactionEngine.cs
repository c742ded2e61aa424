using System.Runtime.CompilerServices;
using Coordinator.Aggregates;
using Coordinator.Diagnostics;
using Coordinator.Log;
using Coordinator.Participants;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Ownership;
using Coordinator.Shards;
using Microsoft.Extensions.Logging;
using Polly;

namespace Coordinator.Hosting;

/// <summary>What a host injects: a simulation replaces all of it, and so owns time, order, chance and storage.</summary>
/// <param name="Store">Where the log is.</param>
/// <param name="Time">Every clock and timer.</param>
/// <param name="Random">Identities.</param>
/// <param name="Dispatcher">Where continuations run.</param>
/// <param name="Transport">Wraps the in-process transport; null for the plain one.</param>
/// <param name="HostName">Goes into ShardOwned, for people.</param>
/// <param name="Processes">Which of the hosts on this machine are gone.</param>
/// <param name="Snapshots">Where snapshots are kept; null: where the log's store keeps them.</param>
/// <param name="Telemetry">What others may listen to, the engine's from now on; null: nobody may.</param>
internal sealed record EngineSeams(
    ILogStore Store,
    TimeProvider Time,
    IRandomSource Random,
    IDispatcher Dispatcher,
    Func<ITransport, ITransport>? Transport,
    string HostName,
    IHostProcesses Processes,
    ISnapshotStore? Snapshots = null,
    EngineTelemetry? Telemetry = null);

/// <summary>
/// The embedded host: one process that owns the log's only shard, and everything in it. Puts the parts together, decides nothing.
/// </summary>
internal sealed partial class TransactionEngine : ITransactions, IEventLog, IAsyncDisposable
{
    private const ushort OnlyShard = 0;
    private static readonly TimeSpan TickPeriod = TimeSpan.FromMilliseconds(50);

    private readonly EngineSeams _seams;
    private readonly ILogger _logger;
    private readonly MonotonicClock _clock;
    private readonly ITransport _transport;
    private readonly GroupCommitter _committer;
    private readonly ResiliencePipeline<TransactionOutcome>? _reruns;
    private readonly ResiliencePipeline<TransactionOutcome> _defaultReruns;
    private readonly SnapshotKeeper _snapshots;
    private Shard? _shard;

    public TransactionEngine(
        EngineSeams seams,
        CoordinatorOptions options,
        EventTypes events,
        AggregateTypes aggregates,
        ILogger logger,
        Action<ResiliencePipelineBuilder<TransactionOutcome>>? reruns = null)
    {
        _seams = seams;
        _logger = logger;
        Options = options;
        Events = events;
        Aggregates = aggregates;
        _reruns = reruns is null ? null : Client.Reruns.Build(reruns, seams.Time);
        _defaultReruns = Client.Reruns.Default(seams.Time, seams.Random);
        _clock = new MonotonicClock(seams.Time);
        Telemetry = seams.Telemetry ?? EngineTelemetry.Off;
        _snapshots = NewSnapshotKeeper();
        _host = seams.Random.Next();
        var local = new LocalTransport(this);
        _transport = seams.Transport?.Invoke(local) ?? local;
        Participants = NewParticipants();
        _committer = new GroupCommitter(
            seams.Store, seams.Time, _clock, new AppendIds(seams.Random.Next()), seams.Dispatcher, logger, Telemetry, options.GroupBytesMax, options.BacklogBytesMax);
        seams.Telemetry?.Metrics.Observe(this);
    }

    public CoordinatorOptions Options { get; }

    public EventTypes Events { get; }

    public AggregateTypes Aggregates { get; }

    /// <summary>Of the present term: one that owned the log before may hold states that another owner has changed since.</summary>
    public ParticipantHost Participants { get; private set; }

    public IDispatcher Dispatcher => _seams.Dispatcher;

    /// <summary>What others may listen to.</summary>
    public EngineTelemetry Telemetry { get; }

    /// <summary>The engine's monotonic time.</summary>
    public TimeSpan Now => _clock.Now;

    /// <summary>Counts batches, groups and rows.</summary>
    public GroupCommitter Committer => _committer;

    /// <summary>Transactions that are begun and not over.</summary>
    public int InFlightCount => _shard?.InFlightCount ?? 0;

    /// <summary>Records of transactions that the log has in hand.</summary>
    public int InHandCount => _shard?.InHandCount ?? 0;

    /// <inheritdoc cref="Shard.OldestUnresolvedAge"/>
    public TimeSpan OldestUnresolvedAge => _shard?.OldestUnresolvedAge ?? TimeSpan.Zero;

    /// <summary>What recovery found open when this process became owner.</summary>
    public int RecoveredOpenCount { get; private set; }

    public async ValueTask<TransactionOutcome> OutcomeOfAsync(TransactionId id, CancellationToken cancellation = default)
    {
        if (id.IsEmpty)
        {
            throw new ArgumentException("The id is empty: ask with the Id of a transaction or of an outcome.", nameof(id));
        }

        return await InquireAsync(id, cancellation).ConfigureAwait(false) switch
        {
            InquiryAnswer.Committed => new TransactionOutcome.Committed(id),
            InquiryAnswer.Aborted => new TransactionOutcome.Aborted(id, new AbortCause(AbortReason.Presumed)),
            InquiryAnswer.Undecided => new TransactionOutcome.Unknown(id, "It is not decided yet. Ask again."),
            InquiryAnswer.Forgotten => new TransactionOutcome.Unknown(id, "It is older than the log remembers; this will not change."),
            InquiryAnswer.Held => new TransactionOutcome.Unknown(id, "The log can't vouch for it (another generation, or rows that can't be read). An operator must decide."),
            InquiryAnswer.OtherLog => throw new ArgumentException($"Transaction {id} belongs to another log: ask the process that owns it.", nameof(id)),
            _ => throw new ArgumentException($"Transaction {id} was never issued by this log.", nameof(id)),
        };
    }

    private async ValueTask<InquiryAnswer> InquireAsync(TransactionId id, CancellationToken cancellation) => _shard is { } shard
        ? id.Shard == shard.Number ? await shard.AskAsync(id, cancellation).ConfigureAwait(false) : InquiryAnswer.NeverIssued
        : await AskLogAsync(id, cancellation).ConfigureAwait(false);

    public IAsyncEnumerable<RecordedEvent> ReadStreamAsync(string stream, long fromVersion = 1, CancellationToken cancellation = default)
    {
        var name = new StreamName(stream);
        ArgumentOutOfRangeException.ThrowIfLessThan(fromVersion, 1);
        return ReadAsync(name, fromVersion, cancellation);
    }

    public void ToCoordinator(TransactionId id, CommitInput input) => _transport.ToCoordinator(id, input);

    /// <summary>The input that asks to commit now.</summary>
    public CommitInput.CommitRequested CommitInput() => new(_clock.Now + Options.VoteTimeout, ChecksReads: _seams.Store.Beats is not null);

    private async IAsyncEnumerable<RecordedEvent> ReadAsync(
        StreamName stream, long fromVersion, [EnumeratorCancellation] CancellationToken cancellation)
    {
        const int PageSize = 500;
        while (true)
        {
            EnsureReadable(); // for each page: the reader may take its time, and the host may stop meanwhile
            var rows = await _seams.Store.ReadAsync(stream, fromVersion, PageSize, cancellation).ConfigureAwait(false);
            foreach (var row in rows)
            {
                if (row.Kind is RowKind.Event)
                {
                    yield return new RecordedEvent(
                        row.Stream,
                        row.Version,
                        row.Type,
                        row.TypeVersion,
                        row.Transaction,
                        DateTimeOffset.UnixEpoch.AddTicks(row.WrittenAt * TimeSpan.TicksPerMicrosecond),
                        row.Payload,
                        Events.TryRead(row));
                }
            }

            if (rows.Length < PageSize)
            {
                yield break;
            }

            fromVersion = rows[^1].Version + 1;
        }
    }

    /// <summary>Both sides live in this process: messages are calls.</summary>
    private sealed class LocalTransport(TransactionEngine engine) : ITransport
    {
        public void ToCoordinator(TransactionId transaction, CommitInput input) => engine._shard?.Post(transaction, input);

        public void ToParticipant(TransactionId transaction, CommitMessage message) => engine.Participants.Deliver(transaction, message);
    }
}
