using Coordinator.Log;

namespace Coordinator.AdoNet;

/// <summary>
/// The log in a relational database, over any ADO.NET provider. What differs between databases is in the
/// <see cref="LogDialect"/>; what may be said of a write is in <see cref="WriteProcedure"/>.
/// </summary>
internal sealed partial class AdoNetLogStore : ILogStore
{
    private readonly LogDialect _dialect;
    private readonly TimeProvider _time;
    private readonly ReaderPool _readers;
    private readonly Lock _gate = new();
    private WriterLane? _lane;
    private PendingAppend? _pending;
    private bool _disposed;

    public AdoNetLogStore(LogDialect dialect, TimeProvider time)
    {
        _dialect = dialect;
        _time = time;
        _readers = new ReaderPool(dialect);
    }

    /// <inheritdoc/>
    public string Description => _dialect.Description;

    /// <inheritdoc/>
    public IHostBeats? Beats => _dialect.Beats;

    /// <inheritdoc/>
    public async ValueTask<OpenedLog> OpenAsync(LogMeta proposed, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(proposed);
        try
        {
            await _dialect.AcquireAsync(cancellation).ConfigureAwait(false);
            cancellation.ThrowIfCancellationRequested();
            await Lane().Post(static lane => lane.Writer()).ConfigureAwait(false);
            _readers.Open();
            var identity = await _dialect.ReadStoreIdentityAsync(cancellation).ConfigureAwait(false);
            return await ReadMetaAsync(identity, cancellation).ConfigureAwait(false)
                ?? await CreateMetaAsync(proposed, identity, cancellation).ConfigureAwait(false);
        }
        catch (Exception error) when (error is not LogStoreException && _dialect.Explain(error) is { } message)
        {
            throw new LogStoreException(message, error);
        }
    }

    /// <inheritdoc/>
    public ValueTask<GroupAnswer> AppendAsync(RowGroup group)
    {
        ArgumentNullException.ThrowIfNull(group);
        if (RowGroupRules.FaultOf(group) is { } fault)
        {
            return ValueTask.FromResult(new GroupAnswer(GroupAnswerKind.Refused, new ArgumentException(fault, nameof(group))));
        }

        return new ValueTask<GroupAnswer>(Write(group, static (writer, rows) => WriteProcedure.Append(writer, rows), group.ContinuesOnWriter));
    }

    /// <inheritdoc/>
    public void AbandonAppend()
    {
        lock (_gate)
        {
            if (_pending is not { } pending)
            {
                return;
            }

            pending.Abandoned = true;
            if (!_dialect.ReleasesStuckWriter)
            {
                return; // it answers when the driver's call returns: a second writer beside this one is not safe
            }

            _lane?.LeaveBehind();
            _lane = null;
            _pending = null;
            pending.Done.TrySetResult(PendingAppend.Given);
        }
    }

    /// <inheritdoc/>
    public async ValueTask<ClaimAnswer> ClaimAsync(ShardClaim claim)
    {
        ArgumentNullException.ThrowIfNull(claim);
        if (!LogStreams.TryParseShard(claim.Row.Stream, out _))
        {
            return new ClaimAnswer(GroupAnswerKind.Refused, 0, new ArgumentException($"'{claim.Row.Stream}' is no shard.", nameof(claim)));
        }

        long version = 0;
        var answer = await Write(
            claim,
            (writer, what) => WriteProcedure.Run(writer, what, (stepping, wanted) => (version = stepping.WriteClaim(wanted)) > 0)).ConfigureAwait(false);
        return new ClaimAnswer(answer.Kind, answer.Kind is GroupAnswerKind.Landed ? version : 0, answer.Error);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        WriterLane? lane;
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            lane = _lane;
            _lane = null;
        }

        // Readers first: the last connection to close may checkpoint, which is the writer's business alone.
        _readers.Dispose();
        if (lane is not null)
        {
            await Task.Run(lane.Dispose).ConfigureAwait(false);
        }

        await _dialect.DisposeAsync().ConfigureAwait(false);
    }

    private Task<GroupAnswer> Write<T>(T what, Func<LogWriter, T, GroupAnswer> write, bool continuesOnWriter = false)
    {
        var pending = new PendingAppend();
        Task<GroupAnswer> written;
        lock (_gate)
        {
            if (_pending is not null)
            {
                throw new InvalidOperationException("One write at a time: the one before has not been answered.");
            }

            written = Lane().Post(lane => Answer(lane, pending, what, write), continuesOnWriter);
            _pending = pending;
        }

        return _dialect.ReleasesStuckWriter ? Task.WhenAny(written, pending.Done.Task).Unwrap() : written;
    }

    /// <summary>On the lane's thread: opens a connection if there is none, writes, and destroys the connection after Unclear.</summary>
    private GroupAnswer Answer<T>(WriterLane lane, PendingAppend pending, T what, Func<LogWriter, T, GroupAnswer> write)
    {
        GroupAnswer answer;
        try
        {
            answer = write(lane.Writer(), what);
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            answer = new GroupAnswer(GroupAnswerKind.TryAgain, error); // no connection: nothing of the group was sent
        }

        lock (_gate)
        {
            if (pending.Abandoned)
            {
                answer = PendingAppend.Given with { Error = answer.Error ?? PendingAppend.Given.Error };
            }

            if (_pending == pending)
            {
                _pending = null;
            }
        }

        if (answer.Kind is GroupAnswerKind.Unclear)
        {
            lane.DestroyWriter();
        }

        return answer;
    }

    private WriterLane Lane()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _lane ??= new WriterLane(_dialect);
        }
    }

    /// <summary>A write under way, as the one who gives up on it sees it.</summary>
    private sealed class PendingAppend
    {
        /// <summary>What is answered for a write that was given up.</summary>
        public static readonly GroupAnswer Given =
            new(GroupAnswerKind.Unclear, new LogStoreException("The write was given up; it may still land."));

        public TaskCompletionSource<GroupAnswer> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public bool Abandoned { get; set; }
    }
}
