using System.Runtime.CompilerServices;
using Coordinator.Aggregates;
using Coordinator.Client;
using Coordinator.Log;
using Coordinator.Participants;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Ownership;
using Coordinator.Shards;
using Microsoft.Extensions.Logging;

namespace Coordinator.Hosting;

/// <summary>What a host injects: a simulation replaces all of it, and so owns time, order, chance and storage.</summary>
/// <param name="Store">Where the log is.</param>
/// <param name="Time">Every clock and timer.</param>
/// <param name="Random">Identities.</param>
/// <param name="Dispatcher">Where continuations run.</param>
/// <param name="Transport">Wraps the in-process transport; null for the plain one.</param>
/// <param name="HostName">Goes into ShardOwned, for people.</param>
internal sealed record EngineSeams(
    ILogStore Store, TimeProvider Time, IRandomSource Random, IDispatcher Dispatcher, Func<ITransport, ITransport>? Transport, string HostName);

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
    private ITimer? _timer;
    private Shard? _shard;
    private Completion<bool>? _drained;
    private bool _stopping;

    public TransactionEngine(EngineSeams seams, CoordinatorOptions options, EventTypes events, AggregateTypes aggregates, ILogger logger)
    {
        _seams = seams;
        _logger = logger;
        Options = options;
        Events = events;
        Aggregates = aggregates;
        _clock = new MonotonicClock(seams.Time);
        Participants = new ParticipantHost(seams.Store, seams.Dispatcher, _clock, seams.Random, options, logger);
        var local = new LocalTransport(this);
        _transport = seams.Transport?.Invoke(local) ?? local;
        Participants.Connect(_transport);
        _committer = new GroupCommitter(seams.Store, seams.Time, _clock, seams.Random, seams.Dispatcher, logger, options.GroupBytesMax);
    }

    public CoordinatorOptions Options { get; }

    public EventTypes Events { get; }

    public AggregateTypes Aggregates { get; }

    public ParticipantHost Participants { get; }

    public IDispatcher Dispatcher => _seams.Dispatcher;

    /// <summary>Counts batches, groups and rows.</summary>
    public GroupCommitter Committer => _committer;

    /// <summary>Transactions that are begun and not over.</summary>
    public int InFlightCount => _shard?.InFlightCount ?? 0;

    /// <summary>What recovery found open when this process became owner.</summary>
    public int RecoveredOpenCount { get; private set; }

    /// <summary>Opens the log, takes the shard, takes up what was left open.</summary>
    public async Task StartAsync(CancellationToken cancellation)
    {
        var identity = new LogIdentity(_seams.Random.Next() >> (64 - LogIdentity.LogIdBits), 1);
        var meta = await _seams.Store.OpenAsync(new LogMeta(identity, 1, LogMeta.CurrentFormatVersion), cancellation).ConfigureAwait(false);
        if (meta.ShardCount != 1)
        {
            throw new LogStoreException($"{_seams.Store.Description} has {meta.ShardCount} shards: it belongs to a cluster, and this host takes a log of one shard only.");
        }

        var claimer = new ShardClaimer(_seams.Store, meta, _seams.Time, _seams.Random, _seams.HostName);
        var end = await _seams.Store.ReadShardEndAsync(OnlyShard, cancellation).ConfigureAwait(false);
        var lane = await claimer.ClaimAsync(OnlyShard, end.Owned?.Version ?? 0, cancellation).ConfigureAwait(false);
        var recovered = await RecoveredShard.ReplayAsync(_seams.Store, lane, cancellation).ConfigureAwait(false);
        RecoveredOpenCount = recovered.Open.Count;
        var shard = new Shard(recovered, meta, _committer, _seams.Store, _seams.Dispatcher, _clock, _transport, _logger);
        _shard = shard;
        shard.Resume();
        _timer = _seams.Time.CreateTimer(static engine => ((TransactionEngine)engine!).Tick(), this, TickPeriod, TickPeriod);
        Started(_logger, _seams.Store.Description, meta.Identity, lane.Ownership.Epoch, recovered.Open.Count);
    }

    /// <summary>Begins nothing more, lets what is in flight end, and lets go of the log.</summary>
    public async Task StopAsync(CancellationToken cancellation)
    {
        if (Interlocked.Exchange(ref _stopping, true))
        {
            return;
        }

        if (_timer is not null && !IsQuiet)
        {
            var drained = _drained = new Completion<bool>();
            var stopTime = _seams.Time.CreateTimer(
                _ => drained.TryComplete(false, Dispatcher), null, Options.StopTimeout, Timeout.InfiniteTimeSpan);
            await using (stopTime.ConfigureAwait(false))
            {
                using var registration = cancellation.UnsafeRegister(_ => drained.TryComplete(false, Dispatcher), null);
                await drained.WaitAsync().ConfigureAwait(false);
            }
        }

        await CloseAsync().ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync() => await StopAsync(CancellationToken.None).ConfigureAwait(false);

    private async ValueTask CloseAsync()
    {
        if (_shard is { } shard)
        {
            // Whoever still waits is told: with the ticks ends every other way to an answer.
            await shard.CloseAsync().ConfigureAwait(false);
        }

        if (_timer is { } timer)
        {
            _timer = null;
            await timer.DisposeAsync().ConfigureAwait(false);
        }

        if (!_committer.IsIdle)
        {
            // The store has not answered for a batch: closing it under the write could hang as well. The process lets go of it.
            StoreLeftOpen(_logger, _seams.Store.Description);
            return;
        }

        await _seams.Store.DisposeAsync().ConfigureAwait(false);
    }

    public ITransaction Begin()
    {
        if (System.Transactions.Transaction.Current is not null)
        {
            throw new InvalidOperationException(
                "A System.Transactions scope is open, and its transaction can't be one with this one. Begin outside the scope, or suppress it with TransactionScopeOption.Suppress.");
        }

        var shard = _shard;
        var stopping = Volatile.Read(ref _stopping);
        if (stopping || shard is null || shard.IsStopped)
        {
            throw new TransactionRefusedException(default, stopping
                ? "The host is stopping: no transaction begins any more."
                : shard is null ? "The host has not started: await its StartAsync first."
                : shard.IsBroken ? "The engine has stopped on a fault that it can't judge (see the log): restart the process, which recovers from the log."
                : "Another process owns this log now: this one must be restarted.");
        }

        if (shard.InFlightCount >= Options.InFlightMax)
        {
            throw new TransactionRefusedException(
                default, $"{Options.InFlightMax} transactions are in flight (option {nameof(CoordinatorOptions.InFlightMax)}): try again when some have ended.");
        }

        var context = new TransactionContext(this);
        context.Id = shard.Begin(_clock.Now + Options.TransactionTimeout, context);
        return context;
    }

    public async Task<TransactionOutcome> RunAsync(Func<ITransaction, Task> work, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(work);
        cancellation.ThrowIfCancellationRequested();
        var transaction = Begin();
        try
        {
            await work(transaction).ConfigureAwait(false);
        }
        catch (TransactionAbortedException aborted) when (aborted.TransactionId == transaction.Id)
        {
            return await transaction.AbortAsync().ConfigureAwait(false);
        }
        catch (Exception error)
        {
            await transaction.AbortAsync($"the work threw {error.GetType().Name}").ConfigureAwait(false);
            throw;
        }

        return cancellation.IsCancellationRequested
            ? await transaction.AbortAsync("cancelled before the commit was asked for").ConfigureAwait(false)
            : await transaction.CommitAsync(cancellation).ConfigureAwait(false);
    }

    public async ValueTask<TransactionOutcome> OutcomeOfAsync(TransactionId id, CancellationToken cancellation = default)
    {
        if (id.IsEmpty)
        {
            throw new ArgumentException("The id is empty: ask with the Id of a transaction or of an outcome.", nameof(id));
        }

        var shard = _shard ?? throw new TransactionRefusedException(id, "The host has not started: await its StartAsync first.");
        var answer = id.Shard == shard.Number
            ? await shard.AskAsync(id, cancellation).ConfigureAwait(false)
            : InquiryAnswer.NeverIssued;
        return answer switch
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

    public IAsyncEnumerable<RecordedEvent> ReadStreamAsync(string stream, long fromVersion = 1, CancellationToken cancellation = default)
    {
        var name = new StreamName(stream);
        ArgumentOutOfRangeException.ThrowIfLessThan(fromVersion, 1);
        return ReadAsync(name, fromVersion, cancellation);
    }

    public void ToCoordinator(TransactionId id, CommitInput input) => _transport.ToCoordinator(id, input);

    /// <summary>The input that asks to commit now.</summary>
    public CommitInput.CommitRequested CommitInput() => new(_clock.Now + Options.VoteTimeout);

    private async IAsyncEnumerable<RecordedEvent> ReadAsync(
        StreamName stream, long fromVersion, [EnumeratorCancellation] CancellationToken cancellation)
    {
        const int PageSize = 500;
        while (true)
        {
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
                        Events.TryDeserialize(row.Type, row.TypeVersion, row.Payload.Span));
                }
            }

            if (rows.Length < PageSize)
            {
                yield break;
            }

            fromVersion = rows[^1].Version + 1;
        }
    }

    private bool IsQuiet => InFlightCount == 0 && _committer.IsIdle;

    private void Tick()
    {
        _committer.AbandonIfStuck(Options.AppendStallTimeout);
        _shard?.Tick();
        Participants.Tick();
        if (_drained is { } drained && IsQuiet)
        {
            drained.TryComplete(true, Dispatcher);
        }
    }

    /// <summary>Both sides live in this process: messages are calls.</summary>
    private sealed class LocalTransport(TransactionEngine engine) : ITransport
    {
        public void ToCoordinator(TransactionId transaction, CommitInput input) => engine._shard?.Post(transaction, input);

        public void ToParticipant(TransactionId transaction, CommitMessage message) => engine.Participants.Deliver(transaction, message);
    }

    [LoggerMessage(1301, LogLevel.Information, "Coordinating on {Store}, log {Identity}, epoch {Epoch}; {Open} transactions were left open and are taken up.")]
    private static partial void Started(ILogger logger, string store, LogIdentity identity, long epoch, int open);

    [LoggerMessage(1302, LogLevel.Warning, "Stopped while the log store {Store} had a write in hand; it is left open. The next owner reads what became of it.")]
    private static partial void StoreLeftOpen(ILogger logger, string store);
}
