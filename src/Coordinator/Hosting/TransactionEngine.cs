using System.Runtime.CompilerServices;
using Coordinator.Aggregates;
using Coordinator.Client;
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
/// <param name="Link">Leads to the other hosts of the log, which share its shards; null: this process owns the whole log or none of it.</param>
/// <param name="ShardCount">How many shards the log has at least; 1 without a link.</param>
internal sealed record EngineSeams(
    ILogStore Store,
    TimeProvider Time,
    IRandomSource Random,
    IDispatcher Dispatcher,
    Func<ITransport, ITransport>? Transport,
    string HostName,
    IHostProcesses Processes,
    ISnapshotStore? Snapshots = null,
    EngineTelemetry? Telemetry = null,
    IHostLink? Link = null,
    int ShardCount = 1);

/// <summary>
/// One process on a log: the owner of its only shard, or one of several hosts that share its shards, and everything in it. Puts the parts together, decides
/// nothing.
/// </summary>
internal sealed partial class TransactionEngine : ITransactions, IEventLog, IAsyncDisposable
{
    internal static readonly TimeSpan TickPeriod = TimeSpan.FromMilliseconds(50);

    private readonly EngineSeams _seams;
    private readonly ILogger _logger;
    private readonly MonotonicClock _clock;
    private readonly MessageRouter _router;
    private readonly ITransport _transport;
    private readonly GroupCommitter _committer;
    private readonly ResiliencePipeline<TransactionOutcome>? _reruns;
    private readonly ResiliencePipeline<TransactionOutcome> _defaultReruns;
    private readonly SnapshotKeeper _snapshots;
    private readonly OneWriteAtATime? _writes; // null where hosts don't share the log

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
#if PLANTED_BUGS
        HasPlantedBugs(logger, PlantedBugs.Chosen);
#endif
        Options = options;
        Events = events;
        Aggregates = aggregates;
        _reruns = reruns is null ? null : Client.Reruns.Build(reruns, seams.Time);
        _defaultReruns = Client.Reruns.Default(seams.Time, seams.Random);
        _clock = new MonotonicClock(seams.Time);
        Telemetry = seams.Telemetry ?? EngineTelemetry.Off;
        _snapshots = NewSnapshotKeeper();
        _host = seams.Random.Next();
        _beginAt = new ChosenOne<Shard>(static shard => shard.IsStopped, AnyOther);
        if (seams.Link is { } link)
        {
            _seams = seams = seams with { Store = _writes = new OneWriteAtATime(seams.Store, _clock, seams.Dispatcher) };
            _host = link.Host;
        }

        _router = new MessageRouter(this, seams.Link);
        _transport = seams.Transport?.Invoke(_router) ?? _router;
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

    /// <summary>Where the log is.</summary>
    public ILogStore Store => _seams.Store;

    /// <summary>Every clock and timer.</summary>
    public TimeProvider Time => _seams.Time;

    public ILogger Logger => _logger;

    /// <summary>Transactions that are begun here and not over.</summary>
    public int InFlightCount => Sum(static shard => shard.InFlightCount);

    /// <summary>Records of transactions that the log has in hand.</summary>
    public int InHandCount => Sum(static shard => shard.InHandCount);

    /// <inheritdoc cref="Shard.OldestUnresolvedAge"/>
    public TimeSpan OldestUnresolvedAge
    {
        get
        {
            var oldest = TimeSpan.Zero;
            foreach (var seat in _seats)
            {
                oldest = seat.Shard is { } shard && shard.OldestUnresolvedAge is var age && age > oldest ? age : oldest;
            }

            return oldest;
        }
    }

    /// <summary>Rows that this host has removed from the log.</summary>
    public long RowsForgotten => _seats.Sum(static seat => seat.RowsForgotten);

    /// <summary>What is covered by it is forgotten at the shard that transactions begin on; null if nothing is.</summary>
    public ForgetMark? Horizon => _beginAt.Current?.Lane.Forgetting.Horizon;

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

    /// <summary>The shard of this number if this host has a term there; null otherwise.</summary>
    public Shard? ShardOf(ushort number) => number < _seats.Length ? _seats[number].Shard : null;

    /// <summary>Who owned the shard when this host last looked; 0 if nobody, or not known.</summary>
    public ulong OwnerOf(ushort number) => number < _seats.Length ? _seats[number].OwnerHost : 0;

    /// <summary>What is known of a transaction here: from its shard, or else from the log.</summary>
    public async ValueTask<InquiryAnswer> InquireAsync(TransactionId id, CancellationToken cancellation) =>
        ShardOf(id.Shard) is { } shard ? await shard.AskAsync(id, cancellation).ConfigureAwait(false)
        : _seats.IsEmpty || id.Shard < _seats.Length ? await AskLogAsync(id, cancellation).ConfigureAwait(false)
        : InquiryAnswer.NeverIssued;

    /// <summary>A message of another host. Never blocks, never throws.</summary>
    public void Receive(ulong from, in HostMessage message) => _router.Receive(from, message);

    /// <summary>The work of one call of a transaction that was begun elsewhere.</summary>
    /// <exception cref="TransactionRefusedException">It is of another log, or this host has not started, or stops.</exception>
    public JoinedTransaction Join(TransactionHeader header)
    {
        if (_meta is not { } meta)
        {
            throw new TransactionRefusedException(header.Id, "The host has not opened its log yet: nothing can take part in a transaction here.");
        }

        if (IsStopping)
        {
            throw new TransactionRefusedException(header.Id, "The host is stopping: no work is begun here any more.");
        }

        if (header.Id.Log != meta.Identity)
        {
            throw new TransactionRefusedException(
                header.Id, $"Transaction {header.Id} is of another log than this host's ({meta.Identity}): what is to be one transaction must be on one log.");
        }

        return header.Timeout > TimeSpan.Zero && header.Timeout <= CoordinatorOptions.TimeoutMax
            ? new JoinedTransaction(this, header)
            : throw new TransactionRefusedException(header.Id, $"Transaction {header.Id} came with a time-out of {header.Timeout}: no host issues such terms.");
    }

    public IAsyncEnumerable<RecordedEvent> ReadStreamAsync(string stream, long fromVersion = 1, CancellationToken cancellation = default)
    {
        var name = new StreamName(stream);
        ArgumentOutOfRangeException.ThrowIfLessThan(fromVersion, 1);
        return ReadAsync(name, fromVersion, cancellation);
    }

    public void ToCoordinator(TransactionId id, CommitInput input) => _transport.ToCoordinator(id, _host, input);

    /// <summary>The input that asks to commit now.</summary>
    public CommitInput.CommitRequested CommitInput() => new(_clock.Now + Options.VoteTimeout, ChecksReads: _seams.Store.Beats is not null, Options.RedoBytesMax);

    /// <summary>The input that gives the work up.</summary>
    public CommitInput.GiveUpRequested GiveUpInput(AbortCause cause) => new(cause, _clock.Now + Options.VoteTimeout);

    private async IAsyncEnumerable<RecordedEvent> ReadAsync(
        StreamName stream, long fromVersion, [EnumeratorCancellation] CancellationToken cancellation)
    {
        const int PageSize = 500;
        while (true)
        {
            EnsureReadable(); // for each page: the reader may take its time, and the host may stop meanwhile
#if PLANTED_BUGS
            fromVersion += fromVersion > 1 && PlantedBugs.Has(PlantedBug.ReaderSkipsGap) ? 1 : 0;
#endif
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

    private int Sum(Func<Shard, int> count)
    {
        var sum = 0;
        foreach (var seat in _seats)
        {
            sum += seat.Shard is { } shard ? count(shard) : 0;
        }

        return sum;
    }
}
